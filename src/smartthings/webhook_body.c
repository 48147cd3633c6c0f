/*
 * Webhook bodies (platform.md "Webhooks").  Hides the platform's two generations of messages, and
 * that a body which cannot be loaded as a whole is read in parts; the array of events is written
 * straight from the parsed body.
 */
#include "smartthings/webhook_body.h"

#include <string.h>

#include <jansson.h>

#include "formats/json.h"
#include "formats/json_span.h"
#include "formats/url.h"
#include "smartthings/webhook_event.h"

/* The body while its events become rows. */
struct reading {
	struct arena *arena;
	struct webhook_source source;
	struct json_span events; /* their array, in a body that cannot be loaded as a whole */
	struct webhook_body *out;
	struct sbuf rows, odd_rows;
};

/* The row that "rows" ends with since "start" is of this event: an odd one goes behind the others.
 */
static void
end_row(struct reading *reading, size_t start, size_t index, const char *odd)
{
	struct webhook_body *out = reading->out;
	struct sbuf *rows = &reading->rows;

	out->event_count++;
	if (odd == NULL || sbuf_failed(rows))
		return;
	if (out->odd_count < WEBHOOK_BODY_ODD_MAX)
		out->odd[out->odd_count] = (struct webhook_odd){index, odd};
	if (out->odd_count++ > 0)
		sbuf_put_char(&reading->odd_rows, ',');
	sbuf_put(&reading->odd_rows, rows->data + start, rows->length - start);
	rows->length = start > 1 ? start - 1 : start; /* with its comma */
}

/* Where the next row starts, behind a comma. */
static size_t
begin_row(struct reading *reading)
{
	if (reading->rows.length > 1)
		sbuf_put_char(&reading->rows, ',');
	return reading->rows.length;
}

static enum sw_err
put_loaded(struct reading *reading, const json_t *events)
{
	const json_t *event;
	size_t i;

	if (!json_is_array(events) || json_array_size(events) > WEBHOOK_BODY_EVENTS_MAX)
		return SW_EINPUT;
	json_array_foreach(events, i, event)
	{
		size_t start = begin_row(reading);
		const char *odd = NULL;
		enum sw_err err =
		    webhook_event_put(&reading->rows, &reading->source, event, i, &odd);

		if (err != SW_OK)
			return err;
		end_row(reading, start, i, odd);
	}
	return SW_OK;
}

/* The events of a body that cannot be loaded, each for itself. */
static enum sw_err
put_spans(struct reading *reading)
{
	struct json_span rest = reading->events, name, event;

	for (size_t i = 0; json_span_next(&rest, &name, &event); i++) {
		size_t start = begin_row(reading);
		const char *odd = NULL;
		enum sw_err err = SW_EINPUT;

		if (i < WEBHOOK_BODY_EVENTS_MAX)
			err = webhook_event_put_span(
			    &reading->rows, &reading->source, reading->arena, event, i, &odd);
		if (err != SW_OK)
			return err;
		end_row(reading, start, i, odd);
	}
	return SW_OK;
}

/* Both kinds of rows as one array. */
static enum sw_err
finish_rows(struct reading *reading)
{
	struct sbuf *rows = &reading->rows;

	if (rows->length > 1 && reading->odd_rows.length > 0)
		sbuf_put_char(rows, ',');
	sbuf_put(rows, sbuf_text(&reading->odd_rows), reading->odd_rows.length);
	sbuf_put_char(rows, ']');
	if (!sbuf_failed(rows) && !sbuf_failed(&reading->odd_rows))
		reading->out->events_json =
		    arena_strndup(reading->arena, sbuf_text(rows), rows->length);
	return reading->out->events_json != NULL ? SW_OK : SW_ENOMEM;
}

/* A copy of a string in the arena; SW_EINPUT when it is absent, empty or no string. */
static enum sw_err
copy_text(struct arena *arena, const json_t *object, const char *name, const char **out)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value) || json_string_length(value) == 0)
		return SW_EINPUT;
	*out = arena_strndup(arena, json_string_value(value), json_string_length(value));
	return *out != NULL ? SW_OK : SW_ENOMEM;
}

/* The same for an id that may be missing; a bad one is refused. */
static enum sw_err
copy_id(struct arena *arena, const json_t *object, const char *name, const char **out)
{
	const json_t *value = json_object_get(object, name);

	if (value == NULL || json_is_null(value))
		return SW_OK;
	if (!json_is_string(value) || !url_id_is_valid(json_string_value(value)))
		return SW_EINPUT;
	return copy_text(arena, object, name, out);
}

static enum sw_err
parse_confirmation(struct arena *arena, const json_t *root, struct webhook_body *out)
{
	const json_t *data = json_object_get(root, "confirmationData");
	enum sw_err err = copy_id(arena, data, "appId", &out->app_id);

	if (err == SW_OK && out->app_id == NULL)
		err = copy_id(arena, root, "appId", &out->app_id);
	return err == SW_OK ? copy_text(arena, data, "confirmationUrl", &out->confirmation_url)
			    : err;
}

