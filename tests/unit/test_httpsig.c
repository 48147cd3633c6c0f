/*
 * Webhook signatures: one test for every refusal in httpsig.h, vectors made by
 * the openssl program (tests/data/httpsig/make-cases), and two signatures of
 * the real platform where they are at hand.
 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "smartthings/webhook_body.h"
#include "formats/httpsig_key.h"

#define GOOD_HEADERS "headers=\"(request-target) digest date\""
#define GOOD_SIGNATURE "signature=\"AAEC\""
#define LONG_HEADERS                    \
	"(request-target) digest date " \
	"x234567890123456789012345678901234567890123456789012345678901234"
#define GOOD_KEY "keyId=\"/pl/useast2/1e-1b\""

static void
refuse(const char *authorization)
{
	struct httpsig sig;

	if (httpsig_parse(authorization, &sig) != SW_EAUTH)
		fail_msg("not refused: %s", authorization);
	assert_int_equal(sig.header_count, 0);
	assert_string_equal(sig.key_id, "");
}

static void
accept(const char *authorization, struct httpsig *out)
{
	if (httpsig_parse(authorization, out) != SW_OK)
		fail_msg("refused: %s", authorization);
}

static void
the_platforms_header_is_read(void **state)
{
	struct httpsig sig;

	(void)state;
	accept("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS
	       ",algorithm=\"rsa-sha256\"",
	    &sig);
	assert_string_equal(sig.key_id, "/pl/useast2/1e-1b");
	assert_int_equal(sig.signature_length, 3);
	assert_memory_equal(sig.signature, "\0\1\2", 3);
	assert_int_equal(sig.header_count, 3);
	assert_string_equal(sig.headers[0], "(request-target)");
	assert_string_equal(sig.headers[1], "digest");
	assert_string_equal(sig.headers[2], "date");
}

static void
spaces_case_order_and_unknown_parameters_are_tolerated(void **state)
{
	struct httpsig sig;

	(void)state;
	accept("signature  created=1402170695 , opaque=\"a\\\"b,keyId=c\"," GOOD_SIGNATURE
	       ", headers=\"Date DIGEST (Request-Target)\" ,KEYID = \"/a\", algorithm=\"hs2019\" ",
	    &sig);
	assert_string_equal(sig.key_id, "/a");
	assert_string_equal(sig.headers[0], "date");
	assert_string_equal(sig.headers[1], "digest");
	assert_string_equal(sig.headers[2], "(request-target)");
	accept("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS, &sig);
}

/* Nothing of what was on the stack before gets into the struct behind the names. */
static void
the_same_header_gives_the_same_bytes(void **state)
{
	static const char zeros[64];
	struct httpsig sig;

	(void)state;
	accept("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS, &sig);
	for (size_t i = 0; i < HTTPSIG_HEADERS_MAX; i++) {
		size_t length = strlen(sig.headers[i]);

		assert_memory_equal(
		    sig.headers[i] + length, zeros, sizeof(sig.headers[i]) - length);
	}
}

static void
another_scheme_is_refused(void **state)
{
	(void)state;
	refuse(NULL);
	refuse("");
	refuse("Signature");
	refuse("Signature ");
	refuse("Bearer " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signatures " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature" GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature=" GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS);
}

static void
a_missing_empty_or_repeated_parameter_is_refused(void **state)
{
	(void)state;
	refuse("Signature " GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY "," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY "," GOOD_SIGNATURE);
	refuse("Signature keyId=\"\"," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY ",signature=\"\"," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY "," GOOD_SIGNATURE ",headers=\"\"");
	refuse("Signature " GOOD_KEY "," GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS "," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS ",KEYID=\"/b\"");
}

static void
broken_syntax_is_refused(void **state)
{
	(void)state;
	refuse("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS ",");
	refuse("Signature ," GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY " " GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature " GOOD_KEY ";" GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature keyId=/pl," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature keyId=a," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature keyId," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature keyId=," GOOD_SIGNATURE "," GOOD_HEADERS);
	refuse("Signature " GOOD_SIGNATURE "," GOOD_HEADERS ",keyId=\"/a");
	refuse("Signature " GOOD_SIGNATURE "," GOOD_HEADERS ",keyId=\"/a\\");
	refuse("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS "x");
}

static void
another_algorithm_is_refused(void **state)
{
	static const char *const names[] = {
	    "", "rsa-sha1", "rsa-sha512", "hmac-sha256", "none", "rsa-sha256,none"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "Signature %s,%s,%s,algorithm=\"%s\"", GOOD_KEY,
		    GOOD_SIGNATURE, GOOD_HEADERS, names[i]);
		refuse(text);
	}
	refuse("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS
	       ",algorithm=\"rsa-sha256\",algorithm=\"rsa-sha256\"");
}

static void
with_key_id(char out[1024], const char *key_id)
{
	snprintf(out, 1024, "Signature keyId=\"%s\",%s,%s", key_id, GOOD_SIGNATURE, GOOD_HEADERS);
}

static void
a_key_id_may_have_201_characters(void **state)
{
	struct httpsig sig;
	char key_id[203] = "/", text[1024];

	(void)state;
	memset(key_id + 1, 'a', 201);
	with_key_id(text, key_id);
	refuse(text);
	key_id[201] = '\0';
	with_key_id(text, key_id);
	accept(text, &sig);
	assert_string_equal(sig.key_id, key_id);
}

/* signing_key.h decides what it may be. */
static void
a_key_id_is_given_as_it_was_sent(void **state)
{
	struct httpsig sig;

	(void)state;
	accept("Signature keyId=\"a\\\"b ../\"," GOOD_SIGNATURE "," GOOD_HEADERS, &sig);
	assert_string_equal(sig.key_id, "a\\\"b ../");
}

static void
a_bad_list_of_headers_is_refused(void **state)
{
	static const char *const bad[] = {"digest date", "(request-target) date",
	    "(request-target) digest", "(request-target) digest date digest",
	    "(request-target) digest date Date", "(request-target)  digest date",
	    " (request-target) digest date", "(request-target) digest date ",
	    "(request-target) digest date (created)", "(request-target) digest date a:b",
	    "(request-target) digest date a\tb", LONG_HEADERS,
	    "(request-target) digest date a b c d e f g h i j k l m n"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "Signature %s,%s,headers=\"%s\"", GOOD_KEY,
		    GOOD_SIGNATURE, bad[i]);
		refuse(text);
	}
}

static void
bad_base64_is_refused(void **state)
{
	static const char *const bad[] = {
	    "AAE", "AAE*", "AA==AAEC", "AAEC=", "A A=", "AAF=", "AAE_"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "Signature %s,signature=\"%s\",%s", GOOD_KEY, bad[i],
		    GOOD_HEADERS);
		refuse(text);
	}
}

static void
a_signature_over_1024_bytes_is_refused(void **state)
{
	struct httpsig sig;
	char base64[1373], text[2048];

	(void)state;
	memset(base64, 'A', sizeof(base64));
	base64[1372] = '\0'; /* 1029 bytes */
	snprintf(
	    text, sizeof(text), "Signature %s,signature=\"%s\",%s", GOOD_KEY, base64, GOOD_HEADERS);
	refuse(text);
	memcpy(base64 + 1364, "AA==", 5); /* 1024 bytes */
	snprintf(
	    text, sizeof(text), "Signature %s,signature=\"%s\",%s", GOOD_KEY, base64, GOOD_HEADERS);
	accept(text, &sig);
	assert_int_equal(sig.signature_length, 1024);
}

static void
the_digest_is_that_of_the_body(void **state)
{
	/* printf abc | openssl dgst -sha256 -binary | base64 */
	static const char abc[] = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
	char text[128];

	(void)state;
	snprintf(text, sizeof(text), "SHA-256=%s", abc);
	assert_int_equal(httpsig_check_digest(text, "abc", 3), SW_OK);
	assert_int_equal(httpsig_check_digest(text, "abd", 3), SW_EAUTH);
	assert_int_equal(httpsig_check_digest(text, "abc", 2), SW_EAUTH);
	snprintf(text, sizeof(text), "sha256=%s", abc);
	assert_int_equal(httpsig_check_digest(text, "abc", 3), SW_OK);
	/* openssl dgst -sha256 of nothing */
	assert_int_equal(
	    httpsig_check_digest("SHA256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", NULL, 0),
	    SW_OK);
}

static void
a_malformed_digest_is_refused(void **state)
{
	static const char *const bad[] = {"", "SHA-256", "SHA-256=",
	    "SHA-512=ungWv48Bz+pBQUDeXa4iIw==", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
	    "MD5=kAFQmDzST7DWlj99KOF/cg==", "SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0",
	    "SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=,MD5=kAFQmDzST7DWlj99KOF/cg==",
	    "SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0= ",
	    " SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
	    "SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFQ==",
	    "SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0AAA=="};

	(void)state;
	assert_int_equal(httpsig_check_digest(NULL, "abc", 3), SW_EAUTH);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (httpsig_check_digest(bad[i], "abc", 3) != SW_EAUTH)
			fail_msg("not refused: %s", bad[i]);
	}
}

static void
a_date_counts_for_five_minutes(void **state)
{
	static const char date[] = "Sun, 23 Jun 2019 22:04:52 UTC";
	const int64_t at = 1561327492;

	(void)state;
	assert_int_equal(httpsig_check_date(date, at), SW_OK);
	assert_int_equal(httpsig_check_date(date, at + 300), SW_OK);
	assert_int_equal(httpsig_check_date(date, at - 300), SW_OK);
	assert_int_equal(httpsig_check_date(date, at + 301), SW_EAUTH);
	assert_int_equal(httpsig_check_date(date, at - 301), SW_EAUTH);
	assert_int_equal(httpsig_check_date("Sun, 23 Jun 2019 22:04:52 CET", at), SW_EAUTH);
	assert_int_equal(httpsig_check_date("2019-06-23T22:04:52Z", at), SW_EAUTH);
	assert_int_equal(httpsig_check_date("", at), SW_EAUTH);
	assert_int_equal(httpsig_check_date(NULL, at), SW_EAUTH);
}

/* Headers by name for httpsig_build_string(). */
struct named {
	const char *name;
	const char *value;
};

static const char *
find_named(void *context, const char *name)
{
	for (const struct named *at = context; at->name != NULL; at++) {
		if (strcmp(at->name, name) == 0)
			return at->value;
	}
	return NULL;
}

static void
the_signing_string_has_one_line_per_header(void **state)
{
	struct named headers[] = {{"digest", "SHA256=x"}, {"date", "today"}, {NULL, NULL}};
	struct sbuf out = {0};
	struct httpsig sig;

	(void)state;
	accept("Signature " GOOD_KEY "," GOOD_SIGNATURE ",headers=\"date (request-target) digest\"",
	    &sig);
	sbuf_put_text(&out, "left from before");
	assert_int_equal(
	    httpsig_build_string(&sig, "POST", "/A%2Fb?c", find_named, headers, &out), SW_OK);
	assert_string_equal(
	    sbuf_text(&out), "date: today\n(request-target): post /A%2Fb?c\ndigest: SHA256=x");
	sbuf_clear(&out);
}

static void
a_missing_header_or_a_line_break_is_refused(void **state)
{
	struct named missing[] = {{"digest", "x"}, {NULL, NULL}};
	struct named broken[] = {{"digest", "x\ndate: y"}, {"date", "y"}, {NULL, NULL}};
	struct named whole[] = {{"digest", "x"}, {"date", "y"}, {NULL, NULL}};
	struct sbuf out = {0}, small = {.limit = 20};
	struct httpsig sig;

	(void)state;
	accept("Signature " GOOD_KEY "," GOOD_SIGNATURE "," GOOD_HEADERS, &sig);
	assert_int_equal(
	    httpsig_build_string(&sig, "POST", "/", find_named, missing, &out), SW_EAUTH);
	assert_int_equal(
	    httpsig_build_string(&sig, "POST", "/", find_named, broken, &out), SW_EAUTH);
	assert_int_equal(
	    httpsig_build_string(&sig, "POST", "/\n", find_named, whole, &out), SW_EAUTH);
	assert_int_equal(
	    httpsig_build_string(&sig, "POST\r", "/", find_named, whole, &out), SW_EAUTH);
	assert_int_equal(
	    httpsig_build_string(&sig, "POST", "/", find_named, whole, &small), SW_ENOMEM);
	assert_int_equal(httpsig_build_string(&sig, "POST", "/", find_named, whole, &out), SW_OK);
	sbuf_clear(&out);
	sbuf_clear(&small);
}

static void
no_certificate_is_refused(void **state)
{
	static const char *const bad[] = {"x", "-----BEGIN CERTIFICATE-----\n",
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "<html>503</html>",
	    "\0\0\0"};
	struct httpsig_key *key;
	int64_t not_after = 7;

	(void)state;
	assert_int_equal(httpsig_key_read(NULL, 0, 0, NULL, &key), SW_EAUTH);
	assert_int_equal(httpsig_key_read("", 0, 0, NULL, &key), SW_EAUTH);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		    httpsig_key_read(bad[i], strlen(bad[i]) + 1, 0, &not_after, &key), SW_EAUTH);
		assert_null(key);
		assert_int_equal(not_after, 7);
	}
	httpsig_key_free(NULL);
}

