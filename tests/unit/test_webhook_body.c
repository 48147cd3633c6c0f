/*
 * Webhook bodies: tests/data/event/CASE/body.json parses to expect.json, at
 * 2027-01-01T12:00:00.123Z.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "cases.h"
#include "base/err.h"
#include "smartthings/webhook_body.h"
#include "base/sbuf.h"

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

/* What came out, in the form of expect.json. */
static json_t *
describe(enum sw_err err, const struct webhook_body *request)
{
	json_t *out = json_object();

	if (err != SW_OK) {
		set_text(out, "err", err_name(err));
		return out;
	}
	set_text(out, "message", message_names[request->message]);
	set_text(out, "challenge", request->challenge);
	set_text(out, "app_id", request->app_id);
	set_text(out, "confirmation_url", request->confirmation_url);
	set_text(out, "installed_app_id", request->installed_app_id);
	set_text(out, "location_id", request->location_id);
	if (request->events_json != NULL) {
		json_object_set_new(
		    out, "event_count", json_integer((json_int_t)request->event_count));
		json_object_set_new(out, "events", json_loads(request->events_json, 0, NULL));
	}
	return out;
}

static void
on_case(void **state)
{
	struct webhook_body request;
	struct arena arena = {0};
	size_t length;
	char *body = case_read(*state, "body.json", &length);
	char *expect_text = case_read(*state, "expect.json", NULL);
	json_t *expect, *actual;

	assert_non_null(body);
	assert_non_null(expect_text);
	expect = json_loads(expect_text, 0, NULL);
	assert_non_null(expect);
	actual = describe(webhook_body_parse(&arena, body, length, NOW_MS, &request), &request);
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

static void
check_tick(void **state)
{
	int64_t tick = 7;

	(void)state;
	assert_true(event_uuid_tick("fba06a38-7afb-11f1-b5e6-d369b2c5435d", &tick));
	assert_int_equal(tick, INT64_C(17835358102170168));
	assert_true(event_uuid_tick("FBA06A38-7AFB-11F1-B5E6-D369B2C5435D", &tick));
	assert_true(event_uuid_tick("13814000-1dd2-11b2-8000-000000000000", &tick));
	assert_int_equal(tick, 0);
	assert_true(event_uuid_tick("ffffffff-ffff-1fff-bfff-ffffffffffff", &tick));
	assert_int_equal(tick, INT64_C(0x0fffffffffffffff) - INT64_C(0x01B21DD213814000));
}

static void
check_no_tick(void **state)
{
	static const char *const none[] = {"", "fba06a38-7afb-11f1-b5e6-d369b2c5435",
	    "fba06a38-7afb-11f1-b5e6-d369b2c5435d0", "fba06a387afb11f1b5e6d369b2c5435d",
	    "{fba06a38-7afb-11f1-b5e6-d369b2c5435d}", "gba06a38-7afb-11f1-b5e6-d369b2c5435d",
	    "fba06a38-7afb-11f1-b5e6_d369b2c5435d",
	    "fba06a38-7afb-41f1-b5e6-d369b2c5435d", /* version 4 */
	    "fba06a38-7afb-11f1-75e6-d369b2c5435d", /* another variant */
	    "fba06a38-7afb-11f1-c5e6-d369b2c5435d",
	    "13813fff-1dd2-11b2-8000-000000000000" /* just before 1970 */};
	int64_t tick = 7;

	(void)state;
	assert_false(event_uuid_tick(NULL, &tick));
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		if (event_uuid_tick(none[i], &tick))
			fail_msg("has a tick: %s", none[i]);
	}
	assert_int_equal(tick, 7);
}

/* A body with that many events and no eventId in any of them. */
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
	struct webhook_body request;
	struct arena arena = {0};

	(void)state;
	assert_int_equal(parse_batch(&arena, WEBHOOK_BODY_EVENTS_MAX, &request), SW_OK);
	assert_int_equal(request.event_count, WEBHOOK_BODY_EVENTS_MAX);
	assert_int_equal(parse_batch(&arena, WEBHOOK_BODY_EVENTS_MAX + 1, &request), SW_EINPUT);
	arena_free(&arena);
}

/* The array is printable ASCII, so no event can end a line or a script element. */
static void
check_ascii(void **state)
{
	static const char body[] =
	    "{\"messageType\":\"EVENT\",\"eventData\":{\"installedApp\":{\"installedAppId\":\"a\"},"
	    "\"events\":[{\"eventType\":\"X\",\"x\":{\"<!--\":[\"</"
	    "script>\\r\\n\",\"\xe2\x80\xa8\"]}}]}}";
	struct webhook_body request;
	struct arena arena = {0};

	(void)state;
	assert_int_equal(
	    webhook_body_parse(&arena, body, sizeof(body) - 1, NOW_MS, &request), SW_OK);
	for (const char *at = request.events_json; *at != '\0'; at++)
		assert_in_range(*at, 0x20, 0x7e);
	assert_null(strchr(request.events_json, '<'));
	assert_non_null(strstr(
	    request.events_json, "{\"\\u003c!--\":[\"\\u003c\\/script>\\r\\n\",\"\\u2028\"]}"));
	arena_free(&arena);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("the clock of a version-1 UUID counts from 1970", check_tick),
	    SAYS("anything else has no clock", check_no_tick),
	    SAYS("a batch may have 10000 events and no more", check_batch_limit),
	    SAYS("the array for the database is printable ASCII", check_ascii),
	};

	return cases_run("webhook_body", tests, COUNT_OF(tests), on_case);
}
