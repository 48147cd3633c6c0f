/*
 * The SmartThings API (platform.md).  What it hides: paths, and the forms in which errors and
 * waiting times come.
 */
#include "smartthings/api.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/policy.h"
#include "formats/json.h"

#define DEFAULT_DELAY_MS INT64_C(5000)
#define DELAY_MAX_MS INT64_C(3600000)
/* The platform counts calls in windows of up to 15 minutes (only rooms have an hour). */
#define WINDOW_S INT64_C(900)
#define DEVICES_LIMIT ((size_t)16 << 20)
#define ERROR_BODY_MAX ((size_t)64 << 10)

struct endpoint {
	enum client_method method;
	const char *name;   /* in logs and counters */
	const char *before; /* path up to the id */
	const char *after;  /* path behind it */
	bool two_ids;
	const char *parameters; /* of the query; the id is the value of the last */
	const char *accept;     /* names a dated version, which has no /v1 in its path; or NULL */
	const char *content_type;
	long timeout_ms;
	size_t response_limit; /* 0: the client's default */
};

#define JSON_TYPE "application/json"
/* As the vendor's SDK asks for devices. */
#define DATED_TYPE "application/vnd.smartthings+json;v=20170916"
#define API_VERSION "/v1"

static const struct endpoint endpoints[] = {
    [PLATFORM_GET_INSTALLED_APP] = {CLIENT_GET, "GET /installedapps/{id}", "/installedapps/", "",
	.timeout_ms = 10000},
    [PLATFORM_DELETE_INSTALLED_APP] = {CLIENT_DELETE, "DELETE /installedapps/{id}",
	"/installedapps/", "", .timeout_ms = 10000},
    [PLATFORM_GET_LOCATION] = {CLIENT_GET, "GET /locations/{id}", "/locations/", "",
	.timeout_ms = 10000},
    [PLATFORM_GET_ROOMS] = {CLIENT_GET, "GET /locations/{id}/rooms", "/locations/", "/rooms",
	.timeout_ms = 10000},
    [PLATFORM_GET_DEVICES] = {CLIENT_GET, "GET /devices", "/devices", "",
	.parameters = "capability=switch&includeStatus=true&includeHealth=true&locationId=",
	.accept = DATED_TYPE, .timeout_ms = 15000, .response_limit = DEVICES_LIMIT},
    [PLATFORM_GET_DEVICE_STATUS] = {CLIENT_GET, "GET /devices/{id}/status", "/devices/", "/status",
	.timeout_ms = 10000},
    [PLATFORM_POST_COMMANDS] = {CLIENT_POST, "POST /devices/{id}/commands", "/devices/",
	"/commands", .content_type = JSON_TYPE, .timeout_ms = POLICY_COMMAND_CALL_MS},
    [PLATFORM_GET_SUBSCRIPTIONS] = {CLIENT_GET, "GET /installedapps/{id}/subscriptions",
	"/installedapps/", "/subscriptions", .timeout_ms = 10000},
    [PLATFORM_POST_SUBSCRIPTION] = {CLIENT_POST, "POST /installedapps/{id}/subscriptions",
	"/installedapps/", "/subscriptions", .content_type = JSON_TYPE, .timeout_ms = 10000},
    [PLATFORM_DELETE_SUBSCRIPTION] = {CLIENT_DELETE,
	"DELETE /installedapps/{id}/subscriptions/{id}", "/installedapps/", "/subscriptions/",
	.two_ids = true, .timeout_ms = 10000},
    [PLATFORM_POST_TOKEN] = {CLIENT_POST, "POST /oauth/token", "/oauth/token", "",
	.content_type = "application/x-www-form-urlencoded", .timeout_ms = 15000,
	.response_limit = (size_t)128 << 10},
    [PLATFORM_CONFIRM] = {CLIENT_GET, "GET /apps/{id}/confirm-registration", "", "",
	.timeout_ms = 10000, .response_limit = (size_t)64 << 10},
};
_Static_assert(
    sizeof(endpoints) / sizeof(endpoints[0]) == PLATFORM_CALL__MAX, "a row for every call");

