/*
 * The lists a sync reads (platform.md "REST calls used"): devices with their status and health, and
 * rooms.  Hides the platform's shapes, and drops devices that have no switch.
 */
#include "smartthings/device.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "formats/json.h"
#include "formats/url.h"
#include "smartthings/api.h"

#define LEVEL_MAX 100

/* The array "items" of a reply; *out is to be released with json_decref(). */
static enum sw_err
load_list(const char *body, size_t length, json_t **out, const json_t **items)
{
	enum sw_err err = jsonx_load(body, length, out);

	if (err == SW_ENOMEM)
		return err;
	*items = json_object_get(*out, "items");
	if (json_is_array(*items))
		return SW_OK;
	json_decref(*out);
	return SW_EUPSTREAM;
}

/* A string member that is a valid id, else NULL. */
static const char *
id_member(const json_t *object, const char *name)
{
	const char *id = jsonx_string(object, name);

	return id != NULL && url_id_is_valid(id) ? id : NULL;
}

/* A string member that is not only white space, else NULL. */
static const char *
text_member(const json_t *object, const char *name)
{
	const char *text = jsonx_string(object, name);

	return text != NULL && text[strspn(text, " \t\r\n")] != '\0' ? text : NULL;
}

/* Set a member; "value" is taken over.  False when memory ran out, now or when it was made. */
static bool
put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new_nocheck(object, name, value) == 0;
}

static bool
put_text(json_t *object, const char *name, const char *text)
{
	return put(object, name, text != NULL ? json_string(text) : json_null());
}

/* A string member that is an instant, in UTC: PostgreSQL reads fewer offsets than RFC 3339 has. */
static bool
put_time(json_t *out, const char *name, const json_t *object, const char *member)
{
	const char *text = jsonx_string(object, member);
	char utc[32];
	int64_t us;

	if (text == NULL || !clock_parse_rfc3339(text, &us, NULL))
		return put_text(out, name, NULL);
	clock_format_rfc3339_us(us, utc);
	return put_text(out, name, utc);
}

static const json_t *
find_capability(const json_t *component, const char *id)
{
	const json_t *capabilities = json_object_get(component, "capabilities");
	const json_t *capability;
	size_t i;

	json_array_foreach(capabilities, i, capability)
	{
		const char *name = jsonx_string(capability, "id");

		if (name != NULL && strcmp(name, id) == 0)
			return capability;
	}
	return NULL;
}

/* "on", "off" or NULL; without a state the time is NULL as well. */
static bool
put_state(json_t *out, const json_t *capability)
{
	const json_t *attribute = jsonx_path(capability, "status", "switch", NULL);
	const char *state = jsonx_string(attribute, "value");
	bool known = state != NULL && (strcmp(state, "on") == 0 || strcmp(state, "off") == 0);

	return put_text(out, "state", known ? state : NULL) &&
	       put_time(out, "state_at", known ? attribute : NULL, "timestamp");
}

static bool
put_level(json_t *out, const json_t *capability)
{
	const json_t *attribute = jsonx_path(capability, "status", "level", NULL);
	const json_t *value = json_object_get(attribute, "value");
	double level = json_is_number(value) ? json_number_value(value) : -1;
	bool known = level >= 0 && level <= LEVEL_MAX;

	return put(out, "has_level", json_boolean(capability != NULL)) &&
	       put(out, "level", known ? json_integer((json_int_t)(level + 0.5)) : json_null()) &&
	       put_time(out, "level_at", known ? attribute : NULL, "timestamp");
}

/*
 * The ids in a list (its elements' member "name") as members of an object, whose hash table finds
 * a repeated id without a search through the list.  NULL when memory ran out.
 */
static json_t *
collect_ids(const json_t *list, const char *name)
{
	json_t *ids = json_object();
	const json_t *element;
	size_t i;

	json_array_foreach(list, i, element)
	{
		const char *id = jsonx_string(element, name);

		if (id != NULL && !put(ids, id, json_true())) {
			json_decref(ids);
			return NULL;
		}
	}
	return ids;
}

static bool
has_id(const json_t *ids, const char *id)
{
	return json_object_get(ids, id) != NULL;
}

