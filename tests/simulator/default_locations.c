/* The locations and devices of a new simulator. */
#include <stdlib.h>
#include <string.h>

#include "state.h"
#include "text.h"
#include "world.h"

struct default_device {
	const char *location;
	const char *room; /* NULL: in no room */
	const char *spec; /* see world_add_device() */
};

static const char *const default_rooms[][2] = {
    {"Home", "Kitchen"},
    {"Home", "Living room"},
    {"Home", "Bedroom"},
    {"Home", "Hall"},
    {"Lake cabin", "Porch"},
    {"Lake cabin", "Main room"},
};

#define LIGHT "'category': 'Light'"
#define PLUG "'category': 'SmartPlug'"
#define DIMMER "'capabilities': ['switch', 'switchLevel']"

/* JSON with single quotes for double ones; %22 and %27 stand for quotes within a text. */
static const struct default_device default_devices[] = {
    {"Home", "Kitchen",
	"{'name': 'Ceiling switch', 'label': 'Kitchen ceiling', " LIGHT ", "
	"'components': [{'id': 'main', 'capabilities': ['switch'], 'state': 'on'}]}"},
    {"Home", "Kitchen", "{'name': 'Smart plug', 'label': 'Coffee machine', " PLUG "}"},
    {"Home", "Living room",
	"{'name': 'Dimmer', 'label': 'Floor lamp', " LIGHT ", "
	"'components': [{'id': 'main', " DIMMER ", 'state': 'on', 'level': 60}]}"},
    {"Home", "Living room",
	"{'name': 'Power strip', 'label': 'TV corner strip', " PLUG ", 'components': ["
	"{'id': 'main', 'capabilities': ['switch'], 'state': 'on'},"
	"{'id': 'outlet1', 'label': 'Television', 'capabilities': ['switch'], 'state': 'on'},"
	"{'id': 'outlet2', 'label': 'Console', 'capabilities': ['switch']},"
	"{'id': 'outlet3', 'label': 'Amplifier', 'capabilities': ['switch']}]}"},
    {"Home", "Living room",
	"{'name': 'Smart plug', 'label': 'Fairy lights <b>%22%27& co', " PLUG "}"},
    {"Home", "Bedroom",
	"{'name': 'Dimmer', 'label': 'Bedside lamp', " LIGHT ", "
	"'components': [{'id': 'main', " DIMMER ", 'level': 25}]}"},
    {"Home", "Bedroom", "{'name': 'Wall switch 2-gang'}"},
    {"Home", "Hall",
	"{'name': 'Ceiling switch', 'label': 'Hall light', 'type': 'ZWAVE', " LIGHT "}"},
    {"Home", NULL, "{'name': 'Relay', 'label': 'Garden pump', 'type': 'LAN'}"},
    {"Home", "Hall",
	"{'name': 'Motion sensor', 'label': 'Hall motion', 'category': 'MotionSensor', "
	"'components': [{'id': 'main', 'capabilities': ['motionSensor', 'battery']}]}"},
    {"Lake cabin", "Porch", "{'name': 'Ceiling switch', 'label': 'Porch light', " LIGHT "}"},
    {"Lake cabin", "Main room", "{'name': 'Smart plug', 'label': 'Cabin heater', " PLUG "}"},
    {"Lake cabin", "Main room",
	"{'name': 'Relay', 'label': 'Boathouse relay', 'components': "
	"[{'id': 'main', 'capabilities': ['switch'], 'state': null}]}"},
};

static json_t *
spec_read(const char *text)
{
	struct text json = {0};
	json_t *spec;

	for (; *text != '\0'; text++) {
		if (*text == '\'') {
			text_puts(&json, "\"");
		} else if (strncmp(text, "%22", 3) == 0 || strncmp(text, "%27", 3) == 0) {
			text_puts(&json, text[2] == '2' ? "\\\"" : "'");
			text += 2;
		} else {
			text_put(&json, text, 1);
		}
	}
	spec = json_loads(json.data, 0, NULL);
	if (spec == NULL)
		die("the default devices are no JSON: %s", json.data);
	text_clear(&json);
	return spec;
}

static json_t *
find_named(const char *section, const char *name)
{
	const char *id;
	json_t *object;

	json_object_foreach(state_section(section), id, object)
	{
		if (strcmp(json_text(object, "name"), name) == 0)
			return object;
	}
	return NULL;
}

static void
add_default_device(const struct default_device *device)
{
	json_t *location = find_named("locations", device->location);
	json_t *room = device->room != NULL ? find_named("rooms", device->room) : NULL;
	json_t *spec = spec_read(device->spec);

	world_add_device(json_text(location, "locationId"),
	    room != NULL ? json_text(room, "roomId") : NULL, spec);
	json_decref(spec);
}

void
world_make_default(void)
{
	const char *account = json_text(world_add_account("Alex"), "accountId");

	world_add_location(account, "Home");
	world_add_location(account, "Lake cabin");
	for (size_t i = 0; i < sizeof(default_rooms) / sizeof(default_rooms[0]); i++) {
		json_t *location = find_named("locations", default_rooms[i][0]);

		world_add_room(json_text(location, "locationId"), default_rooms[i][1]);
	}
	for (size_t i = 0; i < sizeof(default_devices) / sizeof(default_devices[0]); i++)
		add_default_device(&default_devices[i]);
	world_add_scene(json_text(find_named("locations", "Home"), "locationId"), "Everything off");
}
