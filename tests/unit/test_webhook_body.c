/*
 * Webhook bodies: tests/data/webhook_body/CASE/body.json, received at 2027-01-01T12:00:00.123Z,
 * parses to expect.json.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"
#include "smartthings/webhook_body.h"
#include "cases.h"

#define NOW_MS INT64_C(1798804800123)

static const char *const message_names[] = {
    [WEBHOOK_BODY_CONFIRMATION] = "confirmation",
    [WEBHOOK_BODY_PING] = "ping",
    [WEBHOOK_BODY_EVENT] = "event",
    [WEBHOOK_BODY_OTHER] = "other",
};

static void
set_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL)
		assert_int_equal(json_object_set_new(object, name, json_string(text)), 0);
}

/* "INDEX MEMBER" of each event that was not understood. */
static json_t *
describe_odd(const struct webhook_body *parsed)
{
	json_t *out = json_array();

	for (size_t i = 0; i < parsed->odd_count && i < WEBHOOK_BODY_ODD_MAX; i++)
		json_array_append_new(
		    out, json_sprintf("%zu %s", parsed->odd[i].index, parsed->odd[i].member));
	return out;
}

/* What came out, in the form of expect.json. */
static json_t *
describe(enum sw_err err, const struct webhook_body *parsed)
{
	json_t *out = json_object();

	if (err != SW_OK) {
		set_text(out, "err", err_name(err));
		return out;
	}
	set_text(out, "message", message_names[parsed->message]);
	set_text(out, "challenge", parsed->challenge);
	set_text(out, "app_id", parsed->app_id);
	set_text(out, "confirmation_url", parsed->confirmation_url);
	set_text(out, "installed_app_id", parsed->installed_app_id);
	set_text(out, "location_id", parsed->location_id);
	if (parsed->events_json != NULL) {
		json_object_set_new(
		    out, "event_count", json_integer((json_int_t)parsed->event_count));
		json_object_set_new(out, "events", json_loads(parsed->events_json, 0, NULL));
	}
	if (parsed->odd_count > 0)
		json_object_set_new(out, "odd", describe_odd(parsed));
	return out;
}

static void
on_case(void **state)
{
	struct webhook_body parsed;
	struct arena arena = {0};
	size_t length;
	char *body = case_read(*state, "body.json", &length);
	char *expect_text = case_read(*state, "expect.json", NULL);
	json_t *expect, *actual;

	assert_non_null(body);
	assert_non_null(expect_text);
	expect = json_loads(expect_text, 0, NULL);
	assert_non_null(expect);
	actual = describe(webhook_body_parse(&arena, body, length, NOW_MS, &parsed), &parsed);
	if (!json_equal(actual, expect)) {
		char *text = json_dumps(actual, JSON_INDENT(2));

		fail_msg("got %s", text);
	}
	json_decref(actual);
	json_decref(expect);
	arena_free(&arena);
	free(body);
	free(expect_text);
}

/* A body with that many events, none of which has an eventId. */
static void
put_batch(struct sbuf *body, size_t count)
{
	sbuf_put_text(body, "{\"messageType\":\"EVENT\",\"eventData\":{\"installedApp\":{"
			    "\"installedAppId\":\"a\"},\"events\":[");
	for (size_t i = 0; i < count; i++)
		sbuf_put_text(body, i == 0 ? "{}" : ",{}");
	sbuf_put_text(body, "]}}");
}

static enum sw_err
parse_batch(struct arena *arena, size_t count, struct webhook_body *out)
{
	struct sbuf body = {0};
	enum sw_err err;

	put_batch(&body, count);
	err = webhook_body_parse(arena, sbuf_text(&body), body.length, NOW_MS, out);
	sbuf_clear(&body);
	return err;
}

static void
check_batch_limit(void **state)
{
	struct webhook_body parsed;
	struct arena arena = {0};

	(void)state;
	assert_int_equal(parse_batch(&arena, WEBHOOK_BODY_EVENTS_MAX, &parsed), SW_OK);
	assert_int_equal(parsed.odd_count, 0);
	assert_int_equal(parsed.event_count, WEBHOOK_BODY_EVENTS_MAX);
	assert_int_equal(parse_batch(&arena, WEBHOOK_BODY_EVENTS_MAX + 1, &parsed), SW_EINPUT);
	arena_free(&arena);
}

/* Printable ASCII without "<" cannot end a line of a stream or a script element. */
static void
check_ascii(void **state)
{
	static const char body[] =
	    "{\"messageType\":\"EVENT\",\"eventData\":{\"installedApp\":{\"installedAppId\":\"a\"},"
	    "\"events\":[{\"eventType\":\"X\",\"x\":{\"<!--\":[\"</"
	    "script>\\r\\n\",\"\xe2\x80\xa8\"]}}]}}";
	struct webhook_body parsed;
	struct arena arena = {0};

	(void)state;
	assert_int_equal(
	    webhook_body_parse(&arena, body, sizeof(body) - 1, NOW_MS, &parsed), SW_OK);
	for (const char *at = parsed.events_json; *at != '\0'; at++)
		assert_in_range(*at, 0x20, 0x7e);
	assert_null(strchr(parsed.events_json, '<'));
	assert_non_null(strstr(
	    parsed.events_json, "{\"\\u003c!--\":[\"\\u003c\\/script>\\r\\n\",\"\\u2028\"]}"));
	arena_free(&arena);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("a batch may have 10000 events and no more", check_batch_limit),
	    SAYS("the array for the database is printable ASCII", check_ascii),
	};

	return cases_run("webhook_body", tests, COUNT_OF(tests), on_case);
}
