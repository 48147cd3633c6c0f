/*
 * url.h: escapes, URLs that try to look like another, ids.
 */
#include "unit.h"

#include <stdbool.h>
#include <string.h>
#include "formats/url.h"

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
check_decoding(void **state)
{
	static const char *const bad[] = {"%", "%4", "a%4", "%4g", "%g4", "%%41", "%00", "a%00b"};
	struct arena arena = {0};

	(void)state;
	assert_string_equal(url_decode(&arena, "a%2Fb+%41%e9/x", 13), "a/b+A\xe9/");
	assert_string_equal(url_decode(&arena, "%2541", 5), "%41");
	assert_string_equal(url_decode(&arena, "", 0), "");
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_null(url_decode(&arena, bad[i], strlen(bad[i])));
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
	    SAYS("a part of a path is decoded once, and only whole escapes", check_decoding),
	    SAYS("URLs are split into scheme, host, port and path", check_split),
	    SAYS("URLs that two readers could take differently are refused", check_bad_urls),
	    SAYS("over-long URLs, hosts and labels are refused", check_url_lengths),
	    SAYS("an origin is scheme, host and port", check_origins),
	    SAYS("only this machine is loopback", check_loopback),
	    SAYS("ids that could change a path are refused", check_ids),
	};

	return RUN_TESTS(tests);
}
