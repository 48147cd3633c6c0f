/*
 * The strict JSON loader and the JSON writer.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "formats/json.h"

static void
check_accepted(void **state)
{
	static const char *const good[] = {"{}", "[]", " \t\r\n[1] \n", "{\"a\":1,\"b\":{\"a\":1}}",
	    "[\"\\u0001\\ud83d\\ude00\\/\"]", "[-0.5e-3,true,false,null]",
	    "[9223372036854775807,-9223372036854775808]", "[\"[[[[\\\"]\"]"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		json_t *json;

		if (jsonx_load(good[i], strlen(good[i]), &json) != SW_OK)
			fail_msg("refused: %s", good[i]);
		assert_non_null(json);
		json_decref(json);
	}
}

static void
refuse(const char *text, size_t length)
{
	json_t *json = (json_t *)&json;

	if (jsonx_load(text, length, &json) != SW_EINPUT)
		fail_msg("not refused: %s", text);
	assert_null(json);
}

static void
check_refused(void **state)
{
	static const char *const bad[] = {"", " ", "{", "}", "[1,]", "{\"a\":1,}", "{a:1}", "['a']",
	    "[1]x", "[1][2]", "1", "\"a\"", "null", "true", "\xef\xbb\xbf[]", "{\"a\":1,\"a\":2}",
	    "{\"x\":{\"a\":1,\"a\":1}}", "{\"a\":1,\"\\u0061\":2}", "[\"\\u0000\"]",
	    "{\"\\u0000\":1}", "[\"\\ud800\"]", "[\"\xff\"]", "[\"\xc0\x80\"]",
	    "[\"\xed\xa0\x80\"]", "[\"\xf5\x80\x80\x80\"]", "[\"a\nb\"]", "[\"\\x\"]", "[01]",
	    "[1.]", "[.5]", "[+1]", "[NaN]", "[Infinity]", "[1e999]", "[9223372036854775808]",
	    "[tru]", "[\"a]", "[\"a\\", "/**/[]", "[1]]"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		refuse(bad[i], strlen(bad[i]));
	refuse("[1]\0", 4);
	refuse("[\"a\0b\"]", 7);
	refuse(NULL, 0);
}

/* "depth" levels of arrays and objects, alternating. */
static char *
nest(size_t depth)
{
	char *text = calloc(depth, 7), *at = text;

	assert_non_null(text);
	for (size_t i = 0; i < depth; i++) {
		const char *open = i % 2 == 0 ? "[" : i + 1 < depth ? "{\"a\":" : "{";

		memcpy(at, open, strlen(open));
		at += strlen(open);
	}
	while (depth-- > 0)
		*at++ = depth % 2 == 0 ? ']' : '}';
	return text;
}

static void
check_depth(void **state)
{
	char *text = nest(JSONX_DEPTH_MAX);
	json_t *json;

	(void)state;
	assert_int_equal(jsonx_load(text, strlen(text), &json), SW_OK);
	json_decref(json);
	free(text);
	text = nest(JSONX_DEPTH_MAX + 1);
	refuse(text, strlen(text));
	free(text);
	text = nest(1000000);
	refuse(text, strlen(text));
	free(text);
}

/* Brackets in strings, and after an escaped quote, do not nest. */
static void
check_depth_in_strings(void **state)
{
	struct sbuf text = {0};
	json_t *json;

	(void)state;
	sbuf_put_text(&text, "[\"\\\"");
	for (int i = 0; i < 200; i++)
		sbuf_put_char(&text, '[');
	sbuf_put_text(&text, "\",\"\\\\\",[\"{{{\"]]");
	assert_int_equal(jsonx_load(sbuf_text(&text), text.length, &json), SW_OK);
	assert_int_equal(json_array_size(json), 3);
	json_decref(json);
	sbuf_clear(&text);
}

/* Siblings are not nested, however many there are. */
static void
check_breadth(void **state)
{
	struct sbuf text = {0};
	json_t *json;

	(void)state;
	sbuf_put_char(&text, '[');
	for (int i = 0; i < 1000; i++)
		sbuf_put_text(&text, i > 0 ? ",[{}]" : "[{}]");
	sbuf_put_char(&text, ']');
	assert_int_equal(jsonx_load(sbuf_text(&text), text.length, &json), SW_OK);
	assert_int_equal(json_array_size(json), 1000);
	json_decref(json);
	sbuf_clear(&text);
}

static void
check_accessors(void **state)
{
	static const char text[] = "{\"s\":\"text\",\"e\":\"\",\"n\":null,\"i\":-5,\"r\":5.0,\"b\":"
				   "true,\"o\":{\"p\":{\"q\":\"deep\"}}}";
	struct arena arena = {0};
	char *copy;
	json_t *json;

	(void)state;
	assert_int_equal(jsonx_load(text, strlen(text), &json), SW_OK);
	assert_string_equal(jsonx_string(json, "s"), "text");
	assert_string_equal(jsonx_string(json, "e"), "");
	assert_null(jsonx_string(json, "n"));
	assert_null(jsonx_string(json, "i"));
	assert_null(jsonx_string(json, "absent"));
	assert_null(jsonx_string(NULL, "s"));
	assert_string_equal(json_string_value(jsonx_path(json, "o", "p", "q", NULL)), "deep");
	assert_ptr_equal(jsonx_path(json, NULL), json);
	assert_null(jsonx_path(json, "o", "x", "q", NULL));
	assert_null(jsonx_path(json, "s", "x", NULL));
	assert_null(jsonx_path(NULL, "o", NULL));
	assert_int_equal(jsonx_int(json, "i", 9), -5);
	assert_int_equal(jsonx_int(json, "r", 9), 9);
	assert_int_equal(jsonx_int(json, "s", 9), 9);
	assert_int_equal(jsonx_int(json, "absent", 9), 9);
	copy = jsonx_strdup(&arena, json, "s");
	assert_null(jsonx_strdup(&arena, json, "i"));
	json_decref(json);
	assert_string_equal(copy, "text");
	arena_free(&arena);
}

