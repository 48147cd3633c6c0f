/* Devices: list, status, health and commands. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "commands.h"
#include "routes.h"
#include "state.h"
#include "world.h"

/* With status and health lists are of a dated version, but for a lenient platform. */
static bool
list_has_status(const struct exchange *x)
{
	bool dated;

	if (setting_is_on("bareLists"))
		return false;
	(void)request_accepts(x, &dated);
	return dated || !setting_is_on("strict");
}

/* With includeStatus every capability carries its status. */
static void
add_status(json_t *view, const json_t *device)
{
	const json_t *status = json_object_get(device, "status");
	size_t i, j;
	json_t *component, *capability;

	json_array_foreach(json_object_get(view, "components"), i, component)
	{
		const json_t *of = json_object_get(status, json_text(component, "id"));

		json_array_foreach(json_object_get(component, "capabilities"), j, capability)
		{
			json_t *values = json_object_get(of, json_text(capability, "id"));

			json_put(capability, "status", json_deep_copy(values));
		}
	}
}

static json_t *
device_view(const json_t *device, bool with_status, bool with_health)
{
	json_t *view = json_deep_copy(device);

	json_object_del(view, "status");
	json_object_del(view, "raw");
	if (with_status)
		add_status(view, device);
	if (!with_health)
		json_object_del(view, "healthState");
	return view;
}

/* Whether the device has all (or, with capabilitiesMode=or, any) of the requested capabilities. */
static bool
capabilities_fit(const struct exchange *x, const json_t *device)
{
	char *mode = request_query(x, "capabilitiesMode");
	bool any = mode != NULL && strcmp(mode, "or") == 0;
	bool fits = !any;
	size_t count = 0;
	char *wanted;

	free(mode);
	while ((wanted = form_get(x->query, "capability", count)) != NULL) {
		bool has = world_has_capability(device, NULL, wanted);

		fits = any ? fits || has : fits && has;
		count++;
		free(wanted);
	}
	return fits || count == 0;
}

/* Whether "value" is among the query's fields of that name, or there is no such field. */
static bool
query_lists(const struct exchange *x, const char *name, const char *value)
{
	bool listed = false;
	size_t count = 0;
	char *wanted;

	while ((wanted = form_get(x->query, name, count)) != NULL) {
		listed = listed || strcmp(wanted, value) == 0;
		count++;
		free(wanted);
	}
	return listed || count == 0;
}

/* false when the query names a location that is not the caller's: 403 is answered. */
static bool
locations_are_allowed(struct exchange *x)
{
	bool allowed = true;
	char *wanted;

	for (size_t i = 0; (wanted = form_get(x->query, "locationId", i)) != NULL; i++) {
		allowed = allowed && caller_sees_location(x, wanted);
		free(wanted);
	}
	if (!allowed)
		answer_error(x, 403, "not a location of this token");
	return allowed;
}

/* Put each device's raw text where answer_raw() finds it: lists have it as it is, JSON or not. */
static json_t *
listed_view(const json_t *device, bool with_status, bool with_health)
{
	json_t *view = device_view(device, with_status, with_health);

	if (json_object_get(device, "raw") != NULL)
		json_put_text(view, "raw", json_text(device, "deviceId"));
	return view;
}

static void
answer_raw(struct exchange *x)
{
	static const char mark[] = "\"raw\":\"";
	const char *at = x->reply, *found;
	struct text text = {0};

	while ((found = strstr(at, mark)) != NULL) {
		size_t length = strcspn(found + sizeof(mark) - 1, "\"");
		char *id = text_format("%.*s", (int)length, found + sizeof(mark) - 1);

		text_put(&text, at, (size_t)(found - at));
		text_puts(&text, json_text(world_device(id), "raw"));
		at = found + sizeof(mark) + length;
		free(id);
	}
	text_puts(&text, at);
	answer_text(x, x->status, x->reply_type, text.data);
	text_clear(&text);
}

