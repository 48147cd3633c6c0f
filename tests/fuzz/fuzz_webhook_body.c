/*
 * Webhook bodies: whatever the platform sends, the rows for the database have
 * exactly the members, types and limits that webhook_body.h promises, and the same
 * body gives the same rows again.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "formats/json.h"
#include "smartthings/webhook_body.h"

#define NOW_MS INT64_C(1798804800777)
#define LATER_MS (NOW_MS + 5003)
#define TEXT_MAX 256
#define VALUE_MAX 16384
#define ROW_MEMBERS 10

static bool
is_short(const char *text)
{
	return fuzz_characters(text) <= TEXT_MAX;
}

/* 8-4-4-4-12 in lower case. */
static bool
is_uuid(const char *text)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : text[i] == '\0' || !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return text[36] == '\0';
}

static bool
is_small(const json_t *value)
{
	struct sbuf buf = {0};
	bool small;

	jsonx_put(&buf, value);
	small = !sbuf_failed(&buf) && buf.length <= VALUE_MAX;
	sbuf_clear(&buf);
	return small;
}

/* An event that is not understood: all of it, or its text, and nothing else that was read of it. */
static void
require_as_it_came(const json_t *row, const json_t *detail)
{
	FUZZ_REQUIRE(
	    json_is_string(detail) ? json_string_length(detail) <= VALUE_MAX : is_small(detail));
	FUZZ_REQUIRE(json_is_null(json_object_get(row, "value")));
	FUZZ_REQUIRE(json_is_null(json_object_get(row, "component")));
	FUZZ_REQUIRE(json_is_null(json_object_get(row, "capability")));
	FUZZ_REQUIRE(json_is_null(json_object_get(row, "attribute")));
}

static void
require_row(const json_t *row)
{
	const char *type = jsonx_string(row, "type");
	const json_t *tick = json_object_get(row, "tick");
	const json_t *detail = json_object_get(row, "detail");
	bool of_device = type != NULL && strcmp(type, "DEVICE_EVENT") == 0;

	bool understood = json_object_get(row, "understood") == NULL;

	FUZZ_REQUIRE(json_object_size(row) == (understood ? ROW_MEMBERS : ROW_MEMBERS + 1));
	FUZZ_REQUIRE(understood || json_is_false(json_object_get(row, "understood")));
	FUZZ_REQUIRE(type != NULL && is_short(type));
	FUZZ_REQUIRE(jsonx_string(row, "id") != NULL && is_uuid(jsonx_string(row, "id")));
	FUZZ_REQUIRE(jsonx_string(row, "at") != NULL && fuzz_is_instant(jsonx_string(row, "at")));
	FUZZ_REQUIRE(
	    json_is_null(tick) || (json_is_integer(tick) && json_integer_value(tick) >= 0));
	FUZZ_REQUIRE(fuzz_is_text_or_null(row, "device", fuzz_is_id));
	FUZZ_REQUIRE(fuzz_is_text_or_null(row, "component", is_short));
	FUZZ_REQUIRE(fuzz_is_text_or_null(row, "capability", is_short));
	FUZZ_REQUIRE(fuzz_is_text_or_null(row, "attribute", is_short));
	FUZZ_REQUIRE(is_small(json_object_get(row, "value")));
	if (!understood) {
		require_as_it_came(row, detail);
		return;
	}
	FUZZ_REQUIRE(is_small(detail));
	FUZZ_REQUIRE(json_is_null(detail) || (!of_device && json_is_object(detail)));
	if (of_device) {
		FUZZ_REQUIRE(json_is_string(json_object_get(row, "component")));
		return;
	}
	FUZZ_REQUIRE(fuzz_is_text_or_null(row, "value", is_short));
	FUZZ_REQUIRE(json_is_null(json_object_get(row, "component")));
	FUZZ_REQUIRE(json_is_null(json_object_get(row, "capability")));
	FUZZ_REQUIRE(json_is_null(json_object_get(row, "attribute")));
}