static void
a_certificate_counts_within_its_dates_and_five_minutes(void **state)
{
	char *pem = case_open("httpsig", "platform-form", "certificate.pem", NULL);
	size_t length = strlen(pem);
	struct httpsig_key *key;
	int64_t end = 0;

	(void)state;
	assert_int_equal(httpsig_key_read(pem, length, 1798804800, &end, &key), SW_OK);
	httpsig_key_free(key);
	assert_true(end > 4900000000); /* about 2126 */
	assert_int_equal(httpsig_key_read(pem, length, end + 300, NULL, &key), SW_OK);
	httpsig_key_free(key);
	assert_int_equal(httpsig_key_read(pem, length, end + 301, NULL, &key), SW_EAUTH);
	/* 36500 days */
	assert_int_equal(
	    httpsig_key_read(pem, length, end - INT64_C(3153600000) - 300, NULL, &key), SW_OK);
	httpsig_key_free(key);
	assert_int_equal(
	    httpsig_key_read(pem, length, end - INT64_C(3153600000) - 301, NULL, &key), SW_EAUTH);
	free(pem);
}

static void
a_certificate_over_16_kb_is_refused(void **state)
{
	char *pem = case_open("httpsig", "platform-form", "certificate.pem", NULL);
	char *padded = calloc(1, HTTPSIG_CERTIFICATE_MAX + 1);
	struct httpsig_key *key;

	(void)state;
	assert_non_null(padded);
	memset(padded, '\n', HTTPSIG_CERTIFICATE_MAX + 1);
	memcpy(padded, pem, strlen(pem));
	assert_int_equal(
	    httpsig_key_read(padded, HTTPSIG_CERTIFICATE_MAX, 1798804800, NULL, &key), SW_OK);
	httpsig_key_free(key);
	assert_int_equal(
	    httpsig_key_read(padded, HTTPSIG_CERTIFICATE_MAX + 1, 1798804800, NULL, &key),
	    SW_EAUTH);
	free(padded);
	free(pem);
}

