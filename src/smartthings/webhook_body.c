/*
 * Webhook bodies (platform.md "Webhooks").  Hides the platform's two
 * generations of messages and one member name per event type; writes the
 * array that event_ingest() takes straight from the parsed body.
 */
#include "smartthings/webhook_body.h"

#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "formats/json.h"
#include "base/secret.h"
#include "formats/url.h"
#include "formats/uuid.h"

#define TEXT_MAX 256    /* characters kept of a string */
#define VALUE_MAX 16384 /* bytes kept of a value or a detail */

/* An event type we know: the member that carries it, and its main word if it has one. */
struct event_type {
	const char *name;
	const char *member;
	const char *word;
};

static const struct event_type event_types[] = {
    {"DEVICE_EVENT", "deviceEvent", "value"},
    {"DEVICE_HEALTH_EVENT", "deviceHealthEvent", "status"},
    {"DEVICE_LIFECYCLE_EVENT", "deviceLifecycleEvent", "lifecycle"},
    {"HUB_HEALTH_EVENT", "hubHealthEvent", "status"},
    {"INSTALLED_APP_LIFECYCLE_EVENT", "installedAppLifecycleEvent", "lifecycle"},
    {"LOCATION_LIFECYCLE_EVENT", "locationLifecycleEvent", "lifecycle"},
    {"MODE_EVENT", "modeEvent", NULL},
    {"SCENE_LIFECYCLE_EVENT", "sceneLifecycleEvent", "lifecycle"},
    {"SECURITY_ARM_STATE_EVENT", "securityArmStateEvent", NULL},
};
static const struct event_type *const device_event = &event_types[0];

/* What the events of one body share. */
struct batch {
	const char *body;
	size_t length;
	int64_t now_us;
	struct sbuf *out;
	bool hashed;
	uint8_t hash[SECRET_SHA256_BYTES]; /* of the body, once an event needs it */
};

/* One event while it is written. */
struct one {
	const json_t *event;
	const json_t *member;          /* the type's own object, or NULL */
	const struct event_type *type; /* NULL for one we do not know */
	char id[UUID_TEXT_SIZE];
	int64_t at_us;
	bool has_tick;
	int64_t tick;
};

bool
event_uuid_tick(const char *uuid, int64_t *out)
{
	uint8_t bytes[UUID_BYTES];

	return uuid != NULL && uuid_parse(uuid, bytes) && uuid_tick(bytes, out);
}

static const uint8_t *
body_hash(struct batch *batch)
{
	if (!batch->hashed)
		secret_sha256(batch->body, batch->length, batch->hash);
	batch->hashed = true;
	return batch->hash;
}

/*
 * The event's identity, and the 100 ns clock inside it if it has one.  The same
 * delivery gives the same ids when it comes again, with or without eventId.
 */
static void
take_id(struct batch *batch, struct one *one, size_t index)
{
	const char *given = jsonx_string(one->member, "eventId");
	uint8_t uuid[UUID_BYTES], hash[SECRET_SHA256_BYTES];

	if (given == NULL) {
		uuid_derive(body_hash(batch), (uint32_t)index, uuid);
	} else if (uuid_parse(given, uuid)) {
		one->has_tick = uuid_tick(uuid, &one->tick);
	} else {
		secret_sha256(given, strlen(given), hash);
		uuid_derive(hash, 0, uuid);
	}
	uuid_format(uuid, one->id);
}

static enum sw_err
take_time(const struct batch *batch, struct one *one)
{
	const json_t *time = json_object_get(one->event, "eventTime");
	bool fraction;

	one->at_us = batch->now_us;
	if (time == NULL || json_is_null(time))
		return SW_OK;
	if (!json_is_string(time) ||
	    !clock_parse_rfc3339(json_string_value(time), &one->at_us, &fraction))
		return SW_EINPUT;
	if (fraction && !one->has_tick) {
		one->has_tick = true;
		one->tick = one->at_us * 10;
	}
	return SW_OK;
}

/* An event has its time, its type and one object; that object is what we look for. */
static const json_t *
first_object(const json_t *event)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)event, name, value)
	{
		if (json_is_object(value))
			return value;
	}
	return NULL;
}

