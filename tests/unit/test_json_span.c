/* JSON by its grammar: what is JSON, and where its parts are. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"
#include "formats/json_span.h"

static enum sw_err
check(const char *text)
{
	struct arena arena = {0};
	size_t length = strlen(text);
	char *exact = malloc(length + 1);
	enum sw_err err;

	assert_non_null(exact);
	memcpy(exact, text, length);
	err = json_span_check(&arena, exact, length);
	free(exact);
	arena_free(&arena);
	return err;
}

static void
check_json(void **state)
{
	static const char *const texts[] = {"{}", " [ ] \n", "[1,-0,0.5,1e9,-1E+9,1.5e-9]",
	    "{\"a\":{\"b\":[{}, [], \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\ud800\"]}}",
	    "[123456789012345678901234567890,1e999]", "{\"a\":1,\"a\":2}", "[true,false,null]",
	    "{\"\":\"\xc3\xa4\"}"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(check(texts[i]), SW_OK);
}

static void
check_not_json(void **state)
{
	static const char *const texts[] = {"", " ", "1", "\"a\"", "null", "{", "[", "}", "[]]",
	    "[}", "{]", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}",
	    "[1 2]", "[01]", "[+1]", "[.5]", "[1.]", "[1e]", "[-]", "[0x1]", "[NaN]", "[tru]",
	    "[nulll]", "[\"]", "[\"\\\"]", "[\"\\x41\"]", "[\"\\u12g4\"]", "[\"\\u12\"]",
	    "[\"a\nb\"]", "[\"\x01\"]", "[\"\xff\"]", "[] []", "[]x", "['a']", "/**/[]",
	    "{\"a\":1 \"b\":2}", "\xef\xbb\xbf[]"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (check(texts[i]) != SW_EINPUT)
			fail_msg("taken for JSON: %s", texts[i]);
	}
}

static void
check_depth(void **state)
{
	enum {
		LEVELS = 200000
	};
	char *text = malloc(2 * LEVELS + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '[', LEVELS);
	memset(text + LEVELS, ']', LEVELS);
	text[2 * LEVELS] = '\0';
	assert_int_equal(check(text), SW_OK);
	text[2 * LEVELS - 1] = '}';
	assert_int_equal(check(text), SW_EINPUT);
	free(text);
}

static void
assert_span(struct json_span span, const char *text)
{
	assert_int_equal(span.length, strlen(text));
	assert_memory_equal(span.text, text, strlen(text));
}

static void
check_walk(void **state)
{
	static const char text[] = " { \"a\" : [1, {\"b\": \"]\"} ,\"x\"] , \"c\":2}";
	struct json_span root = {text, sizeof(text) - 1}, rest = root, name, value;

	(void)state;
	assert_int_equal(json_span_kind(root), '{');
	assert_true(json_span_next(&rest, &name, &value));
	assert_span(name, "\"a\"");
	assert_span(value, "[1, {\"b\": \"]\"} ,\"x\"]");
	assert_true(json_span_next(&rest, &name, &value));
	assert_span(name, "\"c\"");
	assert_span(value, "2");
	assert_false(json_span_next(&rest, &name, &value));
	rest = json_span_member(root, "a");
	assert_true(json_span_next(&rest, &name, &value));
	assert_span(value, "1");
	assert_int_equal(name.length, 0);
	assert_true(json_span_next(&rest, &name, &value));
	assert_span(value, "{\"b\": \"]\"}");
	assert_true(json_span_next(&rest, &name, &value));
	assert_span(value, "\"x\"");
	assert_false(json_span_next(&rest, &name, &value));
	assert_int_equal(json_span_member(json_span_member(root, "c"), "a").length, 0);
}

static void
check_members(void **state)
{
	static const char text[] = "{\"a\":1,\"b\":{\"a\":2},\"a\":3,\"c\":4}";
	static const char escaped[] = "{\"a\":1,\"\\u0061\":2}";
	static const char *const names[] = {"a", "c", NULL};
	struct json_span root = {text, sizeof(text) - 1};
	struct sbuf out = {0};

	(void)state;
	assert_span(json_span_member(root, "b"), "{\"a\":2}");
	assert_int_equal(json_span_member(root, "a").length, 0);
	json_span_put_members(&out, root, names);
	assert_string_equal(sbuf_text(&out), "{\"a\":1,\"a\":3,\"c\":4}");
	sbuf_reset(&out);
	root = (struct json_span){escaped, sizeof(escaped) - 1};
	assert_int_equal(json_span_member(root, "a").length, 0);
	json_span_put_members(&out, root, names + 1);
	assert_string_equal(sbuf_text(&out), "{\"\\u0061\":2}");
	sbuf_clear(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("what RFC 8259 allows is JSON, whatever its numbers, escapes and names",
		check_json),
	    SAYS("anything else is not", check_not_json),
	    SAYS("200 000 levels are followed without recursion", check_depth),
	    SAYS("members and elements come in order, as they are written", check_walk),
	    SAYS("a doubled or an escaped name is not taken for the member", check_members),
	};

	return RUN_TESTS(tests);
}