/* The challenge is any string, the empty one too: it is sent back as it is. */
static enum sw_err
parse_ping(struct arena *arena, const json_t *root, struct webhook_body *out)
{
	const json_t *value = json_object_get(json_object_get(root, "pingData"), "challenge");

	if (!json_is_string(value))
		return SW_EINPUT;
	out->challenge = arena_strndup(arena, json_string_value(value), json_string_length(value));
	return out->challenge != NULL ? SW_OK : SW_ENOMEM;
}

static enum sw_err
read_events(struct reading *reading, const json_t *events)
{
	enum sw_err err;

	sbuf_put_char(&reading->rows, '[');
	if (reading->events.length > 0)
		err = put_spans(reading);
	else
		err = put_loaded(reading, events);
	if (err == SW_OK)
		err = finish_rows(reading);
	sbuf_clear(&reading->rows);
	sbuf_clear(&reading->odd_rows);
	return err;
}

static enum sw_err
parse_event_data(struct reading *reading, const json_t *root)
{
	struct webhook_body *out = reading->out;
	const json_t *data = json_object_get(root, "eventData");
	const json_t *app = json_object_get(data, "installedApp");
	const char *location = jsonx_string(app, "locationId");
	enum sw_err err = copy_id(reading->arena, app, "installedAppId", &out->installed_app_id);

	if (err == SW_OK && out->installed_app_id == NULL)
		err = SW_EINPUT;
	if (err == SW_OK && location != NULL && url_id_is_valid(location))
		err = copy_id(reading->arena, app, "locationId", &out->location_id);
	return err == SW_OK ? read_events(reading, json_object_get(data, "events")) : err;
}

/* "messageType", or "lifecycle" as older apps get it; NULL when there is neither. */
static const char *
message_name(const json_t *root)
{
	const char *name = jsonx_string(root, "messageType");

	return name != NULL ? name : jsonx_string(root, "lifecycle");
}

static enum sw_err
parse_message(struct reading *reading, const json_t *root)
{
	struct webhook_body *out = reading->out;
	const char *name = message_name(root);

	if (name == NULL)
		return SW_EINPUT;
	if (strcmp(name, "EVENT") == 0) {
		out->message = WEBHOOK_BODY_EVENT;
		return parse_event_data(reading, root);
	}
	if (strcmp(name, "PING") == 0) {
		out->message = WEBHOOK_BODY_PING;
		return parse_ping(reading->arena, root, out);
	}
	if (strcmp(name, "CONFIRMATION") == 0) {
		out->message = WEBHOOK_BODY_CONFIRMATION;
		return parse_confirmation(reading->arena, root, out);
	}
	out->message = WEBHOOK_BODY_OTHER;
	return SW_OK;
}

/*
 * What is read of the message, without its events.  The members of the installed app and of the
 * message stay in one object each, where Jansson refuses doubled ones.
 */
static void
put_message(struct sbuf *out, struct json_span root, struct json_span data)
{
	static const char *const names[] = {
	    "messageType", "lifecycle", "appId", "pingData", "confirmationData", NULL};
	static const char *const ids[] = {"installedAppId", "locationId", NULL};

	json_span_put_members(out, root, names);
	if (sbuf_failed(out) || data.length == 0)
		return;
	out->length--; /* the bracket; without a member before the comma it is no JSON */
	sbuf_put_text(out, ",\"eventData\":{\"installedApp\":");
	json_span_put_members(out, json_span_member(data, "installedApp"), ids);
	sbuf_put_text(out, "}}");
}

/* A body that is JSON, and holds something that Jansson does not. */
static enum sw_err
load_message(struct reading *reading, json_t **root)
{
	struct json_span body = {reading->source.body, reading->source.length};
	struct json_span data;
	struct sbuf message = {0};
	enum sw_err err = json_span_check(reading->arena, body.text, body.length);

	if (err != SW_OK)
		return err;
	data = json_span_member(body, "eventData");
	reading->events = json_span_member(data, "events");
	if (json_span_kind(reading->events) != '[')
		reading->events.length = 0;
	put_message(&message, body, data);
	err = sbuf_failed(&message) ? SW_ENOMEM : jsonx_load(message.data, message.length, root);
	sbuf_clear(&message);
	return err;
}

enum sw_err
webhook_body_parse(
    struct arena *arena, const char *body, size_t length, int64_t now_ms, struct webhook_body *out)
{
	struct reading reading = {
	    .arena = arena,
	    .source = {.body = body, .length = length, .received_us = now_ms * 1000},
	    .events = {"", 0},
	    .out = out,
	};
	json_t *root;
	enum sw_err err;

	memset(out, 0, sizeof(*out));
	out->message = WEBHOOK_BODY_OTHER;
	err = jsonx_load(body, length, &root);
	if (err == SW_EINPUT)
		err = load_message(&reading, &root);
	if (err == SW_OK)
		err = parse_message(&reading, root);
	json_decref(root);
	return err;
}