static void
require_rows(const struct webhook_body *request)
{
	json_t *rows, *row;
	size_t i, odd = 0;

	FUZZ_REQUIRE(request->event_count <= WEBHOOK_BODY_EVENTS_MAX);
	FUZZ_REQUIRE(fuzz_is_printable(request->events_json, strlen(request->events_json)));
	FUZZ_REQUIRE(
	    jsonx_load(request->events_json, strlen(request->events_json), &rows) == SW_OK);
	FUZZ_REQUIRE(json_is_array(rows) && json_array_size(rows) == request->event_count);
	json_array_foreach(rows, i, row)
	{
		require_row(row);
		if (json_object_get(row, "understood") != NULL)
			odd++;
	}
	FUZZ_REQUIRE(odd == request->odd_count);
	json_decref(rows);
}

static void
require_message(const struct webhook_body *request)
{
	bool is_event = request->message == WEBHOOK_BODY_EVENT;
	bool is_ping = request->message == WEBHOOK_BODY_PING;
	bool is_confirmation = request->message == WEBHOOK_BODY_CONFIRMATION;

	FUZZ_REQUIRE((request->challenge != NULL) == is_ping);
	FUZZ_REQUIRE((request->confirmation_url != NULL) == is_confirmation);
	FUZZ_REQUIRE((request->installed_app_id != NULL) == is_event);
	FUZZ_REQUIRE((request->events_json != NULL) == is_event);
	FUZZ_REQUIRE(is_event || request->location_id == NULL);
	FUZZ_REQUIRE(is_confirmation || request->app_id == NULL);
	if (is_ping)
		FUZZ_REQUIRE(fuzz_is_utf8(request->challenge));
	if (is_confirmation)
		FUZZ_REQUIRE(fuzz_is_utf8(request->confirmation_url));
	FUZZ_REQUIRE(request->app_id == NULL || fuzz_is_id(request->app_id));
	FUZZ_REQUIRE(request->location_id == NULL || fuzz_is_id(request->location_id));
	if (is_event) {
		FUZZ_REQUIRE(fuzz_is_id(request->installed_app_id));
		require_rows(request);
	}
}

/* Rows without what the time of receipt may have given them. */
static json_t *
without_receipt(const char *rows, const char *received)
{
	json_t *array, *row;
	size_t i;

	FUZZ_REQUIRE(jsonx_load(rows, strlen(rows), &array) == SW_OK);
	json_array_foreach(array, i, row)
	{
		const char *at = jsonx_string(row, "at");

		if (at != NULL && strcmp(at, received) == 0)
			json_object_del(row, "at");
	}
	return array;
}

/* A delivery that comes again, later, is the same but for the times that it left to us. */
static void
require_same_again(
    struct arena *arena, const char *body, size_t length, const struct webhook_body *first)
{
	struct webhook_body second;
	char received[32], received_again[32];
	json_t *rows, *again;

	FUZZ_REQUIRE(webhook_body_parse(arena, body, length, LATER_MS, &second) == SW_OK);
	FUZZ_REQUIRE(second.message == first->message && second.event_count == first->event_count);
	if (first->events_json == NULL)
		return;
	clock_format_rfc3339_us(NOW_MS * 1000, received);
	clock_format_rfc3339_us(LATER_MS * 1000, received_again);
	rows = without_receipt(first->events_json, received);
	again = without_receipt(second.events_json, received_again);
	FUZZ_REQUIRE(json_equal(rows, again));
	json_decref(rows);
	json_decref(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = fuzz_text(data, size), *exact = malloc(size > 0 ? size : 1);
	struct webhook_body request;
	struct arena arena = {0};
	enum sw_err err;

	if (exact == NULL)
		abort();
	memcpy(exact, body, size);
	err = webhook_body_parse(&arena, exact, size, NOW_MS, &request);
	free(exact);
	FUZZ_REQUIRE(err == SW_OK || err == SW_EINPUT);
	if (err == SW_OK) {
		require_message(&request);
		require_same_again(&arena, body, size, &request);
	}
	arena_free(&arena);
	free(body);
	return 0;
}
