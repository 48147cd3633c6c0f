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

#define TEXT_MAX 256                  /* characters of a string that are stored */
#define VALUE_MAX 16384               /* bytes of a value or a detail that are stored */
#define NAME_MAX 64                   /* bytes of a member's name in the log */
#define DEPTH_MAX 16                  /* levels that an odd member is looked for */
#define TIME_END_MS 253402300800000.0 /* the year 10000 */

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
	const char *odd;       /* the member that is not understood, or NULL */
	struct json_span text; /* of one that Jansson cannot hold */
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

/* Milliseconds since 1970, as a number. */
static bool
read_number_of_ms(const json_t *time, int64_t *us, bool *fraction)
{
	double ms = json_number_value(time);

	if (!json_is_number(time) || !(ms >= 0 && ms < TIME_END_MS))
		return false;
	*us = json_is_integer(time) ? json_integer_value(time) * 1000 : (int64_t)(ms * 1000);
	*fraction = *us % 1000000 != 0;
	return true;
}

static bool
read_time(struct parsed_event *event)
{
	const json_t *time = json_object_get(event->json, "eventTime");
	int64_t at_us;
	bool fraction;

	if (time == NULL || json_is_null(time))
		return true;
	if (!read_number_of_ms(time, &at_us, &fraction) &&
	    !(json_is_string(time) &&
		clock_parse_rfc3339(json_string_value(time), &at_us, &fraction)))
		return false;
	event->at_us = at_us;
	if (fraction && !event->has_tick) {
		event->has_tick = true;
		event->tick = at_us * 10;
	}
	return true;
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

/* Of an unknown type the object that is there is stored. */
static void
read_type(struct parsed_event *event)
{
	const char *name = jsonx_string(event->json, "eventType");

	for (size_t i = 0; name != NULL && i < sizeof(event_types) / sizeof(event_types[0]); i++) {
		if (strcmp(name, event_types[i].name) == 0)
			event->type = &event_types[i];
	}
	event->member = event->type != NULL ? json_object_get(event->json, event->type->member)
					    : first_object(event->json);
}

static bool
is_text_or_absent(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return value == NULL || json_is_null(value) || json_is_string(value);
}

/*
 * The first member of a wrong type, or NULL: to read it as absent would apply a wrong event.  An
 * unknown type has none.
 */
static const char *
odd_member(const struct parsed_event *event)
{
	static const char *const names[] = {
	    "eventId", "deviceId", "componentId", "capability", "attribute", "installedAppId"};
	const char *id = jsonx_string(event->member, "deviceId");

	if (!json_is_object(event->json))
		return "event";
	if (!is_text_or_absent(event->json, "eventType"))
		return "eventType";
	if (event->type == NULL)
		return NULL;
	if (!json_is_object(event->member))
		return event->type->member;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!is_text_or_absent(event->member, names[i]))
			return names[i];
	}
	if (event->type != device_event && event->type->state != NULL &&
	    !is_text_or_absent(event->member, event->type->state))
		return event->type->state;
	return id == NULL || url_id_is_valid(id) ? NULL : "deviceId";
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
	bool has_it = event->type == device_event && event->odd == NULL;
	const char *text = has_it ? jsonx_string(event->member, name) : NULL;

	put_text(out, text != NULL || !has_it ? text : fallback);
}

/* A DEVICE_EVENT has a value of any JSON type, the others a state that is text. */
static void
put_value_or_state(struct sbuf *out, const struct parsed_event *event)
{
	if (event->odd != NULL)
		put_text(out, NULL);
	else if (event->type == device_event)
		put_value(out, json_object_get(event->member, "value"));
	else
		put_text(out, event->type != NULL && event->type->state != NULL
				  ? jsonx_string(event->member, event->type->state)
				  : NULL);
}

/* Text as a JSON string, cut at VALUE_MAX bytes between two characters. */
static void
put_cut_text(struct sbuf *out, struct json_span text)
{
	struct sbuf cut = {0};
	size_t length = text.length < VALUE_MAX ? text.length : VALUE_MAX;

	while (
	    length > 0 && length < text.length && ((unsigned char)text.text[length] & 0xc0) == 0x80)
		length--;
	sbuf_put(&cut, text.text, length);
	jsonx_put_string(out, sbuf_text(&cut));
	out->failed = out->failed || sbuf_failed(&cut);
	sbuf_clear(&cut);
}

