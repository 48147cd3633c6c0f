/*
 * url.h: forms and queries, URLs that try to look like another, ids.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "formats/url.h"

static enum sw_err
parse(struct arena *arena, const char *text, struct url_query *out)
{
	return url_parse_query(arena, text, strlen(text), out);
}

static void
check_encoding(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	url_put_encoded(&buf, "AZaz09-._~");
	url_put_encoded(&buf, NULL);
	url_put_encoded(&buf, " +&=/?%#\"<\n\x7f\xc3\xa9");
	assert_string_equal(
	    sbuf_text(&buf), "AZaz09-._~%20%2B%26%3D%2F%3F%25%23%22%3C%0A%7F%C3%A9");
	sbuf_clear(&buf);
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
	assert_int_equal(url_parse_query(&arena, NULL, 0, &query), SW_OK);
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
	assert_int_equal(url_parse_query(&arena, "a=1\0b", 5, &(struct url_query){0}), SW_EINPUT);
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
		err = url_parse_query(&arena, copy, length, &query);
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

struct split_case {
	const char *text;
	const char *scheme;
	const char *host;
	int port;
	const char *path;
};

static void
check_split(void **state)
{
	static const struct split_case cases[] = {
	    {"https://api.smartthings.com/v1", "https", "api.smartthings.com", 443, "/v1"},
	    {"http://127.0.0.1:8080", "http", "127.0.0.1", 8080, ""},
	    {"HTTPS://API.Example.COM:8443/A?b=C@d:e", "https", "api.example.com", 8443,
		"/A?b=C@d:e"},
	    {"http://h/", "http", "h", 80, "/"},
	    {"http://h?q=/x", "http", "h", 80, "?q=/x"},
	    {"http://[::1]:65535/p", "http", "::1", 65535, "/p"},
	    {"http://[0:0:0:0:0:0:0:1]", "http", "::1", 80, ""},
	    {"https://[2001:DB8::A]", "https", "2001:db8::a", 443, ""},
	    {"http://my_host.x-1.y", "http", "my_host.x-1.y", 80, ""},
	    {"http://1and1.example/", "http", "1and1.example", 80, "/"},
	    {"https://h//evil.example/", "https", "h", 443, "//evil.example/"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct url_parts parts;

		assert_int_equal(url_split(cases[i].text, &parts), SW_OK);
		assert_string_equal(parts.scheme, cases[i].scheme);
		assert_string_equal(parts.host, cases[i].host);
		assert_int_equal(parts.port, cases[i].port);
		assert_string_equal(parts.path, cases[i].path);
	}
}

static void
check_bad_urls(void **state)
{
	static const char *const bad[] = {"", "h", "/path", "//h/", "http:", "http:/h", "http:h",
	    "http://", "http:///p", "http://?q", "ftp://h/", "file:///etc/passwd", "httpss://h",
	    "javascript://h/%0aalert(1)", " http://h", "http://h ", "http://a b/", "http://h/a b",
	    "http://h/\t", "http://h/\r\nX: y", "http://h\n", "http://h/\x7f", "http://h/\xc3\xa9",
	    "http://\xc3\xa9/", "http://h/#f", "http://h#@g/", "http://h/p#", "http://good\\@evil/",
	    "http://h\\p", "http://h/a\\b", "http:\\\\h", "http://u@h/", "http://u:p@h/",
	    "http://@h/", "http://h@evil.example:80/", "http://good.example:80@evil.example/",
	    "http://:80/", "http://h:", "http://h:/", "http://h:0", "http://h:00080",
	    "http://h:080", "http://h:65536", "http://h:99999", "http://h:100000", "http://h:80a",
	    "http://h:-1", "http://h:+80", "http://h:8 0", "http://h:80:81/", "http://a..b",
	    "http://.h", "http://h.", "http://-h", "http://h-/", "http://h%2eg/", "http://h%00/",
	    "http://h,g/", "http://h;g", "http://*.h", "http://[::1", "http://::1/",
	    "http://[::1]x/", "http://[::1]80", "http://[]/", "http://[::g]/",
	    "http://[127.0.0.1]/", "http://[fe80::1%25eth0]/", "http://[::1]]/", "http://[v1.x]/",
	    /* what getaddrinfo() takes for an address */
	    "http://2130706433/", "http://127.1", "http://0x7f000001", "http://0x7f.0.0.1",
	    "http://127.0.0.0x1", "http://0177.0.0.1", "http://256.0.0.1", "http://1.2.3.4.5",
	    "http://127.0.0.01", "http://0x"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		static const struct url_parts zero;
		struct url_parts parts;

		memset(&parts, 0xaa, sizeof(parts));
		if (url_split(bad[i], &parts) != SW_EINPUT)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_memory_equal(&parts, &zero, sizeof(parts));
	}
	assert_int_equal(url_split(NULL, &(struct url_parts){.port = 1}), SW_EINPUT);
}

