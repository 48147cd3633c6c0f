/* The control API: accounts, locations and devices.  See README.md. */
#include <stdlib.h>
#include <string.h>

#include "apps.h"
#include "events.h"
#include "routes.h"
#include "signing.h"
#include "state.h"
#include "world.h"

static json_t *
app_state(const json_t *app)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "appId", json_text(app, "appId"), "displayName",
	    json_text(app, "displayName"), "targetUrl", json_text(app, "targetUrl"), "targetStatus",
	    json_text(app, "targetStatus"));
}

/* The objects of a section as a list. */
static json_t *
section_list(const char *section)
{
	json_t *list = json_array();
	const char *id;
	json_t *object;

	json_object_foreach(state_section(section), id, object) json_array_append(list, object);
	return list;
}

static void
show_state(struct exchange *x)
{
	json_t *all = json_object();

	json_put(all, "app", app_state(app_by_id(apps_own_id())));
	json_put(all, "keyId", json_new_text(signing_key_id()));
	json_put(all, "settings", settings_show());
	json_put(all, "accounts", section_list("accounts"));
	json_put(all, "locations", section_list("locations"));
	json_put(all, "rooms", section_list("rooms"));
	json_put(all, "devices", section_list("devices"));
	json_put(all, "scenes", section_list("scenes"));
	json_put(all, "installedApps", section_list("installedApps"));
	answer_json(x, 200, all);
}

/* NULL: 404 is answered. */
static json_t *
named_device(struct exchange *x)
{
	json_t *device = world_device(x->ids[0]);

	if (device == NULL)
		answer_error(x, 404, "no such device");
	return device;
}

static const char *
component_of(const struct exchange *x)
{
	return json_text_or(x->json, "component", "main");
}

static void
flip(struct exchange *x)
{
	json_t *device = named_device(x);
	const char *component = component_of(x);
	const char *value = json_text(x->json, "value");
	const json_t *now = world_attribute(device, component, "switch", "switch");
	bool on = strcmp(value, "on") == 0;

	if (device == NULL)
		return;
	if (now == NULL) {
		answer_error(x, 400, "no such switch");
		return;
	}
	if (strcmp(value, "toggle") == 0)
		on = strcmp(json_text(now, "value"), "on") != 0;
	else if (!on && strcmp(value, "off") != 0) {
		answer_error(x, 400, "value must be on, off or toggle");
		return;
	}
	world_switch(device, component, on);
	answer_json(x, 200, json_pack("{s:s}", "value", on ? "on" : "off"));
}

static void
set_level(struct exchange *x)
{
	json_t *device = named_device(x);
	const json_t *level = json_object_get(x->json, "level");
	json_int_t value = json_integer_value(level);

	if (device == NULL)
		return;
	if (!json_is_integer(level) || value < 0 || value > 100 ||
	    world_attribute(device, component_of(x), "switchLevel", "level") == NULL) {
		answer_error(x, 400, "level must be 0 to 100, of a dimmer");
		return;
	}
	events_begin();
	world_level(device, component_of(x), (int)value);
	events_end();
	answer_json(x, 200, json_pack("{s:I}", "level", value));
}

static void
set_health(struct exchange *x)
{
	json_t *device = named_device(x);
	const char *state = json_text(x->json, "state");
	const char *reason = json_text(x->json, "reason");

	if (device == NULL)
		return;
	if (strcmp(state, "ONLINE") != 0 && strcmp(state, "OFFLINE") != 0 &&
	    strcmp(state, "UNHEALTHY") != 0) {
		answer_error(x, 400, "state must be ONLINE, OFFLINE or UNHEALTHY");
		return;
	}
	world_health(device, state, *reason != '\0' ? reason : NULL);
	answer_json(x, 200, json_pack("{s:s}", "state", state));
}

static const char *
spec_problem(const json_t *spec)
{
	const json_t *components = json_object_get(spec, "components");
	size_t i, j;
	json_t *component, *capability;

	if (!json_is_object(spec) || *json_text(spec, "name") == '\0')
		return "a device needs a name";
	if (components != NULL && !json_is_array(components))
		return "components must be an array";
	if (json_object_get(spec, "raw") != NULL && *json_text(spec, "raw") == '\0')
		return "raw must be text";
	json_array_foreach((json_t *)components, i, component)
	{
		const json_t *capabilities = json_object_get(component, "capabilities");

		if (!json_is_object(component) || !json_is_array(capabilities))
			return "a component needs capabilities";
		json_array_foreach((json_t *)capabilities, j, capability)
		{
			if (!json_is_string(capability))
				return "capabilities are names";
		}
	}
	return NULL;
}

static bool
room_is_of(const char *room_id, const char *location_id)
{
	return strcmp(json_text(world_room(room_id), "locationId"), location_id) == 0;
}

static void
add_device(struct exchange *x)
{
	const char *location_id = json_text(x->json, "locationId");
	const char *room_id = json_string_value(json_object_get(x->json, "roomId"));
	const char *problem = spec_problem(x->json);
	json_t *device;

	if (problem == NULL && world_location(location_id) == NULL)
		problem = "no such locationId";
	if (problem == NULL && room_id != NULL && !room_is_of(room_id, location_id))
		problem = "no such roomId in that location";
	if (problem != NULL) {
		answer_error(x, 400, "%s", problem);
		return;
	}
	device = world_add_device(location_id, room_id, x->json);
	events_lifecycle(device, "CREATE", "create", json_object());
	answer_json(x, 200, json_deep_copy(device));
}

