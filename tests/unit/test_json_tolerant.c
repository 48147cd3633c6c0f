/*
 * JSON of which a value is odd.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "formats/json.h"
#include "formats/json_tolerant.h"

static void
on_odd(void *context, const char *path)
{
	struct sbuf *paths = context;

	if (paths->length > 0)
		sbuf_put_char(paths, ' ');
	sbuf_put_text(paths, path);
}

/* "expect" is what is read, as compact JSON; "odd" the paths in their order. */
struct one {
	const char *text;
	const char *expect;
	const char *odd;
};

static void
check_one(const char *text, size_t length, const char *expect, const char *odd)
{
	struct sbuf out = {0}, paths = {0};
	json_t *json = NULL;

	if (json_tolerant_load(text, length, on_odd, &paths, &json) != SW_OK)
		fail_msg("refused: %s", text);
	jsonx_put(&out, json);
	assert_string_equal(sbuf_text(&out), expect);
	assert_string_equal(sbuf_text(&paths), odd);
	json_decref(json);
	sbuf_clear(&out);
	sbuf_clear(&paths);
}

static void
check_odd(void **state)
{
	static const struct one ones[] = {
	    {"{\"a\":[1,{\"b\":true}],\"c\":\"x\"}", "{\"a\":[1,{\"b\":true}],\"c\":\"x\"}", ""},
	    {"{\"a\":18446744073709551616,\"b\":1}", "{\"a\":null,\"b\":1}", "a"},
	    {"[-9223372036854775809, 1e999, 2]", "[null,null,2]", "0 1"},
	    {"{\"a\":\"x\\u0000\",\"b\":\"y\"}", "{\"a\":null,\"b\":\"y\"}", "a"},
	    {"[\"\\ud800\",\"\\udc00x\",\"\xff\",\"\xed\xa0\x80\",\"a\nb\",\"\\x\",7]",
		"[null,null,null,null,null,null,7]", "0 1 2 3 4 5"},
	    {"{\"a\":{\"b\":1,\"b\":2,\"c\":3,\"\\u0062\":4}}", "{\"a\":{\"b\":null,\"c\":3}}",
		"a.b a.b"},
	    {"{\"a\":1,\"a\":{\"x\":[\"]\"]},\"b\":2}", "{\"a\":null,\"b\":2}", "a"},
	    {"{\"x\\u0000\":{\"y\":[1,2]},\"b\":{\"\\ud800\":5,\"z\":6}}", "{\"b\":{\"z\":6}}",
		"? b.?"},
	    {"[01,+1,.5,1.,NaN,-Infinity,tru,nil,undefined,0x10,9]",
		"[null,null,null,null,null,null,null,null,null,null,9]", "0 1 2 3 4 5 6 7 8 9"},
	    {"{\"items\":[{\"id\":1},{\"id\":2,\"n\":99999999999999999999}]} ",
		"{\"items\":[{\"id\":1},{\"id\":2,\"n\":null}]}", "items.1.n"},
	    {"[1e999,\"a\\\\\",\"b\\\"]\"]", "[null,\"a\\\\\",\"b\\\"]\"]", "0"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ones); i++)
		check_one(ones[i].text, strlen(ones[i].text), ones[i].expect, ones[i].odd);
	check_one("[\"a\0b\",0\0,1]", 12, "[null,null,1]", "0 1");
}

/* "depth" arrays around nothing, in the middle of other values. */
static void
check_deep(void **state)
{
	static const size_t depths[] = {JSONX_DEPTH_MAX, 3000, 1000000};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(depths); i++) {
		struct sbuf text = {0};
		json_t *json, *deep;

		sbuf_put_text(&text, "{\"a\":1,\"deep\":");
		for (size_t j = 0; j < depths[i]; j++)
			sbuf_put_text(&text, j % 2 == 0 ? "[" : "{\"x\":");
		for (size_t j = depths[i]; j > 0; j--)
			sbuf_put_text(&text, j % 2 == 1 ? "]" : "}");
		sbuf_put_text(&text, ",\"b\":2}");
		assert_false(sbuf_failed(&text));
		assert_int_equal(
		    json_tolerant_load(text.data, text.length, NULL, NULL, &json), SW_OK);
		assert_int_equal(jsonx_int(json, "a", -1) + jsonx_int(json, "b", -1), 3);
		deep = json_object_get(json, "deep");
		for (size_t j = 1; j < JSONX_DEPTH_MAX; j++)
			deep = json_is_array(deep) ? json_array_get(deep, 0)
						   : json_object_get(deep, "x");
		assert_true(json_is_null(deep));
		json_decref(json);
		sbuf_clear(&text);
	}
}

static void
check_refused(void **state)
{
	static const char *const bad[] = {"", " ", "{", "}", "[1,]", "{\"a\":1,}", "{a:1}", "[1]x",
	    "[1][2]", "1", "\"a\"", "null", "1e999", "\xef\xbb\xbf[]", "[\"a]", "[\"a\\",
	    "[\"a\\\"", "/**/[]", "[1]]", "[1 2]", "[1}", "{\"a\":1]", "{\"a\" 1}", "{\"a\"}",
	    "{\"a\":}", "{\"a\":1 \"b\":2}", "{1:2}", "[,]", "[1,,2]", "[1e999", "[1e999,[2]",
	    "{\"\\u0000\":", "{\"\\u0000\":[", "{\"a\":1,\"a\":[{}"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		json_t *json = (json_t *)&json;

		if (json_tolerant_load(bad[i], strlen(bad[i]), NULL, NULL, &json) != SW_EINPUT)
			fail_msg("not refused: %s", bad[i]);
		assert_null(json);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("an odd value reads as null, and costs nothing else", check_odd),
	    SAYS("what is nested too deep reads as null", check_deep),
	    SAYS("what has not the structure of JSON is refused", check_refused),
	};

	return RUN_TESTS(tests);
}
