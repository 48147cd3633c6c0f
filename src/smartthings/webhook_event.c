/*
 * One event of a webhook body (platform.md "Webhooks").  Hides that each type of event has its own
 * member, and which events bring a finer clock than their eventTime.
 */
#include "smartthings/webhook_event.h"

#include <string.h>

#include "base/clock.h"
#include "formats/json.h"
#include "formats/url.h"
#include "formats/uuid.h"

#define TEXT_MAX 256    /* characters of a string that are stored */
#define VALUE_MAX 16384 /* bytes of a value or a detail that are stored */

/* An event type we know: the member that carries it, and the name of its state if it has one. */
struct event_type {
	const char *name;
	const char *member;
	const char *state;
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

/* One event while its row is made. */
struct parsed_event {
	const json_t *json;
	const json_t *member;          /* the type's own object, or NULL */
	const struct event_type *type; /* NULL for an unknown one */
	char id[UUID_TEXT_SIZE];
	int64_t at_us;
	bool has_tick;
	int64_t tick;
};

static const uint8_t *
body_hash(struct webhook_source *source)
{
	if (!source->is_hashed)
		secret_sha256(source->body, source->length, source->hash);
	source->is_hashed = true;
	return source->hash;
}

/*
 * The event's identity, and the 100 ns clock inside it if it has one.  The same
 * delivery gives the same ids when it comes again, with or without eventId.
 */
static void
read_id(struct webhook_source *source, struct parsed_event *event, size_t index)
{
	const char *given = jsonx_string(event->member, "eventId");
	uint8_t uuid[UUID_BYTES], hash[SECRET_SHA256_BYTES];

	if (given == NULL) {
		uuid_derive(body_hash(source), (uint32_t)index, uuid);
	} else if (uuid_parse(given, uuid)) {
		event->has_tick = uuid_tick(uuid, &event->tick);
	} else {
		secret_sha256(given, strlen(given), hash);
		uuid_derive(hash, 0, uuid);
	}
	uuid_format(uuid, event->id);
}

static enum sw_err
read_time(const struct webhook_source *source, struct parsed_event *event)
{
	const json_t *time = json_object_get(event->json, "eventTime");
	bool fraction;

	event->at_us = source->received_us;
	if (time == NULL || json_is_null(time))
		return SW_OK;
	if (!json_is_string(time) ||
	    !clock_parse_rfc3339(json_string_value(time), &event->at_us, &fraction))
		return SW_EINPUT;
	if (fraction && !event->has_tick) {
		event->has_tick = true;
		event->tick = event->at_us * 10;
	}
	return SW_OK;
}

/* Events of all types have a time, a type and one object, which is the type's member. */
static const json_t *
first_object(const json_t *json)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)json, name, value)
	{
		if (json_is_object(value))
			return value;
	}
	return NULL;
}

/* A known type must have its member; of an unknown one the object that is there is stored. */
static enum sw_err
read_type(struct parsed_event *event)
{
	const char *name = jsonx_string(event->json, "eventType");

	for (size_t i = 0; name != NULL && i < sizeof(event_types) / sizeof(event_types[0]); i++) {
		if (strcmp(name, event_types[i].name) != 0)
			continue;
		event->type = &event_types[i];
		event->member = json_object_get(event->json, event->type->member);
		return json_is_object(event->member) ? SW_OK : SW_EINPUT;
	}
	event->member = first_object(event->json);
	return SW_OK;
}

static bool
is_text_or_absent(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return value == NULL || json_is_null(value) || json_is_string(value);
}

/* A member of a wrong type is refused: to read it as absent would store a wrong event. */
static enum sw_err
check_texts(const struct parsed_event *event)
{
	static const char *const names[] = {
	    "eventId", "deviceId", "componentId", "capability", "attribute", "installedAppId"};

	if (!is_text_or_absent(event->json, "eventType"))
		return SW_EINPUT;
	if (event->type == NULL)
		return SW_OK;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!is_text_or_absent(event->member, names[i]))
			return SW_EINPUT;
	}
	return event->type == device_event || event->type->state == NULL ||
		       is_text_or_absent(event->member, event->type->state)
		   ? SW_OK
		   : SW_EINPUT;
}

static enum sw_err
check_device_id(const struct parsed_event *event)
{
	const char *id = jsonx_string(event->member, "deviceId");

	return event->type == NULL || id == NULL || url_id_is_valid(id) ? SW_OK : SW_EINPUT;
}

/* Bytes of the first TEXT_MAX characters of UTF-8 text. */
static size_t
cut_length(const char *text)
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
		length = cut_length(text);
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
put_tick(struct sbuf *out, const struct parsed_event *event)
{
	sbuf_put(out, ",\"tick\":", 8);
	if (event->has_tick)
		sbuf_put_int(out, event->tick);
	else
		sbuf_put(out, "null", 4);
}

/* A member of a DEVICE_EVENT; null for the other types. */
static void
put_device_text(
    struct sbuf *out, const struct parsed_event *event, const char *name, const char *fallback)
{
	const char *text = NULL;

	if (event->type == device_event)
		text = jsonx_string(event->member, name);
	put_text(out, text != NULL || event->type != device_event ? text : fallback);
}

/* A DEVICE_EVENT has a value of any JSON type, the others a state that is text. */
static void
put_value_or_state(struct sbuf *out, const struct parsed_event *event)
{
	if (event->type == device_event)
		put_value(out, json_object_get(event->member, "value"));
	else
		put_text(out, event->type != NULL && event->type->state != NULL
				  ? jsonx_string(event->member, event->type->state)
				  : NULL);
}

static void
put_row(struct sbuf *out, const struct parsed_event *event)
{
	const char *type = jsonx_string(event->json, "eventType");
	const char *device = jsonx_string(event->member, "deviceId");

	if (device != NULL && !url_id_is_valid(device))
		device = NULL;
	sbuf_put(out, "{\"id\":\"", 7);
	sbuf_put(out, event->id, UUID_TEXT_SIZE - 1);
	sbuf_put_char(out, '"');
	put_at(out, event->at_us);
	put_tick(out, event);
	sbuf_put_text(out, ",\"type\":");
	put_text(out, type != NULL ? type : "UNKNOWN");
	sbuf_put_text(out, ",\"device\":");
	put_text(out, device);
	sbuf_put_text(out, ",\"component\":");
	put_device_text(out, event, "componentId", "main");
	sbuf_put_text(out, ",\"capability\":");
	put_device_text(out, event, "capability", NULL);
	sbuf_put_text(out, ",\"attribute\":");
	put_device_text(out, event, "attribute", NULL);
	sbuf_put_text(out, ",\"value\":");
	put_value_or_state(out, event);
	sbuf_put_text(out, ",\"detail\":");
	put_value(out, event->type == device_event ? NULL : event->member);
	sbuf_put_char(out, '}');
}

enum sw_err
webhook_event_put(struct sbuf *out, struct webhook_source *source, const json_t *json, size_t index)
{
	struct parsed_event event = {.json = json};
	enum sw_err err;

	if (!json_is_object(json))
		return SW_EINPUT;
	err = read_type(&event);
	if (err == SW_OK)
		err = check_texts(&event);
	if (err == SW_OK)
		err = check_device_id(&event);
	if (err != SW_OK)
		return err;
	read_id(source, &event, index);
	err = read_time(source, &event);
	if (err != SW_OK)
		return err;
	put_row(out, &event);
	return sbuf_failed(out) ? SW_ENOMEM : SW_OK;
}
