/*
 * The wanted subscriptions, compared with the platform's list and written as request bodies.
 */
#include "worker/subscription_set.h"

#include <string.h>

#include "formats/json.h"

static const struct wanted {
	const char *source;
	const char *member; /* of the body, which holds the detail */
	const char *capability;
	const char *attribute;
	const char *name;
} wanted[] = {
    {"CAPABILITY", "capability", "switch", "switch", "switchboard_switch"},
    {"CAPABILITY", "capability", "switchLevel", "level", "switchboard_level"},
    {"DEVICE_LIFECYCLE", "deviceLifecycle", NULL, NULL, "switchboard_lifecycle"},
    {"DEVICE_HEALTH", "deviceHealth", NULL, NULL, "switchboard_health"},
};
_Static_assert(sizeof(wanted) / sizeof(wanted[0]) == SUBSCRIPTIONS_WANTED, "a row for each");

/* A string member equals the text; one that is absent, or "*", fits too when "any" says so. */
static bool
fits(const json_t *detail, const char *name, const char *text, bool any)
{
	const char *value = jsonx_string(detail, name);

	if (value == NULL)
		return any;
	return strcmp(value, text) == 0 || (any && strcmp(value, "*") == 0);
}

static bool
is_wanted(const json_t *item, const struct wanted *want, const char *location_id)
{
	const json_t *detail = json_object_get(item, want->member);

	if (!fits(item, "sourceType", want->source, false) ||
	    !fits(detail, "locationId", location_id, true))
		return false;
	if (want->capability == NULL)
		return true;
	return fits(detail, "capability", want->capability, false) &&
	       fits(detail, "attribute", want->attribute, false) &&
	       fits(detail, "value", "*", true);
}

size_t
subscription_set_find(
    const struct subscription_set *set, const json_t *item, const char *location_id)
{
	size_t i;

	for (i = 0; i < SUBSCRIPTIONS_WANTED; i++) {
		if (!set->has[i] && is_wanted(item, &wanted[i], location_id))
			break;
	}
	return i;
}

size_t
subscription_set_missing(const struct subscription_set *set)
{
	size_t i = 0;

	while (i < SUBSCRIPTIONS_WANTED && set->has[i])
		i++;
	return i;
}

enum sw_err
subscription_put_body(struct sbuf *out, size_t index, const char *location_id)
{
	const struct wanted *want = &wanted[index];
	json_t *detail =
	    json_pack("{s:s, s:s}", "locationId", location_id, "subscriptionName", want->name);
	json_t *body;

	if (want->capability != NULL &&
	    (json_object_set_new(detail, "capability", json_string(want->capability)) != 0 ||
		json_object_set_new(detail, "attribute", json_string(want->attribute)) != 0 ||
		json_object_set_new(detail, "value", json_string("*")) != 0 ||
		json_object_set_new(detail, "stateChangeOnly", json_true()) != 0)) {
		json_decref(detail);
		return SW_ENOMEM;
	}
	body = json_pack("{s:s, s:o}", "sourceType", want->source, want->member, detail);
	if (body == NULL)
		return SW_ENOMEM;
	jsonx_put(out, body);
	json_decref(body);
	return sbuf_failed(out) ? SW_ENOMEM : SW_OK;
}

json_t *
subscription_row(size_t index, const char *id)
{
	const struct wanted *want = &wanted[index];

	return json_pack("{s:s, s:s, s:s?, s:s?, s:s}", "id", id, "source", want->source,
	    "capability", want->capability, "attribute", want->attribute, "name", want->name);
}
