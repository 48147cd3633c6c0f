/* Installed apps, locations and rooms; and what the API modules share. */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#include "apps.h"
#include "routes.h"
#include "state.h"
#include "world.h"

bool
caller_sees_location(const struct exchange *x, const char *location_id)
{
	const char *account = json_text(x->token, "accountId");
	const json_t *installed = installed_app(json_text(x->token, "installedAppId"));

	if (*account != '\0')
		return strcmp(json_text(world_location(location_id), "accountId"), account) == 0;
	return strcmp(json_text(installed, "locationId"), location_id) == 0;
}

json_t *
location_or_answer(struct exchange *x)
{
	json_t *location = world_location(x->ids[0]);

	if (location == NULL) {
		answer_error(x, 404, "no such location");
		return NULL;
	}
	if (!caller_sees_location(x, x->ids[0])) {
		answer_error(x, 403, "not a location of this token");
		return NULL;
	}
	return location;
}

json_t *
device_or_answer(struct exchange *x)
{
	json_t *device = world_device(x->ids[0]);

	if (device == NULL) {
		answer_error(x, 404, "no such device");
		return NULL;
	}
	if (!caller_sees_location(x, json_text(device, "locationId"))) {
		answer_error(x, 403, "not a device of this token");
		return NULL;
	}
	return device;
}

static bool
caller_owns(const struct exchange *x, const json_t *installed)
{
	const char *account = json_text(x->token, "accountId");

	if (*account != '\0')
		return strcmp(json_text(installed, "accountId"), account) == 0;
	return strcmp(json_text(x->token, "installedAppId"),
		   json_text(installed, "installedAppId")) == 0;
}

json_t *
installed_app_or_answer(struct exchange *x)
{
	json_t *installed = installed_app(x->ids[0]);

	if (installed == NULL) {
		answer_error(x, 404, "no such installed app");
		return NULL;
	}
	if (!caller_owns(x, installed)) {
		answer_error(x, 403, "not the installed app of this token");
		return NULL;
	}
	return installed;
}

static size_t
query_number(const struct exchange *x, const char *name, size_t otherwise)
{
	char *text = request_query(x, name);
	char *end = NULL;
	unsigned long number = text != NULL ? strtoul(text, &end, 10) : 0;
	bool good = text != NULL && end != text && *end == '\0' && number < 1000000;

	free(text);
	return good ? number : otherwise;
}

/* The address of this call with another page number. */
static json_t *
page_link(const struct exchange *x, size_t page)
{
	struct text url = {0};
	const char *query = x->query;
	bool bare = setting_is_on("bareLinks");
	json_t *link;

	text_printf(&url, "%s%s%s?", http_base(), x->versioned && !bare ? "/v1" : "", x->path);
	while (!bare && *query != '\0') {
		size_t length = strcspn(query, "&");

		if (length > 0 && strncmp(query, "page=", 5) != 0) {
			text_put(&url, query, length);
			text_puts(&url, "&");
		}
		query += length;
		query += strspn(query, "&");
	}
	text_printf(&url, "page=%zu", page);
	link = json_pack("{s:s}", "href", url.data);
	text_clear(&url);
	return link;
}

void
answer_list(struct exchange *x, json_t *items)
{
	size_t limit = (size_t)setting_number("pageSize");
	size_t size = query_number(x, "max", limit);
	size_t page = query_number(x, "page", 0);
	size_t total = json_array_size(items);
	json_t *part = json_array();
	json_t *reply = json_object();
	json_t *links = json_object();

	if (size == 0 || size > limit)
		size = limit;
	for (size_t i = page * size; i < total && i < (page + 1) * size; i++)
		json_array_append(part, json_array_get(items, i));
	json_put(links, "next", (page + 1) * size < total ? page_link(x, page + 1) : json_null());
	json_put(links, "previous", page > 0 ? page_link(x, page - 1) : json_null());
	json_put(reply, "items", part);
	json_put(reply, "_links", links);
	json_decref(items);
	answer_json(x, 200, reply);
}

static json_t *
installed_app_view(const json_t *installed)
{
	const json_t *app = app_by_id(json_text(installed, "appId"));
	json_t *view = json_object();

	json_put_text(view, "installedAppId", json_text(installed, "installedAppId"));
	json_put_text(view, "installedAppType", "API_ONLY");
	json_put_text(view, "installedAppStatus", json_text(installed, "installedAppStatus"));
	json_put_text(view, "displayName", json_text(app, "displayName"));
	json_put_text(view, "appId", json_text(installed, "appId"));
	json_put(view, "referenceId", json_null());
	json_put_text(view, "locationId", json_text(installed, "locationId"));
	json_put(view, "owner",
	    json_pack("{s:s, s:s}", "ownerType", setting_is_on("systemOwner") ? "SYSTEM" : "USER",
		"ownerId", json_text(installed, "accountId")));
	json_put(view, "notices", json_array());
	json_put_text(view, "createdDate", json_text(installed, "createdDate"));
	json_put_text(view, "lastUpdatedDate", json_text(installed, "lastUpdatedDate"));
	json_put(view, "classifications", json_pack("[s]", "CONNECTED_SERVICE"));
	json_put_text(view, "principalType", "LOCATION");
	json_put(view, "allowed", json_array());
	return view;
}