const char *
platform_endpoint(enum platform_call call)
{
	return endpoints[call].name;
}

/* The length of "path" without a version at its end. */
static size_t
length_before_version(const char *path)
{
	size_t length = strlen(path), version = sizeof(API_VERSION) - 1;

	if (length >= version && strcmp(path + length - version, API_VERSION) == 0)
		return length - version;
	return length;
}

/* Where a call goes: the API's address, with or without its version. */
static void
put_base(struct sbuf *buf, const char *api_url, const struct endpoint *endpoint)
{
	size_t length = strlen(api_url);

	sbuf_put(buf, api_url, endpoint->accept != NULL ? length_before_version(api_url) : length);
}

void
platform_put_url(struct sbuf *buf, const char *api_url, enum platform_call call, const char *id,
    const char *second_id)
{
	const struct endpoint *endpoint = &endpoints[call];

	assert(call != PLATFORM_CONFIRM);
	put_base(buf, api_url, endpoint);
	sbuf_put_text(buf, endpoint->before);
	if (endpoint->parameters != NULL) {
		sbuf_put_char(buf, '?');
		sbuf_put_text(buf, endpoint->parameters);
	}
	url_put_encoded(buf, id != NULL ? id : "");
	sbuf_put_text(buf, endpoint->after);
	if (endpoint->two_ids)
		url_put_encoded(buf, second_id != NULL ? second_id : "");
}

void
platform_prepare(enum platform_call call, struct client_request *out)
{
	const struct endpoint *endpoint = &endpoints[call];

	memset(out, 0, sizeof(*out));
	out->method = endpoint->method;
	out->accept = endpoint->accept != NULL ? endpoint->accept : JSON_TYPE;
	out->content_type = endpoint->content_type;
	out->timeout_ms = endpoint->timeout_ms;
	out->response_limit = endpoint->response_limit;
}

bool
platform_is_own_link(const struct url_parts *api, const char *url)
{
	struct url_parts parts;

	return url_split(url, &parts) == SW_OK && url_same_origin(api, &parts);
}

/* Is one of the fields of a query, "a=1&b=2", of that name? */
static bool
query_has(const char *query, const char *name, size_t length)
{
	while (*query != '\0') {
		size_t field = strcspn(query, "&");

		if (field >= length && strncmp(query, name, length) == 0 &&
		    (field == length || query[length] == '='))
			return true;
		query += field;
		query += strspn(query, "&");
	}
	return false;
}

/* Add the parameters that are not in "path", a path with its query. */
static void
put_missing_parameters(struct sbuf *buf, const char *parameters, const char *id, const char *path)
{
	const char *query = strchr(path, '?');
	char separator = query != NULL ? '&' : '?';

	query = query != NULL ? query + 1 : "";
	while (*parameters != '\0') {
		size_t length = strcspn(parameters, "&");
		bool last = parameters[length] == '\0';

		if (!query_has(query, parameters, strcspn(parameters, "="))) {
			sbuf_put_char(buf, separator);
			sbuf_put(buf, parameters, length);
			if (last)
				url_put_encoded(buf, id != NULL ? id : "");
			separator = '&';
		}
		parameters += last ? length : length + 1;
	}
}

enum sw_err
platform_put_next_url(struct sbuf *buf, const char *api_url, const struct url_parts *api,
    enum platform_call call, const char *id, const char *href)
{
	const struct endpoint *endpoint = &endpoints[call];
	size_t base = length_before_version(api->path), version = sizeof(API_VERSION) - 1;
	struct url_parts link;
	const char *path;
	enum sw_err err = url_split(href, &link);

	if (err != SW_OK || !url_same_origin(api, &link))
		return err == SW_ENOMEM ? err : SW_EUPSTREAM;
	path = link.path;
	if (strncmp(path, api->path, base) == 0 && path[base] == '/')
		path += base;
	if (strncmp(path, API_VERSION "/", version + 1) == 0)
		path += version;
	put_base(buf, api_url, endpoint);
	sbuf_put_text(buf, path);
	if (endpoint->parameters != NULL)
		put_missing_parameters(buf, endpoint->parameters, id, path);
	return SW_OK;
}

