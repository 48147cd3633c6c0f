/* Events in the form of the platform's published examples. */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "delivery.h"
#include "state.h"
#include "text.h"
#include "world.h"

static json_t *batch; /* installedAppId -> events, while a batch is open */

void
events_begin(void)
{
	if (setting_is_on("batch"))
		batch = json_object();
}

void
events_end(void)
{
	const char *id;
	json_t *events;

	json_object_foreach(batch, id, events)
	{
		json_t *installed_app = json_object_get(state_section("installedApps"), id);

		if (installed_app != NULL)
			delivery_enqueue(installed_app, json_incref(events));
	}
	json_decref(batch);
	batch = NULL;
}

/* One of this time that no reader of the documents expects, of three kinds in turn. */
static json_t *
odd_event(json_t *time)
{
	static unsigned turn;

	switch (turn++ % 3) {
	case 0:
		return json_pack(
		    "{s:O,s:s,s:n}", "eventTime", time, "eventType", "DEVICE_EVENT", "deviceEvent");
	case 1:
		return json_pack("{s:O,s:s,s:{s:{s:s},s:s}}", "eventTime", time, "eventType",
		    "DEVICE_HEALTH_EVENT", "deviceHealthEvent", "deviceId", "id", "x", "status",
		    "OFFLINE");
	default:
		return json_pack(
		    "{s:s,s:s,s:[s]}", "eventTime", "soon", "eventType", "MODE_EVENT", "x", "y");
	}
}

/* Steals "event". */
static void
add_event(json_t *events, json_t *event)
{
	if (setting_is_on("oddEvents"))
		json_array_append_new(events, odd_event(json_object_get(event, "eventTime")));
	json_array_append_new(events, event);
}

/* Steals "event". */
static void
send_event(const json_t *installed_app, json_t *event)
{
	const char *id = json_text(installed_app, "installedAppId");
	json_t *events;

	if (batch == NULL) {
		events = json_array();
		add_event(events, event);
		delivery_enqueue(installed_app, events);
		return;
	}
	events = json_object_get(batch, id);
	if (events == NULL) {
		events = json_array();
		json_put(batch, id, events);
	}
	add_event(events, event);
}

/*
 * The envelope: {"eventTime","eventType",MEMBER:{"eventId","locationId",…}}.
 * eventTime has whole seconds; the version-1 eventId has the time in 100 ns.
 * *inner is the member, borrowed.
 */
static json_t *
event_new(const char *type, const char *member, const char *location_id, json_t **inner)
{
	json_t *event = json_object();
	int64_t at;
	char *id = uuid_time(&at);
	char *time = time_iso_seconds(at);

	*inner = json_object();
	if (setting_is_on("numberTimes"))
		json_put(event, "eventTime", json_integer(at));
	else
		json_put_text(event, "eventTime", time);
	json_put_text(event, "eventType", type);
	json_put_text(*inner, "eventId", id);
	json_put_text(*inner, "locationId", location_id);
	json_put(event, member, *inner);
	free(id);
	free(time);
	return event;
}

static bool
matches(const json_t *detail, const char *name, const char *value)
{
	const char *wanted = json_text(detail, name);

	return *wanted == '\0' || strcmp(wanted, "*") == 0 || strcmp(wanted, value) == 0;
}

static bool
value_matches(const json_t *detail, const json_t *value)
{
	const json_t *wanted = json_object_get(detail, "value");

	if (wanted == NULL || json_is_null(wanted) || strcmp(json_text(detail, "value"), "*") == 0)
		return true;
	return json_equal(wanted, value);
}

/* The detail of a subscription that this report matches, else NULL. */
static const json_t *
wants_attribute(const json_t *subscription, const json_t *device, const char *component,
    const char *capability, const char *attribute, const json_t *value, bool changed)
{
	bool by_device = strcmp(json_text(subscription, "sourceType"), "DEVICE") == 0;
	const json_t *detail = json_object_get(subscription, by_device ? "device" : "capability");

	if (detail == NULL || !matches(detail, "capability", capability) ||
	    !matches(detail, "attribute", attribute) || !value_matches(detail, value))
		return NULL;
	if (!changed && !json_is_false(json_object_get(detail, "stateChangeOnly")))
		return NULL;
	if (by_device && (!matches(detail, "deviceId", json_text(device, "deviceId")) ||
			     !matches(detail, "componentId", component)))
		return NULL;
	return detail;
}

static const char *
value_type(const json_t *value)
{
	if (json_is_number(value))
		return "number";
	return json_is_object(value) ? "object" : "string";
}

