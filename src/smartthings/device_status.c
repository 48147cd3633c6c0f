/* What the capabilities of a device report.  Hides the platform's shapes. */
#include "smartthings/device_status.h"

#include <string.h>

#include "formats/json.h"

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
