/* page_cache.h: whose page comes back, for how long, and what gives way. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "web/page_cache.h"

static struct page_cache cache;
static struct sbuf out;

static int
set_up(void **state)
{
	(void)state;
	memset(&cache, 0, sizeof(cache));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	page_cache_clear(&cache);
	assert_int_equal(cache.bytes, 0);
	sbuf_clear(&out);
	return 0;
}

/* The hash of somebody's cookie. */
static const uint8_t *
session(int n)
{
	static uint8_t hash[SECRET_SHA256_BYTES];

	memset(hash, 0, sizeof(hash));
	memcpy(hash + 3, &n, sizeof(n));
	return hash;
}

static void
put(int n, const char *version, int64_t now_ms, const char *text)
{
	struct sbuf page = {0};

	sbuf_put_text(&page, text);
	page_cache_put(&cache, session(n), version, now_ms, &page);
	sbuf_clear(&page);
}

static void
put_large(int n, size_t length)
{
	static char text[PAGE_CACHE_BYTES + 2];

	memset(text, 'x', length);
	text[length] = '\0';
	put(n, "large", 0, text);
}

/* What comes back, NULL when nothing does. */
static const char *
get(int n, const char *version, int64_t now_ms)
{
	sbuf_reset(&out);
	return page_cache_get(&cache, session(n), version, now_ms, &out) ? sbuf_text(&out) : NULL;
}

static void
a_page_comes_back_for_its_session_and_version(void **state)
{
	(void)state;
	assert_null(get(1, "home:1", 0));
	put(1, "home:1", 0, "one");
	put(2, "home:1", 0, "two");
	assert_string_equal(get(1, "home:1", 0), "one");
	assert_string_equal(get(2, "home:1", 0), "two");
	assert_null(get(1, "home:2", 0));
	assert_null(get(1, "home:", 0));
	assert_null(get(1, "", 0));
	assert_null(get(3, "home:1", 0));
}

static void
it_is_appended(void **state)
{
	(void)state;
	put(1, "", 0, "page");
	sbuf_reset(&out);
	sbuf_put_text(&out, "before ");
	assert_true(page_cache_get(&cache, session(1), "", 0, &out));
	assert_string_equal(sbuf_text(&out), "before page");
}

static void
a_new_page_takes_the_place_of_the_old(void **state)
{
	(void)state;
	put(1, "home:1", 0, "old");
	put(1, "home:2", 0, "newer");
	assert_null(get(1, "home:1", 0));
	assert_string_equal(get(1, "home:2", 0), "newer");
	assert_int_equal(cache.bytes, strlen("newer"));
}

static void
its_times_grow_old(void **state)
{
	(void)state;
	put(1, "home:1", 1000, "page");
	assert_non_null(get(1, "home:1", 1000 + PAGE_CACHE_MS));
	assert_null(get(1, "home:1", 1000 + PAGE_CACHE_MS + 1));
	put(1, "home:1", 1000 + PAGE_CACHE_MS + 1, "again");
	assert_string_equal(get(1, "home:1", 1000 + 2 * PAGE_CACHE_MS), "again");
}

/* Names, states and a token do not stay in memory for nothing. */
static void
old_ones_are_forgotten(void **state)
{
	(void)state;
	assert_int_equal(page_cache_drop_old(&cache, 0), -1);
	put(1, "home:1", 1000, "one");
	put(2, "home:1", 3000, "two");
	assert_int_equal(page_cache_drop_old(&cache, 3000), PAGE_CACHE_MS - 2000 + 1);
	assert_non_null(get(1, "home:1", 1000 + PAGE_CACHE_MS));
	assert_int_equal(page_cache_drop_old(&cache, 1000 + PAGE_CACHE_MS + 1), 2000);
	assert_int_equal(cache.bytes, strlen("two"));
	assert_int_equal(page_cache_drop_old(&cache, 3000 + PAGE_CACHE_MS + 1), -1);
	assert_int_equal(cache.bytes, 0);
}

static void
the_one_unused_for_longest_gives_way(void **state)
{
	(void)state;
	for (int n = 0; n < PAGE_CACHE_ENTRIES; n++)
		put(n, "home:1", 0, "page");
	assert_non_null(get(0, "home:1", 0));
	put(PAGE_CACHE_ENTRIES, "home:1", 0, "page");
	assert_non_null(get(0, "home:1", 0));
	assert_null(get(1, "home:1", 0));
	assert_non_null(get(2, "home:1", 0));
	assert_non_null(get(PAGE_CACHE_ENTRIES, "home:1", 0));
}

static void
all_of_them_have_a_size(void **state)
{
	(void)state;
	put_large(1, PAGE_CACHE_BYTES / 2);
	put_large(2, PAGE_CACHE_BYTES / 2);
	assert_non_null(get(1, "large", 0));
	assert_non_null(get(2, "large", 0));
	put(3, "home:1", 0, "small");
	assert_null(get(1, "large", 0));
	assert_non_null(get(2, "large", 0));
	assert_non_null(get(3, "home:1", 0));
	put_large(4, PAGE_CACHE_BYTES);
	assert_non_null(get(4, "large", 0));
	assert_null(get(3, "home:1", 0));
	/* one that is too large drives nobody out */
	put_large(5, PAGE_CACHE_BYTES + 1);
	assert_null(get(5, "large", 0));
	assert_non_null(get(4, "large", 0));
}

static void
a_page_that_failed_is_not_kept(void **state)
{
	struct sbuf page;

	(void)state;
	put(1, "home:1", 0, "good");
	sbuf_init(&page, 3);
	sbuf_put_text(&page, "too long");
	page_cache_put(&cache, session(1), "home:1", 0, &page);
	assert_null(get(1, "home:1", 0));
	sbuf_clear(&page);
}

#define SAYS_CACHE(sentence, function)                                             \
	{                                                                          \
		.name = (sentence), .test_func = (function), .setup_func = set_up, \
		.teardown_func = tear_down                                         \
	}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS_CACHE("a page comes back for its session and version",
		a_page_comes_back_for_its_session_and_version),
	    SAYS_CACHE("it is appended to what is there", it_is_appended),
	    SAYS_CACHE(
		"a new page takes the place of the old", a_new_page_takes_the_place_of_the_old),
	    SAYS_CACHE("its times grow old", its_times_grow_old),
	    SAYS_CACHE("old ones are forgotten", old_ones_are_forgotten),
	    SAYS_CACHE(
		"the one unused for longest gives way", the_one_unused_for_longest_gives_way),
	    SAYS_CACHE("all of them have a size", all_of_them_have_a_size),
	    SAYS_CACHE("a page that failed is not kept", a_page_that_failed_is_not_kept),
	};

	return RUN_TESTS(tests);
}