static void
remove_device(struct exchange *x)
{
	json_t *device = named_device(x);

	if (device == NULL)
		return;
	events_lifecycle(device, "DELETE", "delete", json_object());
	json_object_del(state_section("devices"), x->ids[0]);
	state_changed();
	answer_json(x, 200, json_pack("{s:s}", "deviceId", x->ids[0]));
}

static void
move_device(json_t *device, const json_t *room_id)
{
	json_t *detail = json_object();

	json_put(detail, "previousRoomId", json_deep_copy(json_object_get(device, "roomId")));
	json_put(detail, "roomId", json_deep_copy(room_id));
	json_put(device, "roomId", json_deep_copy(room_id));
	events_lifecycle(device, "ROOM_MOVE", "roomMove", detail);
}

static void
change_device(struct exchange *x)
{
	json_t *device = named_device(x);
	const json_t *label = json_object_get(x->json, "label");
	const json_t *room = json_object_get(x->json, "roomId");

	if (device == NULL)
		return;
	if (json_is_string(room) &&
	    !room_is_of(json_string_value(room), json_text(device, "locationId"))) {
		answer_error(x, 400, "no such roomId in that location");
		return;
	}
	if (json_is_string(label)) {
		json_put_text(device, "label", json_string_value(label));
		events_lifecycle(device, "UPDATE", "update", json_object());
	}
	if (room != NULL && !json_equal(room, json_object_get(device, "roomId")))
		move_device(device, room);
	state_changed();
	answer_json(x, 200, json_deep_copy(device));
}

/* The room of that name in the location, made when it is not there. */
static const char *
room_named(const char *location_id, const char *name)
{
	const char *id;
	json_t *room;

	json_object_foreach(state_section("rooms"), id, room)
	{
		if (strcmp(json_text(room, "locationId"), location_id) == 0 &&
		    strcmp(json_text(room, "name"), name) == 0)
			return id;
	}
	return json_text(world_add_room(location_id, name), "roomId");
}

/* A location with its rooms and devices; answers what was made. */
static json_t *
add_location(const char *account_id, const json_t *spec)
{
	json_t *location = world_add_location(account_id, json_text(spec, "name"));
	const char *id = json_text(location, "locationId");
	json_t *devices = json_array();
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(spec, "rooms"), i, item)
	    room_named(id, json_string_value(item));
	json_array_foreach(json_object_get(spec, "devices"), i, item)
	{
		const char *room = json_text(item, "room");

		json_array_append(devices,
		    world_add_device(id, *room != '\0' ? room_named(id, room) : NULL, item));
	}
	return json_pack("{s:s, s:s, s:o}", "locationId", id, "name", json_text(spec, "name"),
	    "devices", devices);
}

static const char *
account_problem(const json_t *body)
{
	size_t i, j;
	json_t *location, *item;

	if (*json_text(body, "name") == '\0' || !json_is_array(json_object_get(body, "locations")))
		return "an account needs a name and locations";
	json_array_foreach(json_object_get(body, "shares"), i, item)
	{
		if (!json_is_string(item) || world_location(json_string_value(item)) == NULL)
			return "shares are ids of locations";
	}
	json_array_foreach(json_object_get(body, "locations"), i, location)
	{
		if (*json_text(location, "name") == '\0')
			return "a location needs a name";
		json_array_foreach(json_object_get(location, "rooms"), j, item)
		{
			if (!json_is_string(item))
				return "rooms are names";
		}
		json_array_foreach(json_object_get(location, "devices"), j, item)
		{
			const char *problem = spec_problem(item);

			if (problem != NULL)
				return problem;
		}
	}
	return NULL;
}

static void
add_account(struct exchange *x)
{
	const char *problem = account_problem(x->json);
	json_t *locations = json_array();
	json_t *account;
	const char *account_id;
	size_t i;
	json_t *location;

	if (problem != NULL) {
		json_decref(locations);
		answer_error(x, 400, "%s", problem);
		return;
	}
	account = world_add_account(json_text(x->json, "name"));
	account_id = json_text(account, "accountId");
	if (json_is_array(json_object_get(x->json, "shares")))
		json_object_set(account, "shares", json_object_get(x->json, "shares"));
	json_array_foreach(json_object_get(x->json, "locations"), i, location)
	    json_array_append_new(locations, add_location(account_id, location));
	answer_json(
	    x, 200, json_pack("{s:s, s:o}", "accountId", account_id, "locations", locations));
}

#define CONTROL ROUTE_CONTROL, NULL, LIMIT_NONE

const struct route control_location_routes[] = {
    {"GET", "/control/state", show_state, CONTROL},
    {"POST", "/control/accounts", add_account, CONTROL},
    {"POST", "/control/devices", add_device, CONTROL},
    {"POST", "/control/devices/{id}", change_device, CONTROL},
    {"DELETE", "/control/devices/{id}", remove_device, CONTROL},
    {"POST", "/control/devices/{id}/flip", flip, CONTROL},
    {"POST", "/control/devices/{id}/level", set_level, CONTROL},
    {"POST", "/control/devices/{id}/health", set_health, CONTROL},
    {0},
};