/* Append a component if it is a switch; a repeated one counts once. */
static bool
add_switch(json_t *switches, json_t *ids, const json_t *component)
{
	const json_t *capability = find_capability(component, "switch");
	const char *id = id_member(component, "id");
	json_t *out;

	if (capability == NULL || id == NULL || has_id(ids, id))
		return true;
	out = json_object();
	if (put(ids, id, json_true()) && put_text(out, "component", id) &&
	    put_text(out, "label", text_member(component, "label")) && put_state(out, capability) &&
	    put_level(out, find_capability(component, "switchLevel")))
		return json_array_append_new(switches, out) == 0;
	json_decref(out);
	return false;
}

static bool
add_switches(json_t *switches, const json_t *device)
{
	json_t *ids = json_object();
	const json_t *component;
	bool done = ids != NULL;
	size_t i;

	json_array_foreach(json_object_get(device, "components"), i, component)
	{
		done = done && add_switch(switches, ids, component);
	}
	json_decref(ids);
	return done;
}

/* ONLINE is true, OFFLINE and UNHEALTHY are false; anything else is unknown. */
static json_t *
online_value(const json_t *health)
{
	const char *state = jsonx_string(health, "state");

	if (state == NULL)
		return json_null();
	if (strcmp(state, "ONLINE") == 0)
		return json_true();
	if (strcmp(state, "OFFLINE") == 0 || strcmp(state, "UNHEALTHY") == 0)
		return json_false();
	return json_null();
}

static const char *
display_name(const json_t *device)
{
	const char *name = text_member(device, "label");

	if (name == NULL)
		name = text_member(device, "name");
	return name != NULL ? name : jsonx_string(device, "deviceId");
}

/* Fill "out"; false when memory ran out. */
static bool
fill_device(json_t *out, const json_t *device)
{
	const json_t *health = json_object_get(device, "healthState");

	return put_text(out, "device", jsonx_string(device, "deviceId")) &&
	       put_text(out, "name", display_name(device)) &&
	       put_text(out, "room", id_member(device, "roomId")) &&
	       put(out, "online", online_value(health)) &&
	       put_time(out, "health_at", health, "lastUpdatedDate");
}

/* Takes "switches" over. */
static bool
append_device(json_t *devices, const json_t *device, json_t *switches)
{
	json_t *out = json_object();

	if (put(out, "switches", switches) && fill_device(out, device))
		return json_array_append_new(devices, out) == 0;
	json_decref(out);
	return false;
}

/* Append a device that has a switch.  Pages can overlap when the list changes meanwhile. */
static bool
add_device(json_t *devices, json_t *ids, const json_t *device)
{
	const char *id = id_member(device, "deviceId");
	json_t *switches;
	bool done;

	if (id == NULL || has_id(ids, id))
		return true;
	switches = json_array();
	done = switches != NULL && add_switches(switches, device);
	if (done && json_array_size(switches) > 0)
		return append_device(devices, device, switches) && put(ids, id, json_true());
	json_decref(switches);
	return done;
}

static bool
add_room(json_t *rooms, json_t *ids, const json_t *room)
{
	const char *id = id_member(room, "roomId");
	const char *name = text_member(room, "name");
	json_t *out;

	if (id == NULL || has_id(ids, id))
		return true;
	out = json_object();
	if (put(ids, id, json_true()) && put_text(out, "room", id) &&
	    put_text(out, "name", name != NULL ? name : id))
		return json_array_append_new(rooms, out) == 0;
	json_decref(out);
	return false;
}

/* Let "add" append each item of a reply to "list", whose elements have their id in "id_name". */
static enum sw_err
add_items(struct arena *arena, const char *body, size_t length, json_t *list, const char *id_name,
    bool (*add)(json_t *list, json_t *ids, const json_t *item), const char **next)
{
	const json_t *items, *item;
	json_t *reply, *ids;
	enum sw_err err;
	size_t i;

	*next = NULL;
	err = load_list(body, length, &reply, &items);
	if (err != SW_OK)
		return err;
	err = platform_next_link(arena, reply, next);
	ids = collect_ids(list, id_name);
	if (err == SW_OK && ids == NULL)
		err = SW_ENOMEM;
	json_array_foreach(items, i, item)
	{
		if (err == SW_OK && !add(list, ids, item))
			err = SW_ENOMEM;
	}
	json_decref(ids);
	json_decref(reply);
	return err;
}

enum sw_err
device_parse_page(
    struct arena *arena, const char *body, size_t length, json_t *devices, const char **next)
{
	return add_items(arena, body, length, devices, "device", add_device, next);
}

enum sw_err
device_parse_rooms(
    struct arena *arena, const char *body, size_t length, json_t *rooms, const char **next)
{
	return add_items(arena, body, length, rooms, "room", add_room, next);
}