/* The headers of a case are its files. */
struct folder {
	const char *path;
	char *values[HTTPSIG_HEADERS_MAX];
	size_t count;
};

static const char *
find_file(void *context, const char *name)
{
	struct folder *folder = context;
	char *value = case_read(folder->path, name, NULL);

	if (value != NULL)
		folder->values[folder->count++] = value;
	return value;
}

static void
verify_with_certificate(const char *path, const struct httpsig *sig, const struct sbuf *string,
    int64_t now, const char **step)
{
	char *pem = case_read(path, "certificate.pem", NULL);
	struct httpsig_key *key;

	assert_non_null(pem);
	*step = "key";
	if (httpsig_key_read(pem, strlen(pem), now, NULL, &key) == SW_OK) {
		*step = "verify";
		/* A failure must not spoil the next call on the same key. */
		if (httpsig_verify(key, sig, "something else", 14) == SW_OK)
			*step = "verifies anything";
		else if (httpsig_verify(key, sig, sbuf_text(string), string->length) == SW_OK)
			*step = "ok";
		httpsig_key_free(key);
	}
	free(pem);
}

/* As the webhook does it; the name of the step that refuses, or "ok". */
static const char *
check_request(const char *path)
{
	struct folder folder = {.path = path};
	char *authorization = case_read_line(path, "authorization");
	char *method = case_read_line(path, "method"), *target = case_read_line(path, "target");
	char *digest = case_read_line(path, "digest"), *date = case_read_line(path, "date");
	char *now_text = case_read_line(path, "now");
	int64_t now = strtoll(now_text, NULL, 10);
	struct sbuf string = {0};
	struct httpsig sig;
	const char *step = "ok";
	size_t length;
	char *body = case_read(path, "body", &length);

	if (httpsig_parse(authorization, &sig) != SW_OK)
		step = "parse";
	else if (httpsig_check_digest(digest, body, length) != SW_OK)
		step = "digest";
	else if (httpsig_check_date(date, now) != SW_OK)
		step = "date";
	else if (httpsig_build_string(&sig, method, target, find_file, &folder, &string) != SW_OK)
		step = "string";
	else
		verify_with_certificate(path, &sig, &string, now, &step);
	for (size_t i = 0; i < folder.count; i++)
		free(folder.values[i]);
	sbuf_clear(&string);
	free(authorization);
	free(method);
	free(target);
	free(digest);
	free(date);
	free(now_text);
	free(body);
	return step;
}

