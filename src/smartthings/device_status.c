/* What the capabilities of a device report.  Hides the platform's shapes. */
#include "smartthings/device_status.h"

#include <string.h>

#include "formats/json.h"
#include "formats/json_tolerant.h"

#define LEVEL_MAX 100

bool
device_status_disables(const json_t *status, const char *attribute, const char *id)
{
	const json_t *name;
	size_t i;

	json_array_foreach(jsonx_path(status, attribute, "value", NULL), i, name)
	{
		if (json_is_string(name) && strcmp(json_string_value(name), id) == 0)
			return true;
	}
	return false;
}

/* A value that is there but cannot be used. */
static bool
is_odd(const json_t *value, bool known)
{
	return !known && value != NULL && !json_is_null(value);
}

/* "on", "off" or NULL; without a state the time is NULL as well. */
static bool
put_state(struct device_notes *notes, json_t *out, const json_t *status)
{
	const json_t *attribute = json_object_get(status, "switch");
	const json_t *value = json_object_get(attribute, "value");
	const char *state = json_string_value(value);
	bool known = state != NULL && (strcmp(state, "on") == 0 || strcmp(state, "off") == 0);

	if (is_odd(value, known))
		device_note_odd(notes, "switch");
	return device_put_text(out, "state", known ? state : NULL) &&
	       device_put_time(notes, out, "state_at", known ? attribute : NULL, "timestamp");
}

static bool
put_level(struct device_notes *notes, json_t *out, const json_t *status)
{
	const json_t *attribute = json_object_get(status, "level");
	const json_t *value = json_object_get(attribute, "value");
	double level = json_is_number(value) ? json_number_value(value) : -1;
	bool known = level >= 0 && level <= LEVEL_MAX;

	if (is_odd(value, known))
		device_note_odd(notes, "level");
	return device_put(
		   out, "level", known ? json_integer((json_int_t)(level + 0.5)) : json_null()) &&
	       device_put_time(notes, out, "level_at", known ? attribute : NULL, "timestamp");
}

bool
device_status_put(struct device_notes *notes, json_t *out, const json_t *switch_status,
    bool has_level, const json_t *level_status)
{
	return put_state(notes, out, switch_status) &&
	       device_put(out, "has_level", json_boolean(has_level)) &&
	       put_level(notes, out, has_level ? level_status : NULL);
}

static void
on_odd(void *context, const char *path)
{
	device_note_odd(context, path);
}

/* Has the model the switch "one" of its list? */
static bool
is_there(const json_t *components, const json_t *one)
{
	const char *id = jsonx_string(one, "component");

	return !device_status_disables(
		   jsonx_path(components, "main", DEVICE_DISABLED_COMPONENTS, NULL),
		   "disabledComponents", id) &&
	       !device_status_disables(
		   jsonx_path(components, id, DEVICE_DISABLED_CAPABILITIES, NULL),
		   "disabledCapabilities", "switch");
}

static bool
fill_switch(struct device_notes *notes, json_t *one, const json_t *components)
{
	const json_t *status = json_object_get(components, jsonx_string(one, "component"));
	bool has_level =
	    json_is_true(json_object_get(one, "has_level")) &&
	    !device_status_disables(json_object_get(status, DEVICE_DISABLED_CAPABILITIES),
		"disabledCapabilities", "switchLevel");

	return device_status_put(notes, one, json_object_get(status, "switch"), has_level,
	    json_object_get(status, "switchLevel"));
}

static bool
fill_switches(struct device_notes *notes, json_t *switches, const json_t *components)
{
	size_t i = json_array_size(switches);
	bool done = true;

	while (done && i-- > 0) {
		json_t *one = json_array_get(switches, i);

		if (is_there(components, one))
			done = fill_switch(notes, one, components);
		else
			done = json_array_remove(switches, i) == 0;
	}
	return done;
}

enum sw_err
device_parse_status(const char *body, size_t length, json_t *device, struct device_notes *notes)
{
	const json_t *components;
	json_t *reply;
	enum sw_err err = json_tolerant_load(body, length, on_odd, notes, &reply);

	if (err != SW_OK)
		return err == SW_ENOMEM ? err : SW_EUPSTREAM;
	components = json_object_get(reply, "components");
	if (!json_is_object(components))
		err = SW_EUPSTREAM;
	else if (!fill_switches(notes, json_object_get(device, "switches"), components))
		err = SW_ENOMEM;
	json_decref(reply);
	return err;
}