/* Types we know must have their member; of the others we keep what is there. */
static enum sw_err
take_type(struct one *one)
{
	const char *name = jsonx_string(one->event, "eventType");

	for (size_t i = 0; name != NULL && i < sizeof(event_types) / sizeof(event_types[0]); i++) {
		if (strcmp(name, event_types[i].name) != 0)
			continue;
		one->type = &event_types[i];
		one->member = json_object_get(one->event, one->type->member);
		return json_is_object(one->member) ? SW_OK : SW_EINPUT;
	}
	one->member = first_object(one->event);
	return SW_OK;
}

static bool
is_text_or_absent(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return value == NULL || json_is_null(value) || json_is_string(value);
}

/* What is read as text must not be anything else: to take it for absent would be a guess. */
static enum sw_err
check_texts(const struct one *one)
{
	static const char *const names[] = {
	    "eventId", "deviceId", "componentId", "capability", "attribute", "installedAppId"};

	if (!is_text_or_absent(one->event, "eventType"))
		return SW_EINPUT;
	if (one->type == NULL)
		return SW_OK;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!is_text_or_absent(one->member, names[i]))
			return SW_EINPUT;
	}
	return one->type == device_event || one->type->word == NULL ||
		       is_text_or_absent(one->member, one->type->word)
		   ? SW_OK
		   : SW_EINPUT;
}

static enum sw_err
check_device_id(const struct one *one)
{
	const char *id = jsonx_string(one->member, "deviceId");

	return one->type == NULL || id == NULL || url_id_is_valid(id) ? SW_OK : SW_EINPUT;
}

/* Bytes of the first TEXT_MAX characters of UTF-8 text. */
static size_t
kept_length(const char *text)
{
	size_t length = 0, characters = 0;

	for (; text[length] != '\0'; length++) {
		bool continues = ((unsigned char)text[length] & 0xc0) == 0x80;

		if (!continues && characters++ == TEXT_MAX)
			break;
	}
	return length;
}

static void
put_text(struct sbuf *out, const char *text)
{
	char cut[4 * TEXT_MAX + 1];
	size_t length;

	if (text != NULL && strnlen(text, TEXT_MAX + 1) > TEXT_MAX) {
		length = kept_length(text);
		memcpy(cut, text, length);
		cut[length] = '\0';
		text = cut;
	}
	jsonx_put_string(out, text);
}

/* The value, or null in its place when it is over VALUE_MAX. */
static void
put_value(struct sbuf *out, const json_t *value)
{
	size_t start = out->length;

	if (value != NULL)
		jsonx_put(out, value);
	if (value != NULL && (sbuf_failed(out) || out->length - start <= VALUE_MAX))
		return;
	out->length = start;
	sbuf_put(out, "null", 4);
}

static void
put_at(struct sbuf *out, int64_t at_us)
{
	char text[32];

	clock_format_rfc3339_us(at_us, text);
	sbuf_put(out, ",\"at\":\"", 7);
	sbuf_put_text(out, text);
	sbuf_put_char(out, '"');
}

static void
put_tick(struct sbuf *out, const struct one *one)
{
	sbuf_put(out, ",\"tick\":", 8);
	if (one->has_tick)
		sbuf_put_int(out, one->tick);
	else
		sbuf_put(out, "null", 4);
}

/* A member of a DEVICE_EVENT; null for the other types. */
static void
put_device_text(struct sbuf *out, const struct one *one, const char *name, const char *fallback)
{
	const char *text = NULL;

	if (one->type == device_event)
		text = jsonx_string(one->member, name);
	put_text(out, text != NULL || one->type != device_event ? text : fallback);
}

/* Text for all types but DEVICE_EVENT, whose value is any JSON. */
static void
put_word(struct sbuf *out, const struct one *one)
{
	if (one->type == device_event)
		put_value(out, json_object_get(one->member, "value"));
	else
		put_text(out, one->type != NULL && one->type->word != NULL
				  ? jsonx_string(one->member, one->type->word)
				  : NULL);
}

static void
put_event(struct sbuf *out, const struct one *one)
{
	const char *type = jsonx_string(one->event, "eventType");
	const char *device = jsonx_string(one->member, "deviceId");

	if (device != NULL && !url_id_is_valid(device))
		device = NULL;
	sbuf_put(out, "{\"id\":\"", 7);
	sbuf_put(out, one->id, UUID_TEXT_SIZE - 1);
	sbuf_put_char(out, '"');
	put_at(out, one->at_us);
	put_tick(out, one);
	sbuf_put_text(out, ",\"type\":");
	put_text(out, type != NULL ? type : "UNKNOWN");
	sbuf_put_text(out, ",\"device\":");
	put_text(out, device);
	sbuf_put_text(out, ",\"component\":");
	put_device_text(out, one, "componentId", "main");
	sbuf_put_text(out, ",\"capability\":");
	put_device_text(out, one, "capability", NULL);
	sbuf_put_text(out, ",\"attribute\":");
	put_device_text(out, one, "attribute", NULL);
	sbuf_put_text(out, ",\"value\":");
	put_word(out, one);
	sbuf_put_text(out, ",\"detail\":");
	put_value(out, one->type == device_event ? NULL : one->member);
	sbuf_put_char(out, '}');
}

