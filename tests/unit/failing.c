/*
 * Memory that runs out on demand.
 */
#include "failing.h"

#include <errno.h>

#include "unit.h"

static long allowed = -1; /* allocations left; -1: no end */
static bool refused;      /* in this run */
static long live;         /* allocations not yet freed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void __real_free(void *data);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);
void __wrap_free(void *data);

/* Sets errno as malloc() does. */
static bool
may_allocate(void)
{
	if (allowed == 0) {
		refused = true;
		errno = ENOMEM;
		return false;
	}
	if (allowed > 0)
		allowed--;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	void *data = may_allocate() ? __real_malloc(size) : NULL;

	live += data != NULL;
	return data;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	void *data = may_allocate() ? __real_calloc(count, size) : NULL;

	live += data != NULL;
	return data;
}

void *
__wrap_realloc(void *data, size_t size)
{
	void *moved = may_allocate() ? __real_realloc(data, size) : NULL;

	live += moved != NULL && data == NULL;
	return moved;
}

void
__wrap_free(void *data)
{
	live -= data != NULL;
	__real_free(data);
}

void
failing_stop(void)
{
	allowed = -1;
}

long
failing_run(failing_job_fn *job, void *context, enum sw_err expected, bool or_expected)
{
	long count = 0;

	for (;; count++) {
		enum sw_err err;

		assert_true(count < 100000);
		allowed = count;
		refused = false;
		live = 0;
		err = job(context);
		failing_stop();
		if (live != 0)
			fail_msg("%ld allocations left after refusing number %ld", live, count + 1);
		if (!refused) {
			assert_int_equal(err, expected);
			return count;
		}
		if (err != SW_ENOMEM && !(or_expected && err == expected))
			fail_msg("%s after refusing number %ld", err_name(err), count + 1);
	}
}
