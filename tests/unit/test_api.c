/*
 * api.h: where calls go and what answers mean (platform.md).
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "formats/json.h"
#include "smartthings/api.h"

static void
assert_url(const char *api_url, enum platform_call call, const char *id, const char *second_id,
    const char *expected)
{
	struct sbuf url = {0};

	platform_put_url(&url, api_url, call, id, second_id);
	assert_false(sbuf_failed(&url));
	assert_string_equal(sbuf_text(&url), expected);
	sbuf_clear(&url);
}

static void
check_urls(void **state)
{
	static const char v1[] = "https://api.smartthings.com/v1";

	(void)state;
	assert_url(v1, PLATFORM_GET_INSTALLED_APP, "a", NULL,
	    "https://api.smartthings.com/v1/installedapps/a");
	assert_url("https://api.smartthings.com", PLATFORM_POST_TOKEN, NULL, NULL,
	    "https://api.smartthings.com/oauth/token");
	assert_url(
	    v1, PLATFORM_GET_ROOMS, "a", NULL, "https://api.smartthings.com/v1/locations/a/rooms");
	assert_url(v1, PLATFORM_GET_DEVICES, "a", NULL,
	    "https://api.smartthings.com/devices?capability=switch&includeStatus=true&"
	    "includeHealth=true&locationId=a");
	assert_url("https://api.example/v1/v1", PLATFORM_GET_DEVICES, "a&b", NULL,
	    "https://api.example/v1/devices?capability=switch&includeStatus=true&"
	    "includeHealth=true&locationId=a%26b");
	assert_url("https://api.example/apiv1", PLATFORM_GET_DEVICES, "", NULL,
	    "https://api.example/apiv1/devices?capability=switch&includeStatus=true&"
	    "includeHealth=true&locationId=");
	assert_url(v1, PLATFORM_GET_DEVICE_STATUS, "d", NULL,
	    "https://api.smartthings.com/v1/devices/d/status");
	assert_url(v1, PLATFORM_DELETE_SUBSCRIPTION, "a", "b",
	    "https://api.smartthings.com/v1/installedapps/a/subscriptions/b");
	assert_url(v1, PLATFORM_POST_COMMANDS, "../a?b", NULL,
	    "https://api.smartthings.com/v1/devices/..%2Fa%3Fb/commands");
}

#define ORIGIN "https://api.smartthings.com"
#define OURS "capability=switch&includeStatus=true&includeHealth=true&locationId=l1"

static void
assert_next(const char *api_url, enum platform_call call, const char *href, const char *expected)
{
	struct url_parts api;
	struct sbuf url = {0};

	assert_int_equal(url_split(api_url, &api), SW_OK);
	assert_int_equal(platform_put_next_url(&url, api_url, &api, call, "l1", href),
	    expected != NULL ? SW_OK : SW_EUPSTREAM);
	if (expected != NULL)
		assert_string_equal(sbuf_text(&url), expected);
	sbuf_clear(&url);
}

static void
check_next_urls(void **state)
{
	static const struct {
		const char *api_url;
		enum platform_call call;
		const char *href;
		const char *expected;
	} cases[] = {
	    {ORIGIN "/v1", PLATFORM_GET_DEVICES, ORIGIN "/v1/devices?page=1&" OURS,
		ORIGIN "/devices?page=1&" OURS},
	    {ORIGIN "/v1", PLATFORM_GET_DEVICES, ORIGIN "/devices?" OURS "&page=1",
		ORIGIN "/devices?" OURS "&page=1"},
	    {ORIGIN "/v1", PLATFORM_GET_DEVICES, ORIGIN "/devices?page=1",
		ORIGIN "/devices?page=1&" OURS},
	    {ORIGIN "/v1", PLATFORM_GET_DEVICES, ORIGIN "/v1/devices/more",
		ORIGIN "/devices/more?" OURS},
	    {ORIGIN, PLATFORM_GET_DEVICES,
		ORIGIN "/devices?includeStatus=true&locationIds=x&page=1&locationId=l1",
		ORIGIN "/devices?includeStatus=true&locationIds=x&page=1&locationId=l1"
		       "&capability=switch&includeHealth=true"},
	    {ORIGIN "/proxy/v1", PLATFORM_GET_DEVICES, ORIGIN "/v1/devices?page=1",
		ORIGIN "/proxy/devices?page=1&" OURS},
	    {ORIGIN "/proxy/v1", PLATFORM_GET_DEVICES, ORIGIN "/proxy/v1/devices?page=1",
		ORIGIN "/proxy/devices?page=1&" OURS},
	    {ORIGIN "/v1", PLATFORM_GET_ROOMS, ORIGIN "/locations/l1/rooms?page=1",
		ORIGIN "/v1/locations/l1/rooms?page=1"},
	    {ORIGIN "/v1", PLATFORM_GET_ROOMS, ORIGIN "/v1/locations/l1/rooms?page=1",
		ORIGIN "/v1/locations/l1/rooms?page=1"},
	    {ORIGIN, PLATFORM_GET_ROOMS, ORIGIN "/locations/l1/rooms?page=1",
		ORIGIN "/locations/l1/rooms?page=1"},
	    {ORIGIN "/v1", PLATFORM_GET_DEVICES, "https://other.example/v1/devices?page=1", NULL},
	    {ORIGIN "/v1", PLATFORM_GET_DEVICES, ORIGIN ":8443/devices?page=1", NULL},
	    {ORIGIN "/v1", PLATFORM_GET_DEVICES, "/devices?page=1", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_next(cases[i].api_url, cases[i].call, cases[i].href, cases[i].expected);
}

static void
check_versions(void **state)
{
	struct client_request request;

	(void)state;
	platform_prepare(PLATFORM_GET_DEVICES, &request);
	assert_string_equal(request.accept, "application/vnd.smartthings+json;v=20170916");
	platform_prepare(PLATFORM_GET_DEVICE_STATUS, &request);
	assert_string_equal(request.accept, "application/json");
}

static void
check_requests(void **state)
{
	(void)state;
	for (int i = 0; i < PLATFORM_CALL__MAX; i++) {
		struct client_request request;

		platform_prepare((enum platform_call)i, &request);
		assert_null(request.bearer);
		assert_null(request.body);
		assert_in_range(request.timeout_ms, 1000, 20000);
		assert_int_equal(request.method == CLIENT_POST, request.content_type != NULL);
		assert_non_null(strchr(platform_endpoint((enum platform_call)i), ' '));
	}
}

static void
check_links(void **state)
{
	static const struct {
		const char *url;
		bool own;
	} cases[] = {
	    {"https://api.smartthings.com/devices?page=1", true},
	    {"https://API.smartthings.com:443/v1/devices", true},
	    {"http://api.smartthings.com/devices", false},
	    {"https://api.smartthings.com:8443/devices", false},
	    {"https://api.smartthings.com.example/devices", false},
	    {"https://api.smartthings.com@example.com/", false},
	    {"//api.smartthings.com/devices", false},
	    {"/devices", false},
	    {"", false},
	};
	struct url_parts api;

	(void)state;
	assert_int_equal(url_split("https://api.smartthings.com/v1", &api), SW_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(platform_is_own_link(&api, cases[i].url), cases[i].own);
}

static void
check_next_link(void **state)
{
	static const struct {
		const char *body;
		const char *next;
	} cases[] = {
	    {"{\"items\":[],\"_links\":{\"next\":{\"href\":\"https://x/2\"}}}", "https://x/2"},
	    {"{\"_links\":{\"next\":{\"href\":null}}}", NULL},
	    {"{\"_links\":{\"next\":{\"href\":\"\"}}}", NULL},
	    {"{\"_links\":{\"next\":null}}", NULL},
	    {"{\"_links\":[]}", NULL},
	    {"{}", NULL},
	};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *next = "untouched";
		json_t *list;

		assert_int_equal(jsonx_load(cases[i].body, strlen(cases[i].body), &list), SW_OK);
		assert_int_equal(platform_next_link(&arena, list, &next), SW_OK);
		if (cases[i].next == NULL)
			assert_null(next);
		else
			assert_string_equal(next, cases[i].next);
		json_decref(list);
	}
	arena_free(&arena);
}

static struct platform_outcome
classify(enum sw_err err, int status, const char *body)
{
	struct client_reply reply = {
	    .status = status, .retry_after_ms = -1, .limit_reset_ms = -1, .limit_remaining = -1};
	struct platform_outcome outcome;

	sbuf_put_text(&reply.body, body);
	platform_classify(err, &reply, &outcome);
	client_reply_clear(&reply);
	return outcome;
}

static void
check_statuses(void **state)
{
	static const struct {
		int status;
		enum sw_err err;
	} cases[] = {
	    {200, SW_OK},
	    {204, SW_OK},
	    {302, SW_EUPSTREAM},
	    {400, SW_EINPUT},
	    {401, SW_EAUTH},
	    {403, SW_EFORBIDDEN},
	    {404, SW_ENOTFOUND},
	    {408, SW_ETIMEOUT},
	    {409, SW_ECONFLICT},
	    {410, SW_ENOTFOUND},
	    {422, SW_EINPUT},
	    {429, SW_ELIMIT},
	    {500, SW_EUPSTREAM},
	    {503, SW_EUPSTREAM},
	    {100, SW_EUPSTREAM},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct platform_outcome outcome = classify(SW_OK, cases[i].status, "");

		assert_int_equal(outcome.err, cases[i].err);
		assert_int_equal(outcome.delay_ms, cases[i].err == SW_ELIMIT ? 5000 : -1);
		assert_string_equal(outcome.code, "");
	}
}

static void
check_transport(void **state)
{
	(void)state;
	assert_int_equal(classify(SW_ETIMEOUT, 0, "").err, SW_ETIMEOUT);
	assert_int_equal(classify(SW_EUNAVAILABLE, 0, "").err, SW_EUNAVAILABLE);
	assert_int_equal(classify(SW_ETOOLARGE, 200, "").err, SW_EUPSTREAM);
	assert_int_equal(classify(SW_ENOMEM, 200, "").err, SW_ENOMEM);
}

static void
check_error_text(void **state)
{
	struct platform_outcome outcome;

	(void)state;
	outcome = classify(SW_OK, 422,
	    "{\"requestId\":\"r\",\"error\":{\"code\":\"ConstraintViolationError\","
	    "\"message\":\"The request is malformed.\",\"details\":[]}}");
	assert_string_equal(outcome.code, "ConstraintViolationError");
	assert_string_equal(outcome.message, "The request is malformed.");
	outcome = classify(SW_OK, 400, "{\"error\":\"invalid_grant\"}");
	assert_string_equal(outcome.code, "invalid_grant");
	assert_string_equal(outcome.message, "");
	outcome = classify(SW_OK, 502, "<html>Bad gateway</html>");
	assert_string_equal(outcome.code, "");
	outcome = classify(SW_OK, 500, "{\"error\":{\"code\":7,\"message\":[]}}");
	assert_string_equal(outcome.code, "");
	assert_string_equal(outcome.message, "");
}

static void
check_long_text(void **state)
{
	struct platform_outcome outcome;
	char body[1024];
	char text[512];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	snprintf(
	    body, sizeof(body), "{\"error\":{\"code\":\"%.300s\",\"message\":\"%s\"}}", text, text);
	outcome = classify(SW_OK, 500, body);
	assert_int_equal(strlen(outcome.code), PLATFORM_CODE_MAX - 1);
	assert_int_equal(strlen(outcome.message), PLATFORM_MESSAGE_MAX - 1);
}

struct delay_case {
	int64_t retry_after_ms;
	int64_t reset;
	const char *message;
	int64_t expected_ms;
};

static void
check_delays(void **state)
{
	static const struct delay_case cases[] = {
	    {-1, -1, "", 5000},
	    {-1, -1, "too many requests", 5000},
	    {3000, -1, "", 3000},
	    {0, -1, "", 0},
	    {-1, -1, "too many requests, retry in 13933 millis", 13933},
	    {3000, -1, "retry in 13933 millis", 13933},
	    {20000, -1, "retry in 13933 millis", 20000},
	    /* the reset header alone: seconds as long as that is within a window */
	    {-1, 60, "", 60000},
	    {-1, 900, "", 900000},
	    {-1, 13933, "", 13933},
	    {-1, 0, "", 5000},
	    /* with another hint: the reading that is closer to it */
	    {14000, 13933, "", 14000},
	    {-1, 800, "retry in 790 millis", 800},
	    {1000, 60, "", 1000},
	    {59000, 60, "", 60000},
	    {-1, 14, "retry in 13933 millis", 14000},
	    /* at most an hour */
	    {INT64_C(86400000), -1, "", 3600000},
	    {-1, INT64_C(999999999999), "", 3600000},
	    {-1, -1, "retry in 99999999999999999999999 millis", 3600000},
	    /* not such a message */
	    {-1, -1, "retry in soon millis", 5000},
	    {-1, -1, "retry in -5 millis", 5000},
	    {-1, -1, "retry in 5 weeks", 5000},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct client_reply reply = {.status = 429,
		    .retry_after_ms = cases[i].retry_after_ms,
		    .limit_reset_ms = cases[i].reset};
		struct platform_outcome outcome;

		sbuf_printf(&reply.body,
		    "{\"error\":{\"code\":\"TooManyRequests\",\"message\":\"%s\"}}",
		    cases[i].message);
		platform_classify(SW_OK, &reply, &outcome);
		assert_int_equal(outcome.err, SW_ELIMIT);
		assert_int_equal(outcome.delay_ms, cases[i].expected_ms);
		client_reply_clear(&reply);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("calls go to the configured address, with ids encoded", check_urls),
	    SAYS(
		"devices with their status are asked for as the vendor's SDK does", check_versions),
	    SAYS("the next page has our version and all our parameters again", check_next_urls),
	    SAYS("every call has a method, limits and a name, and no secret yet", check_requests),
	    SAYS("links that lead to another origin are not ours", check_links),
	    SAYS("a list says where its next page is", check_next_link),
	    SAYS("every status has its meaning", check_statuses),
	    SAYS("a transfer without an answer keeps its reason", check_transport),
	    SAYS("errors of both forms are read, nonsense is not", check_error_text),
	    SAYS("texts of any length are cut", check_long_text),
	    SAYS("a 429 says how long to wait, in several ways", check_delays),
	};

	return RUN_TESTS(tests);
}
