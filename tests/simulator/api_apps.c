/* Registering apps, confirming their target, and scenes. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "apps.h"
#include "events.h"
#include "routes.h"
#include "state.h"
#include "world.h"

static json_t *
app_view(const json_t *app)
{
	json_t *view = json_object();

	json_put_text(view, "appName", json_text(app, "appName"));
	json_put_text(view, "appId", json_text(app, "appId"));
	json_put_text(view, "appType", "API_ONLY");
	json_put_text(view, "principalType", "LOCATION");
	json_put(view, "classifications", json_pack("[s]", "CONNECTED_SERVICE"));
	json_put_text(view, "displayName", json_text(app, "displayName"));
	json_put_text(view, "description", json_text(app, "description"));
	json_put(view, "singleInstance", json_true());
	json_put(view, "installMetadata", json_object());
	json_put(view, "apiOnly",
	    json_pack("{s:{s:s, s:s}}", "subscription", "targetUrl", json_text(app, "targetUrl"),
		"targetStatus", json_text(app, "targetStatus")));
	return view;
}

/* Apps belong to a person, so only a personal token may manage them.  NULL: answered. */
static json_t *
app_or_answer(struct exchange *x)
{
	json_t *app = app_by_id(x->ids[0]);

	if (*json_text(x->token, "accountId") == '\0')
		answer_error(x, 403, "apps are managed with a personal access token");
	else if (app == NULL)
		answer_error(x, 404, "no such app");
	else
		return app;
	return NULL;
}

static bool
is_url(const char *text)
{
	return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://127.0.0.1", 16) == 0 ||
	       strncmp(text, "http://localhost", 16) == 0;
}

static const char *
creation_problem(const json_t *body)
{
	const json_t *oauth = json_object_get(body, "oauth");
	const json_t *redirects = json_object_get(oauth, "redirectUris");
	size_t i;
	json_t *uri;

	if (*json_text(body, "appName") == '\0' || *json_text(body, "displayName") == '\0')
		return "appName and displayName are required";
	if (strcmp(json_text(body, "appType"), "API_ONLY") != 0)
		return "only appType API_ONLY is simulated";
	if (!is_url(json_text(json_object_get(body, "apiOnly"), "targetUrl")))
		return "apiOnly.targetUrl must be https";
	if (json_array_size(redirects) == 0 ||
	    json_array_size(json_object_get(oauth, "scope")) == 0)
		return "oauth.scope and oauth.redirectUris are required";
	json_array_foreach((json_t *)redirects, i, uri)
	{
		if (!json_is_string(uri) || !is_url(json_string_value(uri)))
			return "oauth.redirectUris must be https";
	}
	return NULL;
}

static void
app_create(struct exchange *x)
{
	const char *problem = creation_problem(x->json);
	char *app_id, *client_id, *secret;
	json_t *app;

	if (*json_text(x->token, "accountId") == '\0')
		problem = "apps are made with a personal access token";
	if (problem != NULL) {
		answer_error(x, 422, "%s", problem);
		return;
	}
	app = json_object();
	app_id = uuid_random();
	client_id = uuid_random();
	secret = uuid_random();
	json_put_text(app, "appId", app_id);
	json_put_text(app, "clientId", client_id);
	json_put_text(app, "appName", json_text(x->json, "appName"));
	json_put_text(app, "displayName", json_text(x->json, "displayName"));
	json_put_text(app, "description", json_text(x->json, "description"));
	json_put_text(
	    app, "targetUrl", json_text(json_object_get(x->json, "apiOnly"), "targetUrl"));
	json_put(app, "redirectUris",
	    json_deep_copy(json_object_get(json_object_get(x->json, "oauth"), "redirectUris")));
	app_set_secret(app, secret);
	json_put(state_section("apps"), app_id, app);
	app_ask_confirmation(app);
	answer_json(x, 200,
	    json_pack("{s:o, s:s, s:s}", "app", app_view(app), "oauthClientId", client_id,
		"oauthClientSecret", secret));
	free(app_id);
	free(client_id);
	free(secret);
}