static void
installed_apps_list(struct exchange *x)
{
	json_t *items = json_array();
	const char *id;
	json_t *installed;

	json_object_foreach(state_section("installedApps"), id, installed)
	{
		if (caller_owns(x, installed))
			json_array_append_new(items, installed_app_view(installed));
	}
	answer_list(x, items);
}

/* Installed app, location and scopes of the token. */
static void
installed_app_me(struct exchange *x)
{
	const json_t *installed = installed_app(json_text(x->token, "installedAppId"));
	const char *scope = json_text(x->token, "scope");
	json_t *scopes = json_array();

	if (installed == NULL) {
		json_decref(scopes);
		answer_error(x, 403, "a personal token has no installed app");
		return;
	}
	while (*scope != '\0') {
		size_t length = strcspn(scope, " ");

		json_array_append_new(scopes, json_stringn(scope, length));
		scope += length;
		scope += strspn(scope, " ");
	}
	answer_json(x, 200,
	    json_pack("{s:s, s:s, s:o}", "installedAppId", json_text(installed, "installedAppId"),
		"locationId", json_text(installed, "locationId"), "scope", scopes));
}

static void
installed_app_show(struct exchange *x)
{
	const json_t *installed = installed_app_or_answer(x);

	if (installed != NULL)
		answer_json(x, 200, installed_app_view(installed));
}

static void
installed_app_delete(struct exchange *x)
{
	if (installed_app_or_answer(x) == NULL)
		return;
	installed_app_remove(x->ids[0], false);
	answer_json(x, 200, json_pack("{s:i}", "count", 1));
}

static json_t *
location_view(const json_t *location)
{
	json_t *view = json_deep_copy(location);

	json_put(view, "parent",
	    json_pack("{s:s, s:s}", "type", "ACCOUNT", "id", json_text(location, "accountId")));
	json_object_del(view, "accountId");
	json_object_del(view, "hubId");
	json_put(view, "latitude", json_null());
	json_put(view, "longitude", json_null());
	json_put(view, "backgroundImage", json_null());
	json_put(view, "additionalProperties", json_object());
	json_put(view, "allowed", json_array());
	return view;
}

static void
locations_list(struct exchange *x)
{
	json_t *items = json_array();
	const char *id;
	json_t *location;

	json_object_foreach(state_section("locations"), id, location)
	{
		if (caller_sees_location(x, id))
			json_array_append_new(items, location_view(location));
	}
	answer_list(x, items);
}

static void
location_show(struct exchange *x)
{
	const json_t *location = location_or_answer(x);

	if (location != NULL)
		answer_json(x, 200, location_view(location));
}

static void
rooms_list(struct exchange *x)
{
	json_t *items = json_array();
	const char *id;
	json_t *room;

	if (location_or_answer(x) == NULL) {
		json_decref(items);
		return;
	}
	json_object_foreach(state_section("rooms"), id, room)
	{
		if (strcmp(json_text(room, "locationId"), x->ids[0]) == 0)
			json_array_append(items, room);
	}
	answer_list(x, items);
}

static void
room_show(struct exchange *x)
{
	json_t *room = world_room(x->ids[1]);

	if (location_or_answer(x) == NULL)
		return;
	if (room == NULL || strcmp(json_text(room, "locationId"), x->ids[0]) != 0)
		answer_error(x, 404, "no such room");
	else
		answer_json(x, 200, json_incref(room));
}

const struct route location_routes[] = {
    {"GET", "/installedapps", installed_apps_list, ROUTE_API, "", LIMIT_INSTALLED_APPS},
    {"GET", "/installedapps/me", installed_app_me, ROUTE_API, "", LIMIT_INSTALLED_APPS},
    {"GET", "/installedapps/{id}", installed_app_show, ROUTE_API, "", LIMIT_INSTALLED_APPS},
    {"DELETE", "/installedapps/{id}", installed_app_delete, ROUTE_API, "", LIMIT_INSTALLED_APPS},
    {"GET", "/locations", locations_list, ROUTE_API, "r:locations:*", LIMIT_LOCATIONS},
    {"GET", "/locations/{id}", location_show, ROUTE_API, "r:locations:*", LIMIT_LOCATIONS},
    {"GET", "/locations/{id}/rooms", rooms_list, ROUTE_API, "r:locations:*", LIMIT_ROOMS},
    {"GET", "/locations/{id}/rooms/{id}", room_show, ROUTE_API, "r:locations:*", LIMIT_ROOMS},
    {0},
};
