/* Accounts, locations, rooms and devices. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "state.h"
#include "text.h"

/* A new object with an id of its own, in a section of the state. */
static json_t *
add_object(const char *section, const char *id_name)
{
	json_t *object = json_object();
	char *id = uuid_random();

	json_put_text(object, id_name, id);
	json_put(state_section(section), id, object);
	state_changed();
	free(id);
	return object;
}

json_t *
world_add_account(const char *name)
{
	json_t *account = add_object("accounts", "accountId");

	json_put_text(account, "name", name);
	return account;
}

json_t *
world_add_location(const char *account_id, const char *name)
{
	json_t *location = add_object("locations", "locationId");
	char *hub = uuid_random();

	json_put_text(location, "name", name);
	json_put_text(location, "accountId", account_id);
	json_put_text(location, "hubId", hub);
	json_put_text(location, "timeZoneId", "Europe/Paris");
	json_put_text(location, "locale", "en");
	json_put_text(location, "countryCode", "FRA");
	json_put_text(location, "temperatureScale", "C");
	free(hub);
	return location;
}

json_t *
world_add_room(const char *location_id, const char *name)
{
	json_t *room = add_object("rooms", "roomId");

	json_put_text(room, "locationId", location_id);
	json_put_text(room, "name", name);
	return room;
}

json_t *
world_add_scene(const char *location_id, const char *name)
{
	json_t *scene = add_object("scenes", "sceneId");

	json_put_text(scene, "sceneName", name);
	json_put_text(scene, "locationId", location_id);
	json_put_now(scene, "createdDate");
	json_put_now(scene, "lastUpdatedDate");
	json_put(scene, "editable", json_false());
	return scene;
}

static json_t *
attribute_new(json_t *value, const char *unit)
{
	json_t *attribute = json_object();
	bool reported = !json_is_null(value);

	json_put(attribute, "value", value);
	if (reported && unit != NULL)
		json_put_text(attribute, "unit", unit);
	if (reported)
		json_put_now(attribute, "timestamp");
	return attribute;
}

/* The status of one capability of a new device. */
static json_t *
capability_status(const char *capability, const json_t *spec)
{
	json_t *status = json_object();
	const json_t *state = json_object_get(spec, "state");
	const json_t *level = json_object_get(spec, "level");

	if (strcmp(capability, "switch") == 0)
		json_put(status, "switch",
		    attribute_new(
			state != NULL ? json_deep_copy(state) : json_string("off"), NULL));
	else if (strcmp(capability, "switchLevel") == 0)
		json_put(status, "level",
		    attribute_new(level != NULL ? json_deep_copy(level) : json_integer(100), "%"));
	else if (strcmp(capability, "motionSensor") == 0)
		json_put(status, "motion", attribute_new(json_string("inactive"), NULL));
	else if (strcmp(capability, "battery") == 0)
		json_put(status, "battery", attribute_new(json_integer(87), "%"));
	else if (strncmp(capability, "custom.disabled", 15) == 0)
		/* custom.disabledComponents has disabledComponents: the spec's member of that name.
		 */
		json_put(status, capability + 7,
		    attribute_new(json_deep_copy(json_object_get(spec, capability + 7)), NULL));
	return status;
}

static void
add_component(json_t *device, const json_t *spec, const char *category)
{
	json_t *component = json_object();
	json_t *capabilities = json_array();
	json_t *status = json_object();
	const char *by_user = json_text(spec, "userCategory");
	json_t *categories = json_array();
	const char *id = json_text(spec, "id");
	const char *label = json_text(spec, "label");
	size_t i;
	json_t *name;

	id = *id != '\0' ? id : "main";
	json_array_foreach(json_object_get(spec, "capabilities"), i, name)
	{
		const char *capability = json_string_value(name);
		json_t *item = json_object();

		json_put_text(item, "id", capability);
		json_put(item, "version", json_integer(1));
		json_array_append_new(capabilities, item);
		json_put(status, capability, capability_status(capability, spec));
	}
	category = json_text_or(spec, "category", category);
	if (*category != '\0')
		json_array_append_new(categories,
		    json_pack("{s:s, s:s}", "name", category, "categoryType", "manufacturer"));
	if (*by_user != '\0')
		json_array_append_new(
		    categories, json_pack("{s:s, s:s}", "name", by_user, "categoryType", "user"));
	json_put_text(component, "id", id);
	json_put_text(component, "label", *label != '\0' ? label : id);
	json_put(component, "capabilities", capabilities);
	json_put(component, "categories", categories);
	json_array_append_new(json_object_get(device, "components"), component);
	json_put(json_object_get(device, "status"), id, status);
}

