/*
 * arena.h: alignment, zeroing, limits, and what a clear keeps.
 */
#include "unit.h"

#include <stdalign.h>
#include <string.h>
#include "base/arena.h"

static void
check_allocations(void **state)
{
	static const char zeros[5000];
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	for (size_t round = 0; round < 3; round++) {
		for (size_t size = 0; size < sizeof(zeros); size += 61) {
			char *data = arena_alloc(&arena, size);

			assert_non_null(data);
			assert_int_equal((uintptr_t)data % alignof(max_align_t), 0);
			assert_memory_equal(data, zeros, size);
			memset(data, 0xee, size);
		}
		arena_clear(&arena);
		assert_int_equal(arena.used_total, 0);
	}
	arena_free(&arena);
}

static void
check_separate(void **state)
{
	struct arena arena = {0};
	char *before = arena_alloc(&arena, 0);
	char *zero = arena_alloc(&arena, 0);
	char *big = arena_alloc(&arena, 1000000);
	char *small = arena_alloc(&arena, 8);

	(void)state;
	assert_non_null(zero);
	assert_ptr_not_equal(before, zero);
	memset(big, 1, 1000000);
	memset(small, 2, 8);
	assert_int_equal(big[999999], 1);
	assert_int_equal(small[0], 2);
	assert_true(arena.used_total >= 1000008);
	arena_free(&arena);
	assert_null(arena.first);
	assert_int_equal(arena.used_total, 0);
}

static void
check_first_block(void **state)
{
	struct arena arena = {0};
	void *first = arena_alloc(&arena, 100);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(&arena, 10000));
	arena_clear(&arena);
	assert_ptr_equal(arena_alloc(&arena, 100), first);
	arena_clear(&arena);
	arena_clear(&arena);
	assert_ptr_equal(arena_alloc(&arena, 1), first);
	arena_free(&arena);
}

static void
check_limit(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 4096);
	assert_null(arena_alloc(&arena, 4097));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 15));
	assert_non_null(arena_alloc(&arena, 4000));
	assert_null(arena_alloc(&arena, 97));
	assert_null(arena_printf(&arena, "%200s", "x"));
	assert_non_null(arena_alloc(&arena, 96));
	assert_null(arena_alloc(&arena, 0));
	assert_null(arena_strdup(&arena, "x"));
	arena_clear(&arena);
	assert_non_null(arena_alloc(&arena, 4096));
	arena_free(&arena);
}

static void
check_huge(void **state)
{
	struct arena arena = {0};

	(void)state;
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 15));
	assert_null(arena_strndup(&arena, "x", SIZE_MAX));
	assert_non_null(arena_alloc(&arena, 16));
	assert_null(arena_alloc(&arena, SIZE_MAX - 31));
	assert_non_null(arena_alloc(&arena, 16));
	arena_free(&arena);
}

static void
check_copies(void **state)
{
	struct arena arena = {0};

	(void)state;
	assert_string_equal(arena_strdup(&arena, "copy"), "copy");
	assert_string_equal(arena_strdup(&arena, ""), "");
	assert_null(arena_strdup(&arena, NULL));
	assert_string_equal(arena_strndup(&arena, "not terminated", 3), "not");
	assert_string_equal(arena_strndup(&arena, NULL, 0), "");
	assert_memory_equal(arena_strndup(&arena, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_printf(&arena, "%s-%d", "n", 7), "n-7");
	assert_string_equal(arena_printf(&arena, "%s", ""), "");
	assert_int_equal(strlen(arena_printf(&arena, "%200000d", 1)), 200000);
	arena_free(&arena);
}

static void
check_free(void **state)
{
	struct arena arena = {0};

	(void)state;
	arena_free(NULL);
	arena_clear(&arena);
	arena_free(&arena);
	arena_free(&arena);
	assert_non_null(arena_alloc(&arena, 1));
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("memory is aligned and zeroed, also after a clear", check_allocations),
	    SAYS("allocations of any size do not overlap", check_separate),
	    SAYS("a clear keeps the first block", check_first_block),
	    SAYS("nothing is handed out beyond the limit until a clear", check_limit),
	    SAYS("sizes that would overflow are refused", check_huge),
	    SAYS("copies are terminated, cut at a given length and formatted", check_copies),
	    SAYS("an empty arena can be cleared and freed any number of times", check_free),
	};

	return RUN_TESTS(tests);
}