static void
devices_list(struct exchange *x)
{
	bool may_have = list_has_status(x);
	bool with_status = may_have && request_query_is_true(x, "includeStatus");
	bool with_health = may_have && request_query_is_true(x, "includeHealth");
	json_t *items;
	const char *id;
	json_t *device;

	if (!locations_are_allowed(x))
		return;
	items = json_array();
	json_object_foreach(state_section("devices"), id, device)
	{
		const char *location = json_text(device, "locationId");

		if (caller_sees_location(x, location) && query_lists(x, "locationId", location) &&
		    query_lists(x, "deviceId", id) && capabilities_fit(x, device))
			json_array_append_new(items, listed_view(device, with_status, with_health));
	}
	answer_list(x, items);
	answer_raw(x);
}

static void
device_show(struct exchange *x)
{
	const json_t *device = device_or_answer(x);

	if (device != NULL)
		answer_json(x, 200,
		    device_view(device, request_query_is_true(x, "includeStatus"),
			request_query_is_true(x, "includeHealth")));
}

static void
device_status(struct exchange *x)
{
	const json_t *device = device_or_answer(x);

	if (device != NULL)
		answer_json(
		    x, 200, json_pack("{s:O}", "components", json_object_get(device, "status")));
}

static void
component_status(struct exchange *x)
{
	const json_t *device = device_or_answer(x);
	json_t *status = json_object_get(json_object_get(device, "status"), x->ids[1]);

	if (device == NULL)
		return;
	if (status == NULL)
		answer_error(x, 404, "no such component");
	else
		answer_json(x, 200, json_incref(status));
}

static void
capability_status(struct exchange *x)
{
	const json_t *device = device_or_answer(x);
	json_t *status = json_object_get(
	    json_object_get(json_object_get(device, "status"), x->ids[1]), x->ids[2]);

	if (device == NULL)
		return;
	if (status == NULL)
		answer_error(x, 404, "no such component or capability");
	else
		answer_json(x, 200, json_incref(status));
}

static void
device_health(struct exchange *x)
{
	const json_t *device = device_or_answer(x);
	const json_t *health = json_object_get(device, "healthState");

	if (device != NULL)
		answer_json(x, 200,
		    json_pack("{s:s, s:s, s:s}", "deviceId", x->ids[0], "state",
			json_text(health, "state"), "lastUpdatedDate",
			json_text(health, "lastUpdatedDate")));
}

static void
device_commands(struct exchange *x)
{
	const json_t *device = device_or_answer(x);
	const char *why;

	if (device == NULL)
		return;
	if (!commands_check(device, x->json, &why)) {
		answer_error(x, 422, "%s", why);
		return;
	}
	if (!setting_is_on("offlineAnswers") &&
	    strcmp(json_text(json_object_get(device, "healthState"), "state"), "OFFLINE") == 0) {
		answer_error(x, 409, "the device is offline");
		return;
	}
	answer_json(x, 200, commands_accept(device, x->json, x->installed_app_id));
}

#define READ "r:devices:*"

const struct route device_routes[] = {
    {"GET", "/devices", devices_list, ROUTE_API, READ, LIMIT_NONE},
    {"GET", "/devices/{id}", device_show, ROUTE_API, READ, LIMIT_NONE},
    {"GET", "/devices/{id}/status", device_status, ROUTE_API, READ, LIMIT_DEVICE},
    {"GET", "/devices/{id}/health", device_health, ROUTE_API, READ, LIMIT_DEVICE},
    {"GET", "/devices/{id}/components/{id}/status", component_status, ROUTE_API, READ,
	LIMIT_DEVICE},
    {"GET", "/devices/{id}/components/{id}/capabilities/{id}/status", capability_status, ROUTE_API,
	READ, LIMIT_DEVICE},
    {"POST", "/devices/{id}/commands", device_commands, ROUTE_API, "x:devices:*", LIMIT_DEVICE},
    {0},
};