static void
check_url_lengths(void **state)
{
	char text[2100], *host;
	struct url_parts parts;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "http://h/", 9);
	text[2048] = '\0';
	assert_int_equal(url_split(text, &parts), SW_OK);
	text[2048] = 'a';
	text[2049] = '\0';
	assert_int_equal(url_split(text, &parts), SW_EINPUT);
	host = text + 7;
	memset(host, 'a', 300);
	host[63] = '\0';
	assert_int_equal(url_split(text, &parts), SW_OK);
	host[63] = 'a';
	host[64] = '\0';
	assert_int_equal(url_split(text, &parts), SW_EINPUT);
	for (size_t i = 0; i < 300; i++)
		host[i] = i % 2 == 0 ? 'a' : '.';
	host[253] = '\0';
	assert_int_equal(url_split(text, &parts), SW_OK);
	host[253] = '.';
	host[255] = '\0';
	assert_int_equal(url_split(text, &parts), SW_EINPUT);
}

static bool
same_origin(const char *a, const char *b)
{
	struct url_parts first, second;

	assert_int_equal(url_split(a, &first), SW_OK);
	assert_int_equal(url_split(b, &second), SW_OK);
	return url_same_origin(&first, &second);
}

static void
check_origins(void **state)
{
	(void)state;
	assert_true(same_origin("https://h/a", "HTTPS://H:443/b"));
	assert_true(same_origin("http://[::1]:80", "http://[0::1]/"));
	assert_false(same_origin("https://h/", "http://h/"));
	assert_false(same_origin("https://h/", "https://h:8443/"));
	assert_false(same_origin("https://h.example/", "https://h.example.evil/"));
	assert_false(same_origin("https://h/", "http://h:443/"));
}

static bool
is_loopback(const char *text)
{
	struct url_parts parts;

	assert_int_equal(url_split(text, &parts), SW_OK);
	return url_is_loopback(&parts);
}

static void
check_loopback(void **state)
{
	static const char *const yes[] = {"http://127.0.0.1:1/", "http://127.255.255.254",
	    "http://localhost/", "http://LOCALHOST:80", "http://[::1]/"};
	static const char *const no[] = {"http://128.0.0.1", "http://12.7.0.1",
	    "http://127.0.0.1.example/", "http://localhost.example", "http://xlocalhost",
	    "http://[::2]/", "http://[::ffff:127.0.0.1]/", "http://[::]/", "http://0.0.0.0/",
	    "http://h"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(yes); i++)
		assert_true(is_loopback(yes[i]));
	for (size_t i = 0; i < COUNT_OF(no); i++)
		assert_false(is_loopback(no[i]));
}

static void
check_ids(void **state)
{
	static const char *const good[] = {
	    "a", "6f5ea629-4c05-4a90-a244-cc129b0a80c3", "main", "switch_1.2", "...", "-", "_"};
	static const char *const bad[] = {"", ".", "..", "a/b", "../x", "a b", "a%2e", "a?b", "a#",
	    "a\n", "\xc3\xa9", "a:b", "a\\b", "a;b", "a\""};
	char text[130];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(url_id_is_valid(good[i]));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(url_id_is_valid(bad[i]));
	assert_false(url_id_is_valid(NULL));
	memset(text, 'x', sizeof(text));
	text[128] = '\0';
	assert_true(url_id_is_valid(text));
	text[128] = 'x';
	text[129] = '\0';
	assert_false(url_id_is_valid(text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("everything but the unreserved characters is encoded", check_encoding),
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
	    SAYS("URLs are split into scheme, host, port and path", check_split),
	    SAYS("URLs that two readers could take differently are refused", check_bad_urls),
	    SAYS("over-long URLs, hosts and labels are refused", check_url_lengths),
	    SAYS("an origin is scheme, host and port", check_origins),
	    SAYS("only this machine is loopback", check_loopback),
	    SAYS("ids that could change a path are refused", check_ids),
	};

	return RUN_TESTS(tests);
}