static void
app_show(struct exchange *x)
{
	const json_t *app = app_or_answer(x);

	if (app != NULL)
		answer_json(x, 200, app_view(app));
}

static void
apps_list(struct exchange *x)
{
	json_t *items = json_array();
	const char *id;
	json_t *app;

	json_object_foreach(state_section("apps"), id, app)
	{
		json_array_append_new(items, app_view(app));
	}
	answer_list(x, items);
}

static void
app_register(struct exchange *x)
{
	json_t *app = app_or_answer(x);

	if (app == NULL)
		return;
	app_ask_confirmation(app);
	answer_json(x, 200, json_object());
}

static void
app_delete(struct exchange *x)
{
	if (app_or_answer(x) == NULL)
		return;
	if (strcmp(x->ids[0], apps_own_id()) == 0) {
		answer_error(x, 409, "the app of the command line stays");
		return;
	}
	json_object_del(state_section("apps"), x->ids[0]);
	state_changed();
	answer_json(x, 200, json_object());
}

static void
confirm_registration(struct exchange *x)
{
	json_t *app = app_by_id(x->ids[0]);
	char *token = request_query(x, "token");

	if (app == NULL || token == NULL || *token == '\0' ||
	    strcmp(token, json_text(app, "confirmationToken")) != 0) {
		answer_error(x, 403, "the confirmation token is wrong");
	} else {
		json_put_text(app, "targetStatus", "CONFIRMED");
		state_changed();
		log_line("info", "event=target.confirmed app=%s", x->ids[0]);
		answer_json(x, 200, json_pack("{s:s}", "targetUrl", json_text(app, "targetUrl")));
	}
	free(token);
}

static void
scenes_list(struct exchange *x)
{
	char *wanted = request_query(x, "locationId");
	json_t *items = json_array();
	const char *id;
	json_t *scene;

	json_object_foreach(state_section("scenes"), id, scene)
	{
		const char *location = json_text(scene, "locationId");

		if (caller_sees_location(x, location) &&
		    (wanted == NULL || strcmp(wanted, location) == 0))
			json_array_append(items, scene);
	}
	free(wanted);
	answer_list(x, items);
}

static void
all_off(json_t *device)
{
	const char *component;
	json_t *status;

	json_object_foreach(json_object_get(device, "status"), component, status)
	{
		if (json_object_get(status, "switch") != NULL)
			world_switch(device, component, false);
	}
}

static void
scene_execute(struct exchange *x)
{
	const json_t *scene = json_object_get(state_section("scenes"), x->ids[0]);
	const char *location = json_text(scene, "locationId");
	const char *id;
	json_t *device;

	if (scene == NULL || !caller_sees_location(x, location)) {
		answer_error(x, scene == NULL ? 404 : 403, "no such scene for this token");
		return;
	}
	events_begin();
	json_object_foreach(state_section("devices"), id, device)
	{
		if (strcmp(json_text(device, "locationId"), location) == 0)
			all_off(device);
	}
	events_end();
	answer_json(x, 200, json_pack("{s:s}", "status", "success"));
}

const struct route app_routes[] = {
    {"GET", "/apps", apps_list, ROUTE_API, "", LIMIT_NONE},
    {"POST", "/apps", app_create, ROUTE_API, "", LIMIT_NONE},
    {"GET", "/apps/{id}", app_show, ROUTE_API, "", LIMIT_NONE},
    {"DELETE", "/apps/{id}", app_delete, ROUTE_API, "", LIMIT_NONE},
    {"PUT", "/apps/{id}/register", app_register, ROUTE_API, "", LIMIT_NONE},
    {"GET", "/apps/{id}/confirm-registration", confirm_registration, ROUTE_API, NULL, LIMIT_NONE},
    {"GET", "/scenes", scenes_list, ROUTE_API, "r:scenes:*", LIMIT_NONE},
    {"POST", "/scenes/{id}/execute", scene_execute, ROUTE_API, "x:scenes:*", LIMIT_NONE},
    {0},
};