static void
add_components(json_t *device, const json_t *spec, const char *category)
{
	const json_t *wanted = json_object_get(spec, "components");
	size_t i;
	json_t *component;

	json_put(device, "components", json_array());
	json_put(device, "status", json_object());
	if (json_array_size(wanted) == 0) {
		json_t *plain = json_pack("{s:s, s:[s]}", "id", "main", "capabilities", "switch");

		add_component(device, plain, category);
		json_decref(plain);
		return;
	}
	json_array_foreach(wanted, i, component) add_component(device, component, category);
}

json_t *
world_add_device(const char *location_id, const char *room_id, const json_t *spec)
{
	json_t *device = add_object("devices", "deviceId");
	json_t *health = json_object();
	const char *type = json_text(spec, "type");
	const char *category = json_text(spec, "category");

	json_put_text(device, "name", json_text(spec, "name"));
	if (json_object_get(spec, "label") != NULL)
		json_put_text(device, "label", json_text(spec, "label"));
	json_put_text(device, "manufacturerName", "Simulated");
	json_put_text(device, "presentationId", "simulated-switch");
	json_put_text(device, "locationId", location_id);
	json_put_text(device, "ownerId", json_text(world_location(location_id), "accountId"));
	json_put(device, "roomId", json_new_text(room_id));
	add_components(device, spec, *category != '\0' ? category : "Switch");
	json_put_now(device, "createTime");
	json_put_text(device, "type", *type != '\0' ? type : "ZIGBEE");
	json_put(device, "restrictionTier", json_integer(0));
	json_put(device, "allowed", json_array());
	if (json_is_string(json_object_get(spec, "raw")))
		json_put_text(device, "raw", json_text(spec, "raw"));
	json_put_text(health, "state", "ONLINE");
	json_put_now(health, "lastUpdatedDate");
	json_put(device, "healthState", health);
	return device;
}

json_t *
world_device(const char *device_id)
{
	return json_object_get(state_section("devices"), device_id);
}

json_t *
world_location(const char *location_id)
{
	return json_object_get(state_section("locations"), location_id);
}

json_t *
world_room(const char *room_id)
{
	return json_object_get(state_section("rooms"), room_id);
}

const char *
world_device_title(const json_t *device)
{
	const char *label = json_text(device, "label");

	return *label != '\0' ? label : json_text(device, "name");
}

bool
world_has_capability(const json_t *device, const char *component, const char *capability)
{
	const char *id;
	json_t *status;

	json_object_foreach(json_object_get(device, "status"), id, status)
	{
		if (component != NULL && strcmp(component, id) != 0)
			continue;
		if (json_object_get(status, capability) != NULL)
			return true;
	}
	return false;
}

json_t *
world_attribute(
    const json_t *device, const char *component, const char *capability, const char *attribute)
{
	json_t *status = json_object_get(json_object_get(device, "status"), component);

	return json_object_get(json_object_get(status, capability), attribute);
}

/* Report a value.  Steals "value".  An equal value is reported as unchanged: some subscriptions
 * want it. */
static void
report(json_t *device, const char *component, const char *capability, const char *attribute,
    json_t *value)
{
	json_t *stored = world_attribute(device, component, capability, attribute);
	bool changed;

	if (stored == NULL) {
		json_decref(value);
		return;
	}
	changed = !json_equal(json_object_get(stored, "value"), value);
	if (changed) {
		json_put(stored, "value", json_incref(value));
		json_put_now(stored, "timestamp");
		state_changed();
	}
	events_attribute(device, component, capability, attribute, value, changed);
	json_decref(value);
}

void
world_switch(json_t *device, const char *component, bool on)
{
	report(device, component, "switch", "switch", json_string(on ? "on" : "off"));
}

void
world_level(json_t *device, const char *component, int level)
{
	report(device, component, "switchLevel", "level", json_integer(level));
	if (world_has_capability(device, component, "switch"))
		world_switch(device, component, level > 0);
}

void
world_health(json_t *device, const char *state, const char *reason)
{
	json_t *health = json_object_get(device, "healthState");

	if (strcmp(json_text(health, "state"), state) == 0)
		return;
	json_put_text(health, "state", state);
	json_put_now(health, "lastUpdatedDate");
	state_changed();
	if (reason == NULL)
		reason = strcmp(state, "ONLINE") == 0 ? "NONE" : "ZIGBEE_OFFLINE";
	events_health(device, reason);
}
