/*
 * Webhook bodies (platform.md "Webhooks").  Hides the platform's two generations of messages; the
 * array of events is written straight from the parsed body.
 */
#include "smartthings/webhook_body.h"

#include <string.h>

#include <jansson.h>

#include "formats/json.h"
#include "formats/url.h"
#include "smartthings/webhook_event.h"

/* A JSON array with the row of each event. */
static enum sw_err
put_events(struct sbuf *out, struct webhook_source *source, const json_t *events)
{
	const json_t *event;
	size_t i;

	sbuf_put_char(out, '[');
	json_array_foreach(events, i, event)
	{
		enum sw_err err;

		if (i > 0)
			sbuf_put_char(out, ',');
		err = webhook_event_put(out, source, event, i);
		if (err != SW_OK)
			return err;
	}
	sbuf_put_char(out, ']');
	return sbuf_failed(out) ? SW_ENOMEM : SW_OK;
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
read_events(struct arena *arena, struct webhook_source *source, const json_t *events,
    struct webhook_body *out)
{
	struct sbuf rows = {0};
	enum sw_err err;

	if (!json_is_array(events) || json_array_size(events) > WEBHOOK_BODY_EVENTS_MAX)
		return SW_EINPUT;
	err = put_events(&rows, source, events);
	if (err == SW_OK) {
		out->event_count = json_array_size(events);
		out->events_json = arena_strndup(arena, sbuf_text(&rows), rows.length);
		err = out->events_json != NULL ? SW_OK : SW_ENOMEM;
	}
	sbuf_clear(&rows);
	return err;
}

static enum sw_err
parse_event_data(struct arena *arena, struct webhook_source *source, const json_t *root,
    struct webhook_body *out)
{
	const json_t *data = json_object_get(root, "eventData");
	const json_t *app = json_object_get(data, "installedApp");
	enum sw_err err = copy_id(arena, app, "installedAppId", &out->installed_app_id);

	if (err == SW_OK && out->installed_app_id == NULL)
		err = SW_EINPUT;
	if (err == SW_OK)
		err = copy_id(arena, app, "locationId", &out->location_id);
	return err == SW_OK ? read_events(arena, source, json_object_get(data, "events"), out)
			    : err;
}

/* "messageType", or "lifecycle" as older apps get it; NULL when there is neither. */
static const char *
message_name(const json_t *root)
{
	const char *name = jsonx_string(root, "messageType");

	return name != NULL ? name : jsonx_string(root, "lifecycle");
}

static enum sw_err
parse_message(struct arena *arena, struct webhook_source *source, const json_t *root,
    struct webhook_body *out)
{
	const char *name = message_name(root);

	if (name == NULL)
		return SW_EINPUT;
	if (strcmp(name, "EVENT") == 0) {
		out->message = WEBHOOK_BODY_EVENT;
		return parse_event_data(arena, source, root, out);
	}
	if (strcmp(name, "PING") == 0) {
		out->message = WEBHOOK_BODY_PING;
		return parse_ping(arena, root, out);
	}
	if (strcmp(name, "CONFIRMATION") == 0) {
		out->message = WEBHOOK_BODY_CONFIRMATION;
		return parse_confirmation(arena, root, out);
	}
	out->message = WEBHOOK_BODY_OTHER;
	return SW_OK;
}

enum sw_err
webhook_body_parse(
    struct arena *arena, const char *body, size_t length, int64_t now_ms, struct webhook_body *out)
{
	struct webhook_source source = {
	    .body = body, .length = length, .received_us = now_ms * 1000};
	json_t *root;
	enum sw_err err;

	memset(out, 0, sizeof(*out));
	out->message = WEBHOOK_BODY_OTHER;
	err = jsonx_load(body, length, &root);
	if (err == SW_OK)
		err = parse_message(arena, &source, root, out);
	json_decref(root);
	return err;
}