/* All of an event that was not understood. */
static void
put_as_it_came(struct sbuf *out, const struct parsed_event *event)
{
	struct sbuf whole = {0};

	if (event->text.length > 0) {
		put_cut_text(out, event->text);
		return;
	}
	jsonx_put(&whole, event->json);
	if (whole.length <= VALUE_MAX)
		sbuf_put(out, sbuf_text(&whole), whole.length);
	else
		put_cut_text(out, (struct json_span){sbuf_text(&whole), whole.length});
	out->failed = out->failed || sbuf_failed(&whole);
	sbuf_clear(&whole);
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
	if (event->odd != NULL)
		put_as_it_came(out, event);
	else
		put_value(out, event->type == device_event ? NULL : event->member);
	if (event->odd != NULL)
		sbuf_put_text(out, ",\"understood\":false");
	sbuf_put_char(out, '}');
}

enum sw_err
webhook_event_put(struct sbuf *out, struct webhook_source *source, const json_t *json, size_t index,
    const char **odd)
{
	struct parsed_event event = {.json = json, .at_us = source->received_us};

	read_type(&event);
	event.odd = odd_member(&event);
	read_id(source, &event, index);
	if (!read_time(&event) && event.odd == NULL)
		event.odd = "eventTime";
	*odd = event.odd;
	put_row(out, &event);
	return sbuf_failed(out) ? SW_ENOMEM : SW_OK;
}

/* Values of an object that are read one by one; NULL when they cannot be either. */
static enum sw_err
load_members(struct json_span object, const char *const *names, json_t **out)
{
	struct sbuf text = {0};
	enum sw_err err;

	*out = NULL;
	json_span_put_members(&text, object, names);
	err = sbuf_failed(&text) ? SW_ENOMEM : jsonx_load(text.data, text.length, out);
	sbuf_clear(&text);
	return err == SW_ENOMEM ? err : SW_OK;
}

/*
 * Load a value of any kind as it will stand in the rows: inside of two others, which count for the
 * nesting.  NULL when Jansson cannot hold it; else the caller has the outer one.
 */
static enum sw_err
load_inside(struct json_span value, json_t **out)
{
	struct sbuf text = {0};
	enum sw_err err;

	*out = NULL;
	sbuf_put(&text, "[[", 2);
	sbuf_put(&text, value.text, value.length);
	sbuf_put(&text, "]]", 2);
	err = sbuf_failed(&text) ? SW_ENOMEM : jsonx_load(text.data, text.length, out);
	sbuf_clear(&text);
	return err == SW_ENOMEM ? err : SW_OK;
}

/* The innermost member of it that cannot be loaded, by its name. */
static enum sw_err
find_odd(struct arena *arena, struct json_span value, const char **out)
{
	struct json_span rest = value, name, found = {"", 0};
	enum sw_err err = SW_OK;
	json_t *json;

	for (int depth = 0; depth < DEPTH_MAX && json_span_next(&rest, &name, &value);) {
		err = load_inside(value, &json);
		if (err != SW_OK)
			return err;
		json_decref(json);
		if (json != NULL)
			continue;
		if (name.length > 2)
			found = (struct json_span){name.text + 1, name.length - 2};
		rest = value;
		depth++;
	}
	if (found.length > NAME_MAX)
		found.length = 0;
	*out = found.length > 0 ? arena_strndup(arena, found.text, found.length) : "event";
	return *out != NULL ? SW_OK : SW_ENOMEM;
}

/* An event that cannot be loaded, with what can be read of it. */
static enum sw_err
put_unloadable(struct sbuf *out, struct webhook_source *source, struct parsed_event *event,
    json_t **json, json_t **member, size_t index)
{
	static const char *const common[] = {"eventType", "eventTime", NULL};
	static const char *const ids[] = {"eventId", "deviceId", NULL};
	enum sw_err err = load_members(event->text, common, json);

	event->json = *json;
	if (err == SW_OK)
		read_type(event);
	if (err == SW_OK && event->type != NULL)
		err = load_members(json_span_member(event->text, event->type->member), ids, member);
	if (err != SW_OK)
		return err;
	event->member = *member;
	read_id(source, event, index);
	(void)read_time(event);
	put_row(out, event);
	return sbuf_failed(out) ? SW_ENOMEM : SW_OK;
}

enum sw_err
webhook_event_put_span(struct sbuf *out, struct webhook_source *source, struct arena *arena,
    struct json_span text, size_t index, const char **odd)
{
	struct parsed_event event = {.text = text, .at_us = source->received_us};
	json_t *json = NULL, *member = NULL;
	enum sw_err err = load_inside(text, &json);

	if (json != NULL) {
		err = webhook_event_put(
		    out, source, json_array_get(json_array_get(json, 0), 0), index, odd);
		json_decref(json);
		return err;
	}
	if (err == SW_OK)
		err = find_odd(arena, text, &event.odd);
	*odd = event.odd;
	if (err == SW_OK)
		err = put_unloadable(out, source, &event, &json, &member, index);
	json_decref(json);
	json_decref(member);
	return err;
}