static void
on_case(void **state)
{
	char *expect = case_read_line(*state, "expect");

	assert_string_equal(check_request(*state), expect);
	free(expect);
}

/* Where the real captures are: beside the project unless the environment says so. */
static const char *
captures_folder(void)
{
	static char path[4096];
	const char *given = getenv("SWITCHBOARD_CAPTURES");
	const char *data = getenv("SWITCHBOARD_TEST_DATA");

	if (given != NULL && *given != '\0')
		return given;
	snprintf(
	    path, sizeof(path), "%s/../../../shared/captures", data != NULL ? data : "tests/data");
	return path;
}

static bool
captures_are_there(void)
{
	char *readme = case_read(captures_folder(), "README.md", NULL);

	free(readme);
	return readme != NULL;
}

static char *
capture_read(const char *date, const char *what, size_t *length)
{
	char name[128];
	char *text;

	snprintf(name, sizeof(name), "%s-%s", date, what);
	text = case_read(captures_folder(), name, length);
	assert_non_null(text);
	return text;
}

/* The signature of a capture over its signing string, at the time the string names. */
static void
verify_capture(const char *date, enum sw_err expected_a_month_later)
{
	char *signature = capture_read(date, "signature.b64", NULL);
	char *pem = capture_read(date, "certificate.pem", NULL);
	size_t length;
	char *string = capture_read(date, "signing-string", &length);
	struct httpsig_key *key;
	struct httpsig sig;
	char text[2048];
	int64_t now;

	assert_true(clock_parse_http_date(strstr(string, "date: ") + 6, &now));
	signature[strcspn(signature, "\r\n")] = '\0';
	snprintf(text, sizeof(text), "Signature %s,signature=\"%s\",%s,algorithm=\"rsa-sha256\"",
	    GOOD_KEY, signature, GOOD_HEADERS);
	accept(text, &sig);
	assert_int_equal(httpsig_key_read(pem, strlen(pem), now, NULL, &key), SW_OK);
	assert_int_equal(httpsig_verify(key, &sig, string, length), SW_OK);
	assert_int_equal(httpsig_verify(key, &sig, string, length - 1), SW_EAUTH);
	httpsig_key_free(key);
	assert_int_equal(httpsig_key_read(pem, strlen(pem), now + 31 * 86400, NULL, &key),
	    expected_a_month_later);
	free(signature);
	free(pem);
	free(string);
}

