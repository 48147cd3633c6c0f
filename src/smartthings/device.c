/*
 * The lists a sync reads (platform.md "REST calls used"): devices with their status and health, and
 * rooms.  Hides the platform's shapes, and drops devices that have no switch; what one of them says
 * wrongly costs no other.
 */
#include "smartthings/device.h"

#include <stdbool.h>
#include <string.h>

#include "formats/json.h"
#include "formats/json_tolerant.h"
#include "smartthings/api.h"
#include "smartthings/device_kind.h"
#include "smartthings/device_status.h"

/* The list and what is known of it; ids has those of the elements there are. */
struct listing {
	json_t *out; /* the caller's array */
	json_t *ids;
	struct device_notes *notes;
	bool link_is_odd;
	bool has_status;
};

/* Without the link to the next page the list would seem to end here. */
static void
on_odd(void *context, const char *path)
{
	static const char next[] = "_links.next";
	struct listing *listing = context;

	device_note_odd(listing->notes, path);
	if (strcmp(path, "_links") == 0 || strncmp(path, next, sizeof(next) - 1) == 0)
		listing->link_is_odd = true;
}

/* The array "items" of a reply; *out is to be released with json_decref(). */
static enum sw_err
load_list(
    struct listing *listing, const char *body, size_t length, json_t **out, const json_t **items)
{
	enum sw_err err = json_tolerant_load(body, length, on_odd, listing, out);