static enum sw_err
add_event(struct batch *batch, const json_t *event, size_t index)
{
	struct one one = {.event = event};
	enum sw_err err;

	if (!json_is_object(event))
		return SW_EINPUT;
	err = take_type(&one);
	if (err == SW_OK)
		err = check_texts(&one);
	if (err == SW_OK)
		err = check_device_id(&one);
	if (err != SW_OK)
		return err;
	take_id(batch, &one, index);
	err = take_time(batch, &one);
	if (err != SW_OK)
		return err;
	if (index > 0)
		sbuf_put_char(batch->out, ',');
	put_event(batch->out, &one);
	return sbuf_failed(batch->out) ? SW_ENOMEM : SW_OK;
}

static enum sw_err
write_events(struct batch *batch, const json_t *events)
{
	const json_t *event;
	enum sw_err err = SW_OK;
	size_t i;

	sbuf_put_char(batch->out, '[');
	json_array_foreach(events, i, event)
	{
		err = add_event(batch, event, i);
		if (err != SW_OK)
			return err;
	}
	sbuf_put_char(batch->out, ']');
	return sbuf_failed(batch->out) ? SW_ENOMEM : SW_OK;
}

/* A copy of a string in the arena; SW_EINPUT when it is absent or no string. */
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

static enum sw_err
parse_ping(struct arena *arena, const json_t *root, struct webhook_body *out)
{
	return copy_text(arena, json_object_get(root, "pingData"), "challenge", &out->challenge);
}

static enum sw_err
copy_events(
    struct arena *arena, struct batch *batch, const json_t *events, struct webhook_body *out)
{
	struct sbuf buf = {0};
	enum sw_err err;

	if (!json_is_array(events) || json_array_size(events) > WEBHOOK_BODY_EVENTS_MAX)
		return SW_EINPUT;
	batch->out = &buf;
	err = write_events(batch, events);
	if (err == SW_OK) {
		out->event_count = json_array_size(events);
		out->events_json = arena_strndup(arena, sbuf_text(&buf), buf.length);
		err = out->events_json != NULL ? SW_OK : SW_ENOMEM;
	}
	sbuf_clear(&buf);
	return err;
}

static enum sw_err
parse_events(struct arena *arena, struct batch *batch, const json_t *root, struct webhook_body *out)
{
	const json_t *data = json_object_get(root, "eventData");
	const json_t *app = json_object_get(data, "installedApp");
	enum sw_err err = copy_id(arena, app, "installedAppId", &out->installed_app_id);

	if (err == SW_OK && out->installed_app_id == NULL)
		err = SW_EINPUT;
	if (err == SW_OK)
		err = copy_id(arena, app, "locationId", &out->location_id);
	return err == SW_OK ? copy_events(arena, batch, json_object_get(data, "events"), out) : err;
}

/* "messageType", or "lifecycle" as older apps get it; NULL when there is neither. */
static const char *
message_name(const json_t *root)
{
	const char *name = jsonx_string(root, "messageType");

	return name != NULL ? name : jsonx_string(root, "lifecycle");
}

static enum sw_err
parse_message(
    struct arena *arena, struct batch *batch, const json_t *root, struct webhook_body *out)
{
	const char *name = message_name(root);

	if (name == NULL)
		return SW_EINPUT;
	if (strcmp(name, "EVENT") == 0) {
		out->message = WEBHOOK_BODY_EVENT;
		return parse_events(arena, batch, root, out);
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
	struct batch batch = {.body = body, .length = length, .now_us = now_ms * 1000};
	json_t *root;
	enum sw_err err;

	memset(out, 0, sizeof(*out));
	out->message = WEBHOOK_BODY_OTHER;
	err = jsonx_load(body, length, &root);
	if (err == SW_OK)
		err = parse_message(arena, &batch, root, out);
	json_decref(root);
	return err;
}
