/*
 * html.h and the UTF-8 below it.
 */
#include "unit.h"

#include <string.h>
#include "formats/html.h"
#include "base/utf8.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */

struct escape_case {
	const char *text;
	const char *expected;
};

static void
check_text(void **state)
{
	static const struct escape_case cases[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"<b>\"'&", "&lt;b&gt;&quot;&#39;&amp;"},
	    {"&amp;", "&amp;amp;"},
	    {"a<b", "a&lt;b"},
	    {"<>", "&lt;&gt;"},
	    {"</script><script>alert(1)</script>",
		"&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"},
	    {"K\xc3\xbc"
	     "che \xe2\x82\xac \xf0\x9f\x92\xa1",
		"K\xc3\xbc"
		"che \xe2\x82\xac \xf0\x9f\x92\xa1"},
	    {"a\tb\nc\r\f", "a\tb\nc\r\f"},
	};
	struct sbuf buf = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		sbuf_reset(&buf);
		html_put_text(&buf, cases[i].text);
		assert_string_equal(sbuf_text(&buf), cases[i].expected);
	}
	sbuf_reset(&buf);
	html_put_text(&buf, NULL);
	assert_string_equal(sbuf_text(&buf), "");
	sbuf_clear(&buf);
}

static void
check_bad_text(void **state)
{
	static const struct escape_case cases[] = {
	    {"a\xff", "a" BAD},
	    {"\x80\xbf", BAD BAD},
	    {"\xc0\xbc", BAD BAD},                 /* "<" in two bytes */
	    {"\xe0\x80\xbc", BAD BAD BAD},         /* "<" in three bytes */
	    {"\xed\xa0\x80", BAD BAD BAD},         /* a surrogate */
	    {"\xf4\x90\x80\x80", BAD BAD BAD BAD}, /* beyond U+10FFFF */
	    {"\xf5", BAD},
	    {"\xc3<", BAD "&lt;"}, /* a cut sequence must not eat markup */
	    {"\xe2\x82\">", BAD BAD "&quot;&gt;"},
	    {"\xf0\x9f\x92", BAD BAD BAD},
	    {"\xc3", BAD},
	    {"\x01\x1b\x7f", BAD BAD BAD},
	    {"\xc2\x85|\xc2\x9f|\xc2\xa0", BAD "|" BAD "|\xc2\xa0"},
	    {"ok\xc3\xa9\xc3(ok", "ok\xc3\xa9" BAD "(ok"},
	};
	struct sbuf buf = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		sbuf_reset(&buf);
		html_put_text(&buf, cases[i].text);
		assert_string_equal(sbuf_text(&buf), cases[i].expected);
	}
	sbuf_clear(&buf);
}

/* Whatever two bytes go in, nothing that ends a text or an attribute comes out. */
static void
check_pairs_of_bytes(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	for (unsigned int pair = 0; pair < 0x10000; pair++) {
		char text[3] = {(char)(pair >> 8), (char)pair, '\0'};

		sbuf_reset(&buf);
		html_put_text(&buf, text);
		assert_null(strpbrk(sbuf_text(&buf), "<>\"'\x01\x1b\x7f"));
		assert_true(utf8_is_valid(sbuf_text(&buf), buf.length));
	}
	sbuf_clear(&buf);
}

static void
check_attributes(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	html_lit(&buf, "<i");
	html_put_attr(&buf, "title", "a\" onclick=\"x' <&>");
	html_put_attr(&buf, "alt", NULL);
	html_put_attr_int(&buf, "value", -7);
	html_lit(&buf, ">");
	html_put_int(&buf, INT64_MAX);
	assert_string_equal(sbuf_text(&buf),
	    "<i title=\"a&quot; onclick=&quot;x&#39; &lt;&amp;&gt;\" alt=\"\" value=\"-7\">"
	    "9223372036854775807");
	sbuf_clear(&buf);
}

static void
check_url_component(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	html_put_url_component(&buf, "a/b c\"<>'&=\xc3\xa9\xff");
	html_put_url_component(&buf, NULL);
	assert_string_equal(sbuf_text(&buf), "a%2Fb%20c%22%3C%3E%27%26%3D%C3%A9%FF");
	sbuf_clear(&buf);
}

static void
check_sequences(void **state)
{
	(void)state;
	assert_int_equal(utf8_sequence("", 0), 0);
	assert_int_equal(utf8_sequence("\0", 1), 1);
	assert_int_equal(utf8_sequence("a\xff", 2), 1);
	assert_int_equal(utf8_sequence("\xc2\x80", 2), 2);
	assert_int_equal(utf8_sequence("\xdf\xbf", 2), 2);
	assert_int_equal(utf8_sequence("\xe0\xa0\x80", 3), 3);
	assert_int_equal(utf8_sequence("\xed\x9f\xbf", 3), 3);
	assert_int_equal(utf8_sequence("\xee\x80\x80", 3), 3);
	assert_int_equal(utf8_sequence("\xf0\x90\x80\x80", 4), 4);
	assert_int_equal(utf8_sequence("\xf4\x8f\xbf\xbf", 4), 4);
	assert_int_equal(utf8_sequence("\xf4\x8f\xbf\xbf", 3), 0);
	assert_int_equal(utf8_sequence("\xc1\xbf", 2), 0);
	assert_int_equal(utf8_sequence("\xe0\x9f\xbf", 3), 0);
	assert_int_equal(utf8_sequence("\xf0\x8f\xbf\xbf", 4), 0);
	assert_true(utf8_is_valid("", 0));
	assert_true(utf8_is_valid("a\0\xc3\xa9", 4));
	assert_false(utf8_is_valid("a\xc3", 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("text is escaped", check_text),
	    SAYS("bytes that are no UTF-8 and forbidden controls become U+FFFD", check_bad_text),
	    SAYS("no pair of bytes ends the text or the attribute", check_pairs_of_bytes),
	    SAYS("attribute values are quoted and escaped", check_attributes),
	    SAYS("URL components are percent-encoded", check_url_component),
	    SAYS("UTF-8 is what RFC 3629 says", check_sequences),
	};

	return RUN_TESTS(tests);
}