static void
the_real_capture_of_2020_verifies(void **state)
{
	(void)state;
	verify_capture("2020-03-24", SW_EAUTH);
}

static void
the_real_capture_of_2026_verifies(void **state)
{
	(void)state;
	verify_capture("2026-07-08", SW_EAUTH);
}

static void
the_real_body_of_2026_has_its_digest_and_is_read_whole(void **state)
{
	size_t length;
	char *string = capture_read("2026-07-08", "signing-string", NULL);
	char *body = capture_read("2026-07-08", "body.json", &length);
	char *digest = strstr(string, "digest: ") + 8;
	struct webhook_body request;
	struct arena arena = {0};

	(void)state;
	digest[strcspn(digest, "\n")] = '\0';
	assert_int_equal(httpsig_check_digest(digest, body, length), SW_OK);
	assert_int_equal(httpsig_check_digest(digest, body, length - 1), SW_EAUTH);
	assert_int_equal(webhook_body_parse(&arena, body, length, 0, &request), SW_OK);
	assert_int_equal(request.message, WEBHOOK_BODY_EVENT);
	assert_string_equal(request.installed_app_id, "7852314e-0d64-4adc-be03-752458eba6e1");
	assert_string_equal(request.location_id, "3c63b228-a999-42b7-b635-5e04cff0e1b6");
	assert_int_equal(request.event_count, 1);
	assert_string_equal(request.events_json,
	    "[{\"id\":\"fba06a38-7afb-11f1-b5e6-d369b2c5435d\","
	    "\"at\":\"2026-07-08T18:36:50.000000Z\",\"tick\":17835358102170168,"
	    "\"type\":\"DEVICE_EVENT\",\"device\":\"273c2d43-12d3-4e32-90ad-cbcbfb33f102\","
	    "\"component\":\"main\",\"capability\":\"synthetic.lightingEffectCircadian\","
	    "\"attribute\":\"circadian\","
	    "\"value\":{\"timeZoneId\":\"Europe\\/Paris\",\"state\":\"Run\"},\"detail\":null}]");
	arena_free(&arena);
	free(string);
	free(body);
}