enum sw_err
platform_next_link(struct arena *arena, const json_t *list, const char **next)
{
	const json_t *href = jsonx_path(list, "_links", "next", "href", NULL);

	*next = NULL;
	if (!json_is_string(href) || json_string_length(href) == 0)
		return SW_OK;
	*next = arena_strdup(arena, json_string_value(href));
	return *next != NULL ? SW_OK : SW_ENOMEM;
}

static enum sw_err
err_of_status(int status)
{
	if (status >= 200 && status < 300)
		return SW_OK;
	switch (status) {
	case 401:
		return SW_EAUTH;
	case 403:
		return SW_EFORBIDDEN;
	case 404:
	case 410:
		return SW_ENOTFOUND;
	case 408:
		return SW_ETIMEOUT;
	case 409:
		return SW_ECONFLICT;
	case 429:
		return SW_ELIMIT;
	default:
		return status >= 400 && status < 500 ? SW_EINPUT : SW_EUPSTREAM;
	}
}

const char *
platform_error_code(const json_t *reply)
{
	const char *code = jsonx_string(reply, "error");

	if (code == NULL)
		code = jsonx_string(json_object_get(reply, "error"), "code");
	return code != NULL ? code : "";
}

static void
read_error(const struct client_reply *reply, struct platform_outcome *out)
{
	const char *message;
	json_t *body;

	if (reply->body.length == 0 || reply->body.length > ERROR_BODY_MAX)
		return;
	if (jsonx_load(reply->body.data, reply->body.length, &body) != SW_OK)
		return;
	message = jsonx_string(json_object_get(body, "error"), "message");
	snprintf(out->code, sizeof(out->code), "%s", platform_error_code(body));
	snprintf(out->message, sizeof(out->message), "%s", message != NULL ? message : "");
	json_decref(body);
}

/* The number in "retry in 13933 millis"; -1 when the message does not say that. */
static int64_t
delay_of_message(const char *message)
{
	static const char words[] = "retry in ";
	const char *at = strstr(message, words);
	char *end;
	intmax_t value;

	if (at == NULL)
		return -1;
	at += sizeof(words) - 1;
	if (*at < '0' || *at > '9')
		return -1;
	value = strtoimax(at, &end, 10);
	return strncmp(end, " millis", 7) == 0 ? (int64_t)value : -1;
}

static int64_t
longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* X-RateLimit-Reset in ms; "known_ms" is what the other hints say, -1 when there is none. */
static int64_t
reset_delay(int64_t reset, int64_t known_ms)
{
	if (reset <= 0 || reset > DELAY_MAX_MS)
		return reset <= 0 ? -1 : DELAY_MAX_MS;
	if (known_ms < 0)
		return reset <= WINDOW_S ? reset * 1000 : reset;
	return llabs(reset - known_ms) <= llabs(reset * 1000 - known_ms) ? reset : reset * 1000;
}

static int64_t
delay_of(const struct client_reply *reply, const char *message)
{
	int64_t known_ms = longer(reply->retry_after_ms, delay_of_message(message));
	int64_t delay_ms = longer(known_ms, reset_delay(reply->limit_reset_ms, known_ms));

	if (delay_ms < 0)
		return DEFAULT_DELAY_MS;
	return delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
}

void
platform_classify(enum sw_err err, const struct client_reply *reply, struct platform_outcome *out)
{
	memset(out, 0, sizeof(*out));
	out->delay_ms = -1;
	if (err != SW_OK) {
		out->err = err == SW_ETOOLARGE ? SW_EUPSTREAM : err;
		return;
	}
	out->err = err_of_status(reply->status);
	if (out->err == SW_OK)
		return;
	read_error(reply, out);
	if (out->err == SW_ELIMIT)
		out->delay_ms = delay_of(reply, out->message);
}
