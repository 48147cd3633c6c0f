/*
 * worker/retry.h: the delays between tries.
 */
#include "unit.h"

#include "worker/retry.h"

static const struct backoff backoff = {.first_ms = 1000, .most_ms = 60000};

static void
check_doubling(void **state)
{
	int64_t middle_ms = 1000;

	(void)state;
	for (int64_t failures = 0; failures < 6; failures++) {
		int64_t delay_ms = retry_delay_ms(&backoff, failures, -1);

		assert_in_range(delay_ms, middle_ms - middle_ms / 8, middle_ms + middle_ms / 8);
		middle_ms *= 2;
	}
}

static void
check_most(void **state)
{
	(void)state;
	assert_in_range(retry_delay_ms(&backoff, 6, -1), 52500, 67500);
	assert_in_range(retry_delay_ms(&backoff, INT64_MAX, -1), 52500, 67500);
}

static void
check_required(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(&backoff, 3, 0), 0);
	assert_int_equal(retry_delay_ms(&backoff, 3, 3600000), 3600000);
}

static void
check_help(void **state)
{
	(void)state;
	assert_true(retry_may_help(SW_EUNAVAILABLE));
	assert_true(retry_may_help(SW_ELOCKED));
	assert_false(retry_may_help(SW_EINPUT));
	assert_int_equal(retry_earlier(-1, 5), 5);
	assert_int_equal(retry_earlier(4, 5), 4);
	assert_int_equal(retry_earlier(5, 4), 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("the delay doubles with each failure, an eighth more or less", check_doubling),
	    SAYS("the delay grows no further than its most", check_most),
	    SAYS("a delay that the platform asks for counts as it is", check_required),
	    SAYS("a statement that met a lock is worth another try", check_help),
	};

	return RUN_TESTS(tests);
}