	if (err == SW_ENOMEM)
		return err;
	*items = json_object_get(*out, "items");
	if (json_is_array(*items) && !listing->link_is_odd)
		return SW_OK;
	json_decref(*out);
	return SW_EUPSTREAM;
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

static const json_t *
capability_status(const json_t *component, const char *id)
{
	return json_object_get(find_capability(component, id), "status");
}

static const json_t *
find_component(const json_t *device, const char *id)
{
	const json_t *component;
	size_t i;

	json_array_foreach(json_object_get(device, "components"), i, component)
	{
		const char *name = jsonx_string(component, "id");

		if (name != NULL && strcmp(name, id) == 0)
			return component;
	}
	return NULL;
}

/* A capability that the component has; NULL when it has not, or says that the model has not. */
static const json_t *
usable_capability(const json_t *component, const char *id)
{
	const json_t *disabled = capability_status(component, DEVICE_DISABLED_CAPABILITIES);

	if (device_status_disables(disabled, "disabledCapabilities", id))
		return NULL;
	return find_capability(component, id);
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

		if (id != NULL && !device_put(ids, id, json_true())) {
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

/* The switches of one device, and the ids of their components. */
struct switches {
	json_t *out;
	json_t *ids;
	const json_t *main;     /* NULL: the device has none */
	const json_t *disabled; /* status of custom.disabledComponents */
	struct device_notes *notes;
};

/* Append a component if it is a switch; a repeated one counts once. */
static bool
add_switch(struct switches *switches, const json_t *component)
{
	const json_t *capability = usable_capability(component, "switch");
	const json_t *level = usable_capability(component, "switchLevel");
	struct device_notes *notes = switches->notes;
	const char *id;
	json_t *out;

	if (capability == NULL)
		return true;
	id = device_id_member(notes, component, "id");
	if (id == NULL || has_id(switches->ids, id) ||
	    device_status_disables(switches->disabled, "disabledComponents", id))
		return true;
	out = json_object();
	if (device_put(switches->ids, id, json_true()) && device_put_text(out, "component", id) &&
	    device_put_text(out, "label", device_text_member(notes, component, "label")) &&
	    device_put_text(out, "kind", device_kind(component, switches->main)) &&
	    device_status_put(notes, out, json_object_get(capability, "status"), level != NULL,
		json_object_get(level, "status")))
		return json_array_append_new(switches->out, out) == 0;
	json_decref(out);
	return false;
}

/* Append those of "device" to "out". */
static bool
add_switches(struct device_notes *notes, json_t *out, const json_t *device)
{
	struct switches switches = {.out = out, .ids = json_object(), .notes = notes};
	const json_t *component;
	bool done = switches.ids != NULL;
	size_t i;

	switches.main = find_component(device, "main");
	switches.disabled = capability_status(switches.main, DEVICE_DISABLED_COMPONENTS);
	json_array_foreach(json_object_get(device, "components"), i, component)
	{
		done = done && add_switch(&switches, component);
	}
	json_decref(switches.ids);
	return done;
}

/* Does any capability of the device carry a status? */
static bool
carries_status(const json_t *device)
{
	const json_t *component, *capability;
	size_t i, j;

	json_array_foreach(json_object_get(device, "components"), i, component)
	{
		json_array_foreach(json_object_get(component, "capabilities"), j, capability)
		{
			if (json_object_size(json_object_get(capability, "status")) > 0)
				return true;
		}
	}
	return false;
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
display_name(struct device_notes *notes, const json_t *device)
{
	const char *name = device_text_member(notes, device, "label");

	if (name == NULL)
		name = device_text_member(notes, device, "name");
	return name != NULL ? name : jsonx_string(device, "deviceId");
}

/* Fill "out"; false when memory ran out. */
static bool
fill_device(struct device_notes *notes, json_t *out, const json_t *device)
{
	const json_t *health = json_object_get(device, "healthState");

	return device_put_text(out, "device", jsonx_string(device, "deviceId")) &&
	       device_put_text(out, "name", display_name(notes, device)) &&
	       device_put_text(out, "room", device_id_member(notes, device, "roomId")) &&
	       device_put(out, "online", online_value(health)) &&
	       device_put_time(notes, out, "health_at", health, "lastUpdatedDate");
}

/* Takes "switches" over. */
static bool
append_device(struct listing *listing, const json_t *device, json_t *switches)
{
	json_t *out = json_object();

	if (device_put(out, "switches", switches) && fill_device(listing->notes, out, device))
		return json_array_append_new(listing->out, out) == 0;
	json_decref(out);
	return false;
}

/* Append a device that has a switch.  Pages can overlap when the list changes meanwhile. */
static bool
add_device(struct listing *listing, const json_t *device)
{
	const char *id = device_id_member(listing->notes, device, "deviceId");
	json_t *switches;
	bool done;

	if (id == NULL || !json_is_array(json_object_get(device, "components"))) {
		device_note_left_out(listing->notes, id == NULL ? "deviceId" : "components");
		return true;
	}
	listing->has_status = listing->has_status || carries_status(device);
	if (has_id(listing->ids, id))
		return true;
	switches = json_array();
	done = switches != NULL && add_switches(listing->notes, switches, device);
	if (done && json_array_size(switches) > 0)
		return append_device(listing, device, switches) &&
		       device_put(listing->ids, id, json_true());
	json_decref(switches);
	return done;
}

static bool
add_room(struct listing *listing, const json_t *room)
{
	const char *id = device_id_member(listing->notes, room, "roomId");
	const char *name = device_text_member(listing->notes, room, "name");
	json_t *out;

	if (id == NULL)
		device_note_left_out(listing->notes, "roomId");
	if (id == NULL || has_id(listing->ids, id))
		return true;
	out = json_object();
	if (device_put(listing->ids, id, json_true()) && device_put_text(out, "room", id) &&
	    device_put_text(out, "name", name != NULL ? name : id))
		return json_array_append_new(listing->out, out) == 0;
	json_decref(out);
	return false;
}

/* Let "add" append each item of a reply to the list, whose elements have their id in "id_name". */
static enum sw_err
add_items(struct listing *listing, struct arena *arena, const char *body, size_t length,
    const char *id_name, bool (*add)(struct listing *, const json_t *), const char **next)
{
	const json_t *items, *item;
	enum sw_err err;
	json_t *reply;
	size_t i;

	*next = NULL;
	err = load_list(listing, body, length, &reply, &items);
	if (err != SW_OK)
		return err;
	err = platform_next_link(arena, reply, next);
	listing->ids = collect_ids(listing->out, id_name);
	if (err == SW_OK && listing->ids == NULL)
		err = SW_ENOMEM;
	json_array_foreach(items, i, item)
	{
		if (err == SW_OK && !add(listing, item))
			err = SW_ENOMEM;
	}
	json_decref(listing->ids);
	json_decref(reply);
	return err;
}

enum sw_err
device_parse_page(struct arena *arena, const char *body, size_t length, json_t *devices,
    struct device_notes *notes, struct device_page *page)
{
	struct listing listing = {.out = devices, .notes = notes};
	enum sw_err err =
	    add_items(&listing, arena, body, length, "device", add_device, &page->next);

	page->has_status = listing.has_status;
	return err;
}

enum sw_err
device_parse_rooms(struct arena *arena, const char *body, size_t length, json_t *rooms,
    struct device_notes *notes, const char **next)
{
	struct listing listing = {.out = rooms, .notes = notes};

	return add_items(&listing, arena, body, length, "room", add_room, next);
}