static json_t *
attribute_event(const json_t *device, const char *component, const char *capability,
    const char *attribute, const json_t *value, bool changed, const char *subscription)
{
	const char *location = json_text(device, "locationId");
	json_t *inner;
	json_t *event = event_new("DEVICE_EVENT", "deviceEvent", location, &inner);

	json_put_text(inner, "ownerId", location);
	json_put_text(inner, "ownerType", "LOCATION");
	json_put_text(inner, "deviceId", json_text(device, "deviceId"));
	json_put_text(inner, "componentId", component);
	json_put_text(inner, "capability", capability);
	json_put_text(inner, "attribute", attribute);
	json_put(inner, "value", json_deep_copy(value));
	json_put_text(inner, "valueType", value_type(value));
	json_put_text(inner, "unit", strcmp(attribute, "level") == 0 ? "%" : "");
	json_put(inner, "stateChange", json_boolean(changed));
	json_put(inner, "data", json_object());
	json_put_text(inner, "subscriptionName", subscription);
	json_put(inner, "sensitive", json_false());
	return event;
}

static bool
is_installed_at(const json_t *installed_app, const char *location_id)
{
	return strcmp(json_text(installed_app, "locationId"), location_id) == 0 &&
	       strcmp(json_text(installed_app, "installedAppStatus"), "AUTHORIZED") == 0;
}

void
events_attribute(const json_t *device, const char *component, const char *capability,
    const char *attribute, const json_t *value, bool changed)
{
	const char *id;
	json_t *installed_app;
	json_t *subscription;
	size_t i;

	json_object_foreach(state_section("installedApps"), id, installed_app)
	{
		if (!is_installed_at(installed_app, json_text(device, "locationId")))
			continue;
		json_array_foreach(json_object_get(installed_app, "subscriptions"), i, subscription)
		{
			const json_t *detail = wants_attribute(
			    subscription, device, component, capability, attribute, value, changed);

			if (detail != NULL)
				send_event(installed_app,
				    attribute_event(device, component, capability, attribute, value,
					changed, json_text(detail, "subscriptionName")));
		}
	}
}

/*
 * One event to each installed app of the location that has a subscription of
 * this source.  "fields" (stolen) are the members beside eventId and locationId.
 */
static void
send_to_subscribers(
    const json_t *device, const char *source, const char *type, const char *member, json_t *fields)
{
	const char *location = json_text(device, "locationId");
	const char *id;
	json_t *installed_app;
	json_t *subscription;
	size_t i;

	json_object_foreach(state_section("installedApps"), id, installed_app)
	{
		if (!is_installed_at(installed_app, location))
			continue;
		json_array_foreach(json_object_get(installed_app, "subscriptions"), i, subscription)
		{
			json_t *inner;
			json_t *event;

			if (strcmp(json_text(subscription, "sourceType"), source) != 0)
				continue;
			event = event_new(type, member, location, &inner);
			json_object_update(inner, fields);
			send_event(installed_app, event);
			break;
		}
	}
	json_decref(fields);
}

void
events_health(const json_t *device, const char *reason)
{
	const json_t *location = world_location(json_text(device, "locationId"));
	json_t *fields = json_object();

	json_put_text(fields, "deviceId", json_text(device, "deviceId"));
	json_put_text(fields, "hubId", json_text(location, "hubId"));
	json_put_text(fields, "status", json_text(json_object_get(device, "healthState"), "state"));
	json_put_text(fields, "reason", reason);
	send_to_subscribers(
	    device, "DEVICE_HEALTH", "DEVICE_HEALTH_EVENT", "deviceHealthEvent", fields);
}

void
events_lifecycle(const json_t *device, const char *lifecycle, const char *member, json_t *detail)
{
	json_t *fields = json_object();

	json_put_text(fields, "deviceId", json_text(device, "deviceId"));
	json_put_text(fields, "deviceName", world_device_title(device));
	json_put_text(fields, "principal", json_text(device, "ownerId"));
	json_put_text(fields, "lifecycle", lifecycle);
	json_put(fields, member, detail);
	send_to_subscribers(
	    device, "DEVICE_LIFECYCLE", "DEVICE_LIFECYCLE_EVENT", "deviceLifecycleEvent", fields);
}

void
events_uninstalled(const json_t *installed_app)
{
	json_t *inner;
	json_t *event = event_new("INSTALLED_APP_LIFECYCLE_EVENT", "installedAppLifecycleEvent",
	    json_text(installed_app, "locationId"), &inner);

	json_put_text(inner, "installedAppId", json_text(installed_app, "installedAppId"));
	json_put_text(inner, "appId", json_text(installed_app, "appId"));
	json_put_text(inner, "lifecycle", "DELETE");
	delivery_enqueue(installed_app, json_pack("[o]", event));
}
