/*
 * url_query.h: forms and queries, decoded once and refused when ambiguous.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "formats/url.h"
#include "formats/url_query.h"

static enum sw_err
parse(struct arena *arena, const char *text, struct url_query *out)
{
	return url_query_parse(arena, text, strlen(text), out);
}

static void
check_all_bytes(void **state)
{
	struct arena arena = {0};
	struct sbuf buf = {0};
	struct url_query query;
	char bytes[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) - 1; i++)
		bytes[i] = (char)(i + 1);
	bytes[sizeof(bytes) - 1] = '\0';
	sbuf_put_text(&buf, "v=");
	url_put_encoded(&buf, bytes);
	assert_int_equal(parse(&arena, sbuf_text(&buf), &query), SW_OK);
	assert_string_equal(url_query_get(&query, "v", NULL), bytes);
	sbuf_clear(&buf);
	arena_free(&arena);
}

static void
check_query(void **state)
{
	struct arena arena = {0};
	struct url_query query;

	(void)state;
	assert_int_equal(
	    parse(&arena, "code=a%2Bb+c&state=x%3d%26y&empty=&bare&e=q=r&t=%C3%A9%0d%0A", &query),
	    SW_OK);
	assert_int_equal(query.count, 6);
	assert_string_equal(url_query_get(&query, "code", NULL), "a+b c");
	assert_string_equal(url_query_get(&query, "state", NULL), "x=&y");
	assert_string_equal(url_query_get(&query, "empty", NULL), "");
	assert_string_equal(url_query_get(&query, "bare", NULL), "");
	assert_string_equal(url_query_get(&query, "e", NULL), "q=r");
	assert_string_equal(url_query_get(&query, "t", NULL), "\xc3\xa9\r\n");
	assert_null(url_query_get(&query, "cod", NULL));
	assert_null(url_query_get(&query, "CODE", NULL));
	assert_null(url_query_get(&query, "", NULL));
	arena_free(&arena);
}

static void
check_decoded_once(void **state)
{
	struct arena arena = {0};
	struct url_query query;

	(void)state;
	assert_int_equal(parse(&arena, "a=%2541&%61=%2500", &query), SW_OK);
	assert_null(url_query_get(&query, "a", NULL));
	assert_string_equal(query.pairs[0].value, "%41");
	assert_string_equal(query.pairs[1].name, "a");
	assert_string_equal(query.pairs[1].value, "%00");
	arena_free(&arena);
}

static void
check_empty_pairs(void **state)
{
	struct arena arena = {0};
	struct url_query query;

	(void)state;
	assert_int_equal(parse(&arena, "&&a=1&&b=2&", &query), SW_OK);
	assert_int_equal(query.count, 2);
	assert_string_equal(query.pairs[1].value, "2");
	assert_int_equal(parse(&arena, "&&&", &query), SW_OK);
	assert_int_equal(query.count, 0);
	assert_int_equal(url_query_parse(&arena, NULL, 0, &query), SW_OK);
	assert_int_equal(query.count, 0);
	assert_null(url_query_get(&query, "a", NULL));
	assert_int_equal(parse(&arena, "=", &query), SW_OK);
	assert_int_equal(query.count, 1);
	assert_string_equal(url_query_get(&query, "", NULL), "");
	arena_free(&arena);
}

static void
check_bad_queries(void **state)
{
	static const char *const bad[] = {"a=%", "a=%4", "a=%4g", "a=%g4", "a=%%41", "a=% 41",
	    "a=%-1", "%=a", "a=%00", "%00=a", "a=1&b=%", "a=%u0041", "a%0A=1", "a%0d=1", "a\n=1",
	    "a%09=1", "a%7F=1", "a=%FF", "a=%C3", "a=%C3%28", "a=%C0%80", "a=%ED%A0%80",
	    "a=%F4%90%80%80", "a=\xff", "\xc3=1", "a=%E2%82&b=%AC"};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct url_query query = {.count = 9};

		if (parse(&arena, bad[i], &query) != SW_EINPUT)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_int_equal(query.count, 0);
		assert_null(query.pairs);
	}
	assert_int_equal(url_query_parse(&arena, "a=1\0b", 5, &(struct url_query){0}), SW_EINPUT);
	arena_free(&arena);
}

/* The text is not terminated: a copy of its exact size shows a byte read too far. */
static void
check_bounds(void **state)
{
	static const char whole[] = "ab=%41%42&c=%C3%A9&d+e=+&&f";
	struct arena arena = {0};

	(void)state;
	for (size_t length = 1; length < sizeof(whole); length++) {
		char *copy = malloc(length);
		struct url_query query;
		enum sw_err err;

		assert_non_null(copy);
		memcpy(copy, whole, length);
		err = url_query_parse(&arena, copy, length, &query);
		free(copy);
		assert_true(err == SW_OK || err == SW_EINPUT);
		if (err == SW_OK)
			assert_string_equal(query.pairs[0].name, length == 1 ? "a" : "ab");
		arena_clear(&arena);
	}
	arena_free(&arena);
}

static void
check_pair_count(void **state)
{
	struct arena arena = {0};
	struct url_query query;
	char text[4 * 65 + 1] = "";

	(void)state;
	for (int i = 0; i < 64; i++)
		memcpy(text + 4 * i, "a=1&", 5);
	assert_int_equal(parse(&arena, text, &query), SW_OK);
	assert_int_equal(query.count, 64);
	memcpy(text + 4 * 64, "a=1", 4);
	assert_int_equal(parse(&arena, text, &query), SW_EINPUT);
	arena_free(&arena);
}

static void
check_twice(void **state)
{
	struct arena arena = {0};
	struct url_query query;
	bool twice = false;

	(void)state;
	assert_int_equal(parse(&arena, "state=1&code=2&stat%65=3&x=", &query), SW_OK);
	assert_string_equal(url_query_get(&query, "code", &twice), "2");
	assert_false(twice);
	assert_null(url_query_get(&query, "state", NULL));
	assert_null(url_query_get(&query, "state", &twice));
	assert_true(twice);
	assert_string_equal(url_query_get(&query, "x", &twice), "");
	assert_true(twice);
	arena_free(&arena);
}

/* Names without "=" need the most room: what is allocated next must not touch them. */
static void
check_bare_names(void **state)
{
	struct arena arena = {0};
	struct url_query query;

	(void)state;
	assert_int_equal(
	    parse(&arena, "aa&bb&cc&dd&ee&ff&gg&hh&ii&jj&kk&ll&mm&nn&oo&pp", &query), SW_OK);
	memset(arena_alloc(&arena, 64), 'z', 64);
	assert_int_equal(query.count, 16);
	for (size_t i = 0; i < query.count; i++) {
		assert_int_equal(query.pairs[i].name[0], 'a' + (int)i);
		assert_int_equal(strlen(query.pairs[i].name), 2);
		assert_string_equal(query.pairs[i].value, "");
	}
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("every ASCII character survives encoding and parsing", check_all_bytes),
	    SAYS("a query is split and decoded", check_query),
	    SAYS("escapes are decoded once, not twice", check_decoded_once),
	    SAYS("empty pairs and empty queries are no pairs", check_empty_pairs),
	    SAYS(
		"bad escapes, NUL, controls in names and bad UTF-8 are refused", check_bad_queries),
	    SAYS("a query cut anywhere is read to its end and no further", check_bounds),
	    SAYS("names without a value stay whole when more is allocated", check_bare_names),
	    SAYS("64 pairs are taken, 65 are refused", check_pair_count),
	    SAYS("a name given twice counts as absent and is reported", check_twice),
	};

	return RUN_TESTS(tests);
}