static void
nothing(void **state)
{
	(void)state;
}

/* cmocka reports a skipped test as "not ok", which automake counts as failed. */
#define SKIPPED(test)                                                     \
	{                                                                 \
		.name = #test " # SKIP no captures", .test_func = nothing \
	}
#define CAPTURES 3

static const struct CMUnitTest with_captures[CAPTURES] = {
    cmocka_unit_test(the_real_capture_of_2020_verifies),
    cmocka_unit_test(the_real_capture_of_2026_verifies),
    cmocka_unit_test(the_real_body_of_2026_has_its_digest_and_is_read_whole),
};
static const struct CMUnitTest without_captures[CAPTURES] = {
    SKIPPED(the_real_capture_of_2020_verifies),
    SKIPPED(the_real_capture_of_2026_verifies),
    SKIPPED(the_real_body_of_2026_has_its_digest_and_is_read_whole),
};

int
main(void)
{
	static const struct CMUnitTest fixed[] = {
	    cmocka_unit_test(the_platforms_header_is_read),
	    cmocka_unit_test(spaces_case_order_and_unknown_parameters_are_tolerated),
	    cmocka_unit_test(the_same_header_gives_the_same_bytes),
	    cmocka_unit_test(another_scheme_is_refused),
	    cmocka_unit_test(a_missing_empty_or_repeated_parameter_is_refused),
	    cmocka_unit_test(broken_syntax_is_refused),
	    cmocka_unit_test(another_algorithm_is_refused),
	    cmocka_unit_test(a_key_id_is_given_as_it_was_sent),
	    cmocka_unit_test(a_key_id_may_have_201_characters),
	    cmocka_unit_test(a_bad_list_of_headers_is_refused),
	    cmocka_unit_test(bad_base64_is_refused),
	    cmocka_unit_test(a_signature_over_1024_bytes_is_refused),
	    cmocka_unit_test(the_digest_is_that_of_the_body),
	    cmocka_unit_test(a_malformed_digest_is_refused),
	    cmocka_unit_test(a_date_counts_for_five_minutes),
	    cmocka_unit_test(the_signing_string_has_one_line_per_header),
	    cmocka_unit_test(a_missing_header_or_a_line_break_is_refused),
	    cmocka_unit_test(no_certificate_is_refused),
	    cmocka_unit_test(a_certificate_counts_within_its_dates_and_five_minutes),
	    cmocka_unit_test(a_certificate_over_16_kb_is_refused),
	};
	const size_t count = sizeof(fixed) / sizeof(fixed[0]);
	struct CMUnitTest tests[sizeof(fixed) / sizeof(fixed[0]) + CAPTURES];
	bool there = captures_are_there();

	if (!there)
		print_message("# not there: %s\n", captures_folder());
	memcpy(tests, fixed, sizeof(fixed));
	memcpy(tests + count, there ? with_captures : without_captures, sizeof(with_captures));
	return cases_run("httpsig", tests, count + CAPTURES, on_case);
}