static void
check_put(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
	    {"[ 1 , -2 , true , false , null , \"a b\" ]", "[1,-2,true,false,null,\"a b\"]"},
	    {"{ \"b\" : { } , \"a\" : [ ] }", "{\"b\":{},\"a\":[]}"},
	    {"[\"</script><!--\"]", "[\"\\u003c\\/script>\\u003c!--\"]"},
	    {"{\"<\":\"<<\"}", "{\"\\u003c\":\"\\u003c\\u003c\"}"},
	    {"[\"\x7f<\x7f\"]", "[\"\\u007f\\u003c\\u007f\"]"},
	    {"[\"\\u00e9\\u2028\\ud83d\\ude00\\u007f\"]",
		"[\"\\u00E9\\u2028\\uD83D\\uDE00\\u007f\"]"},
	    {"[\"\\r\\n\\t\\u0001\\\"\\\\\"]", "[\"\\r\\n\\t\\u0001\\\"\\\\\"]"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sbuf buf = {0};
		json_t *json;

		assert_int_equal(jsonx_load(cases[i].in, strlen(cases[i].in), &json), SW_OK);
		jsonx_put(&buf, json);
		assert_false(sbuf_failed(&buf));
		assert_string_equal(sbuf_text(&buf), cases[i].out);
		json_decref(json);
		sbuf_clear(&buf);
	}
}

/* A bare value comes out as it would inside an array. */
static void
check_put_scalars(void **state)
{
	static const char text[] = "[\"a/b<\",\"\",5,-9223372036854775808,true,false,null]";
	static const char *const want[] = {
	    "\"a\\/b\\u003c\"", "\"\"", "5", "-9223372036854775808", "true", "false", "null"};
	json_t *json;

	(void)state;
	assert_int_equal(jsonx_load(text, strlen(text), &json), SW_OK);
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		struct sbuf buf = {0};

		jsonx_put(&buf, json_array_get(json, i));
		assert_string_equal(sbuf_text(&buf), want[i]);
		sbuf_clear(&buf);
	}
	json_decref(json);
}

static void
check_put_reals(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {{21.3, "21.3"}, {0.1, "0.1"}, {-0.5, "-0.5"}, {100.0, "100.0"},
	    {1e300, "1e300"}, {0.1 + 0.2, "0.30000000000000004"},
	    {1562625410123.4567, "1562625410123.4568"}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		json_t *json = json_real(cases[i].value);
		struct sbuf buf = {0};

		jsonx_put(&buf, json);
		assert_string_equal(sbuf_text(&buf), cases[i].text);
		assert_true(strtod(sbuf_text(&buf), NULL) == cases[i].value);
		json_decref(json);
		sbuf_clear(&buf);
	}
}

static void
check_put_string(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	jsonx_put_string(&buf, "plain text");
	jsonx_put_string(&buf, "a\"b\\c/d<e\n\xc3\xa9");
	jsonx_put_string(&buf, NULL);
	assert_string_equal(
	    sbuf_text(&buf), "\"plain text\"\"a\\\"b\\\\c\\/d\\u003ce\\n\\u00E9\"null");
	assert_false(sbuf_failed(&buf));
	jsonx_put_string(&buf, "\xff");
	assert_true(sbuf_failed(&buf));
	sbuf_clear(&buf);
}

static void
check_put_failures(void **state)
{
	struct sbuf buf = {.limit = 4}, none = {0};
	json_t *json = json_pack("[s]", "much longer");

	(void)state;
	jsonx_put(&buf, json);
	assert_true(sbuf_failed(&buf));
	jsonx_put(&none, NULL);
	assert_true(sbuf_failed(&none));
	json_decref(json);
	sbuf_clear(&buf);
	sbuf_clear(&none);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("an object or an array of strict JSON is read", check_accepted),
	    SAYS("anything else is refused: duplicates, NUL, bad UTF-8, trailing bytes",
		check_refused),
	    SAYS("64 levels are read, more are refused before they are followed", check_depth),
	    SAYS("brackets inside strings are no levels", check_depth_in_strings),
	    SAYS("a list may be long", check_breadth),
	    SAYS("members are found by name and type", check_accessors),
	    SAYS("JSON is written compact, in ASCII, safe inside a script element", check_put),
	    SAYS("a bare value is written like one inside an array", check_put_scalars),
	    SAYS("a real number is written short and reads back the same", check_put_reals),
	    SAYS("text is quoted and escaped", check_put_string),
	    SAYS("a full buffer and a missing value are failures", check_put_failures),
	};

	return RUN_TESTS(tests);
}
