/*
 * request.h: FastCGI parameters as nginx makes them.
 */
#include "unit.h"

#include <string.h>

#include "net/request.h"

static struct arena arena;

static int
clear_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void
check_get(void **state)
{
	char *envp[] = {"REQUEST_METHOD=GET", "REQUEST_URI=/a%2Fb?x=1&y=a%20b?c", "REQUEST_ID=abc",
	    "CONTENT_LENGTH=", "CONTENT_TYPE=", "HTTP_COOKIE=a=b=c", "odd", NULL};
	struct request request;
	struct url_query query;

	(void)state;
	assert_int_equal(request_from_params(&arena, envp, &request), SW_OK);
	assert_int_equal(request.method, REQUEST_GET);
	assert_string_equal(request.uri, "/a%2Fb?x=1&y=a%20b?c");
	assert_string_equal(request.path, "/a%2Fb");
	assert_string_equal(request.query, "x=1&y=a%20b?c");
	assert_string_equal(request.id, "abc");
	assert_string_equal(request.content_type, "");
	assert_string_equal(request.body, "");
	assert_string_equal(request_header(&request, "HTTP_COOKIE", NULL), "a=b=c");
	assert_null(request_header(&request, "HTTP_HOST", NULL));
	assert_null(request_header(&request, "odd", NULL));
	assert_int_equal(request_parse_query(&request, &query), SW_OK);
	assert_string_equal(url_query_get(&query, "y", NULL), "a b?c");
}

static void
check_copies(void **state)
{
	char method[] = "REQUEST_METHOD=POST";
	char uri[] = "REQUEST_URI=/";
	char *envp[] = {method, uri, NULL};
	struct request request;

	(void)state;
	assert_int_equal(request_from_params(&arena, envp, &request), SW_OK);
	memset(method, 'x', strlen(method));
	memset(uri, 'x', strlen(uri));
	assert_int_equal(request.method, REQUEST_POST);
	assert_string_equal(request.method_text, "POST");
	assert_string_equal(request.path, "/");
	assert_string_equal(request.query, "");
}

static void
check_cut(void **state)
{
	char *no_method[] = {"REQUEST_URI=/", NULL};
	char *no_uri[] = {"REQUEST_METHOD=GET", NULL};
	char *nothing[] = {NULL};
	struct request request;

	(void)state;
	assert_int_equal(request_from_params(&arena, no_method, &request), SW_EINPUT);
	assert_string_equal(request.path, "/");
	assert_int_equal(request_from_params(&arena, no_uri, &request), SW_EINPUT);
	assert_int_equal(request_from_params(&arena, nothing, &request), SW_EINPUT);
	assert_int_equal(request_from_params(&arena, NULL, &request), SW_EINPUT);
	assert_string_equal(request.method_text, "");
}

static void
check_memory(void **state)
{
	char *envp[] = {"REQUEST_METHOD=GET", "REQUEST_URI=/", "HTTP_X=0123456789", NULL};
	struct arena small;
	struct request request;

	(void)state;
	arena_init(&small, 64);
	assert_int_equal(request_from_params(&small, envp, &request), SW_ENOMEM);
	arena_free(&small);
}

static void
check_methods(void **state)
{
	static const struct {
		char *text;
		enum request_method method;
	} cases[] = {
	    {"REQUEST_METHOD=HEAD", REQUEST_HEAD},
	    {"REQUEST_METHOD=get", REQUEST_OTHER},
	    {"REQUEST_METHOD=DELETE", REQUEST_OTHER},
	    {"REQUEST_METHOD=GETX", REQUEST_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *envp[] = {cases[i].text, "REQUEST_URI=/", NULL};
		struct request request;

		assert_int_equal(request_from_params(&arena, envp, &request), SW_OK);
		assert_int_equal(request.method, cases[i].method);
	}
}

static void
check_twice(void **state)
{
	char *envp[] = {"REQUEST_METHOD=GET", "REQUEST_URI=/", "HTTP_DIGEST=a", "HTTP_DIGEST=b",
	    "HTTP_DATE=c", NULL};
	struct request request;
	bool twice = false;

	(void)state;
	assert_int_equal(request_from_params(&arena, envp, &request), SW_OK);
	assert_null(request_header(&request, "HTTP_DIGEST", &twice));
	assert_true(twice);
	assert_string_equal(request_header(&request, "HTTP_DATE", &twice), "c");
	assert_false(twice);
}

static void
check_media(void **state)
{
	struct request request = {.content_type = "Application/JSON; charset=utf-8"};

	(void)state;
	assert_true(request_is_media(&request, "application/json"));
	request.content_type = "application/json;x";
	assert_true(request_is_media(&request, "application/json"));
	request.content_type = "application/jsonp";
	assert_false(request_is_media(&request, "application/json"));
	request.content_type = "application/j";
	assert_false(request_is_media(&request, "application/json"));
	request.content_type = "";
	assert_false(request_is_media(&request, "application/json"));
}

static void
check_form(void **state)
{
	struct request request = {
	    .arena = &arena,
	    .content_type = "application/x-www-form-urlencoded",
	    .body = "csrf=a%2Bb&command=on\0hidden",
	    .body_length = 21,
	};
	struct url_query form;

	(void)state;
	assert_int_equal(request_parse_form(&request, &form), SW_OK);
	assert_string_equal(url_query_get(&form, "csrf", NULL), "a+b");
	assert_string_equal(url_query_get(&form, "command", NULL), "on");
	request.content_type = "text/plain";
	assert_int_equal(request_parse_form(&request, &form), SW_EMEDIA);
	assert_int_equal(form.count, 0);
}

#define UUID "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
#define WORD "0123456789abcdefghijklmnopqrstuvwxyzABCDEF-"

static void
check_logged_path(void **state)
{
	static const struct {
		const char *path;
		const char *logged;
	} cases[] = {
	    {"/", "/"},
	    {"/switches/" UUID "/main", "/switches/" UUID "/main"},
	    {"/join/" WORD, "/join/*"},
	    {"/join/" WORD ".%20", "/join/*.%20"},
	    {"//Join/" WORD "/x/" WORD, "//Join/*/x/*"},
	    {"/join/0123456789abcdefghijklmnopqrstuvwxyzA", "/join/*"},
	    {"/%6aoin/" WORD WORD, "/%6aoin/*"},
	};
	struct arena none;
	struct request request = {.arena = &arena};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		request.path = cases[i].path;
		assert_string_equal(request_logged_path(&request), cases[i].logged);
	}
	arena_init(&none, 1);
	request.arena = &none;
	assert_string_equal(request_logged_path(&request), "*");
	arena_free(&none);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("a request is split at the first question mark and stays raw", check_get),
	    SAYS("nothing points into libfcgi's memory", check_copies),
	    SAYS("parameters without method or address are refused", check_cut),
	    SAYS("an exhausted arena is reported", check_memory),
	    SAYS("methods are recognised exactly", check_methods),
	    SAYS("a header sent twice is ambiguous", check_twice),
	    SAYS("media types are compared without their parameters", check_media),
	    SAYS("a log gets no random word of a path", check_logged_path),
	    SAYS("a form is read only when it says that it is one", check_form),
	};

	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, NULL, clear_arena);
}
