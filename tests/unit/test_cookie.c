/*
 * cookie.h (RFC 6265 4).
 */
#include "unit.h"

#include <string.h>
#include "formats/cookie.h"

struct get_case {
	const char *header;
	enum sw_err err;
	const char *value;
};

static void
check_get(void **state)
{
	static const struct get_case cases[] = {
	    {"sid=abc", SW_OK, "abc"},
	    {"a=1; sid=abc; b=2", SW_OK, "abc"},
	    {"a=1;sid=abc;b=2", SW_OK, "abc"},
	    {"a=1; \t sid=abc \t; b=2", SW_OK, "abc"},
	    {"sid=one; sid=two", SW_OK, "one"},
	    {"sid=", SW_OK, ""},
	    {"sid=; sid=two", SW_OK, ""},
	    {"sid=a=b", SW_OK, "a=b"},
	    {"sid; sid=abc", SW_OK, "abc"},
	    {";;sid=abc;;", SW_OK, "abc"},
	    {NULL, SW_ENOTFOUND, ""},
	    {"", SW_ENOTFOUND, ""},
	    {";", SW_ENOTFOUND, ""},
	    {"sid", SW_ENOTFOUND, ""},
	    {"xsid=abc", SW_ENOTFOUND, ""},
	    {"sid2=abc", SW_ENOTFOUND, ""},
	    {"SID=abc", SW_ENOTFOUND, ""},
	    {"sid =abc", SW_ENOTFOUND, ""},
	    {"a=sid=abc", SW_ENOTFOUND, ""},
	    {"a=\"; sid=x", SW_OK, "x"},
	    {"sid=a b", SW_EINPUT, ""},
	    {"sid=\"abc\"", SW_EINPUT, ""},
	    {"sid=a,b", SW_EINPUT, ""},
	    {"sid=a\\b", SW_EINPUT, ""},
	    {"sid=a\nb", SW_EINPUT, ""},
	    {"sid=\xc3\xa9", SW_EINPUT, ""},
	    {"sid=\x7f; sid=ok", SW_EINPUT, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char value[16] = "untouched";

		assert_int_equal(
		    cookie_get(cases[i].header, "sid", value, sizeof(value)), cases[i].err);
		assert_string_equal(value, cases[i].value);
	}
}

static void
check_room(void **state)
{
	char value[5] = "";

	(void)state;
	assert_int_equal(cookie_get("a=1234", "a", value, sizeof(value)), SW_OK);
	assert_string_equal(value, "1234");
	assert_int_equal(cookie_get("a=12345", "a", value, sizeof(value)), SW_EINPUT);
	assert_string_equal(value, "");
	assert_int_equal(cookie_get("a=", "a", value, 0), SW_EINPUT);
	assert_int_equal(cookie_get("a=", "a", value, 1), SW_OK);
}

static void
check_put(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	cookie_put(&buf, "__Host-session", "Ab-_9", 86400, true);
	assert_string_equal(sbuf_text(&buf),
	    "__Host-session=Ab-_9; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400; Secure");
	sbuf_reset(&buf);
	cookie_put(&buf, "session", "", 0, false);
	assert_string_equal(sbuf_text(&buf), "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
	sbuf_reset(&buf);
	cookie_put(&buf, "session", "x", -5, false);
	assert_string_equal(
	    sbuf_text(&buf), "session=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
	sbuf_clear(&buf);
}

static void
check_bad_put(void **state)
{
	static const char *const values[] = {
	    "a;b", "a b", "a\r\nSet-Cookie: x=y", "a\"", "a,b", "a\\", "\xc3\xa9", "\x7f"};
	static const char *const names[] = {"", "a=b", "a b", "a;b", "a\n", "(a)", "\xc3\xa9"};
	struct sbuf buf = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		sbuf_reset(&buf);
		cookie_put(&buf, "n", values[i], 1, false);
		assert_true(sbuf_failed(&buf));
		assert_string_equal(sbuf_text(&buf), "");
	}
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		sbuf_reset(&buf);
		cookie_put(&buf, names[i], "v", 1, false);
		assert_true(sbuf_failed(&buf));
	}
	sbuf_clear(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("the first cookie of exactly that name counts", check_get),
	    SAYS("a value that does not fit is refused, not cut", check_room),
	    SAYS("Set-Cookie carries the protecting attributes", check_put),
	    SAYS("names and values that would add an attribute fail the buffer", check_bad_put),
	};

	return RUN_TESTS(tests);
}
