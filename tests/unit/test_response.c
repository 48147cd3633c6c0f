/*
 * response.h: headers that cannot split a reply, and what each kind of answer carries.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/response.h"

static const char *
header(const struct response *response, const char *name)
{
	for (size_t i = 0; i < response->header_count; i++) {
		if (strcmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	}
	return NULL;
}

static void
check_empty(void **state)
{
	struct response response;
	struct response zero = {0};

	(void)state;
	response_init(&response);
	assert_int_equal(response.status, 200);
	assert_int_equal(response.header_count, 0);
	assert_false(response.failed);
	response_clear(&response);
	response_clear(&zero);
	response_clear(NULL);
}

static void
check_splitting(void **state)
{
	static const char *const values[] = {"a\r\nSet-Cookie: b", "a\nb", "\r", NULL};
	struct response response;
	char big[4200];

	(void)state;
	response_init(&response);
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		response.failed = false;
		response_add_header(&response, "X-Test", values[i]);
		assert_true(response.failed);
		assert_int_equal(response.header_count, 0);
	}
	memset(big, 'a', sizeof(big));
	big[4097] = '\0';
	response.failed = false;
	response_add_header(&response, "X-Test", big);
	assert_true(response.failed);
	big[4096] = '\0';
	response.failed = false;
	response_add_header(&response, "X-Test", big);
	assert_false(response.failed);
	response_clear(&response);
}

static void
check_too_many(void **state)
{
	struct response response;

	(void)state;
	response_init(&response);
	for (int i = 0; i < RESPONSE_HEADERS_MAX; i++)
		response_add_header(&response, "Set-Cookie", "a=b");
	assert_false(response.failed);
	response_add_header(&response, "Set-Cookie", "a=b");
	assert_true(response.failed);
	response_reset(&response);
	assert_false(response.failed);
	assert_int_equal(response.header_count, 0);
	response_clear(&response);
}

static void
check_redirect(void **state)
{
	struct response response;

	(void)state;
	response_init(&response);
	response_add_header(&response, "Set-Cookie", "a=b");
	response_begin_page(&response, 200, true);
	response_add_header(&response, "Set-Cookie", "c=d");
	sbuf_put_text(&response.body, "gone");
	response_redirect(&response, 303, "/");
	assert_int_equal(response.status, 303);
	assert_string_equal(header(&response, "Location"), "/");
	assert_string_equal(header(&response, "Cache-Control"), "no-store");
	assert_string_equal(response.headers[0].value, "a=b");
	assert_string_equal(response.headers[1].value, "c=d");
	assert_int_equal(response.header_count, 4);
	assert_int_equal(response.body.length, 0);
	response_redirect(&response, 302, "/\r\nX: y");
	assert_true(response.failed);
	response_clear(&response);
}

static void
check_json(void **state)
{
	struct response response;
	json_t *value = json_pack("{s:s}", "a", "</script>");

	(void)state;
	response_init(&response);
	json_incref(value);
	response_put_json(&response, 202, value);
	assert_int_equal(value->refcount, 1);
	assert_int_equal(response.status, 202);
	assert_string_equal(sbuf_text(&response.body), "{\"a\":\"\\u003c\\/script>\"}");
	assert_string_equal(header(&response, "Content-Type"), "application/json");
	assert_string_equal(header(&response, "Cache-Control"), "no-store");
	response_put_json(&response, 200, NULL);
	assert_true(response.failed);
	response_clear(&response);
	json_decref(value);
}

static void
check_error(void **state)
{
	struct response response;

	(void)state;
	response_init(&response);
	response_put_error(&response, SW_EUNAVAILABLE, "Later.");
	assert_int_equal(response.status, 503);
	assert_string_equal(header(&response, "Retry-After"), "5");
	assert_string_equal(sbuf_text(&response.body),
	    "{\"error\":{\"code\":\"unavailable\",\"message\":\"Later.\"}}");
	response_reset(&response);
	response_put_error(&response, SW_ENOTFOUND, "No \"such\" thing.");
	assert_int_equal(response.status, 404);
	assert_null(header(&response, "Retry-After"));
	assert_string_equal(sbuf_text(&response.body),
	    "{\"error\":{\"code\":\"not_found\",\"message\":\"No \\\"such\\\" thing.\"}}");
	response_clear(&response);
}

static void
check_page(void **state)
{
	struct response response;

	(void)state;
	response_init(&response);
	response_begin_page(&response, 404, false);
	assert_int_equal(response.status, 404);
	assert_string_equal(header(&response, "Content-Type"), "text/html; charset=utf-8");
	assert_string_equal(header(&response, "X-Content-Type-Options"), "nosniff");
	assert_string_equal(header(&response, "Referrer-Policy"), "same-origin");
	assert_null(header(&response, "Strict-Transport-Security"));
	assert_string_equal(header(&response, "Content-Security-Policy"),
	    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
	    "base-uri 'none'; frame-ancestors 'none'");
	response_begin_page(&response, 200, true);
	assert_non_null(header(&response, "Strict-Transport-Security"));
	assert_int_equal(response.header_count, 6);
	response_clear(&response);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("a new response is an empty 200", check_empty),
	    SAYS("a header that would split the reply is refused", check_splitting),
	    SAYS("too many headers fail the response until it is reset", check_too_many),
	    SAYS("a redirect drops everything but cookies", check_redirect),
	    SAYS("JSON is compact, not cached and safe in a script", check_json),
	    SAYS("an error is JSON with its code, 503 says when to try again", check_error),
	    SAYS("a page carries the security headers once", check_page),
	};

	return RUN_TESTS(tests);
}
