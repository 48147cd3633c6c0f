/* Finding the handler of a request, and what is checked before it runs. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "faults.h"
#include "http.h"
#include "routes.h"
#include "state.h"

static const struct route *const route_tables[] = {
    oauth_routes,
    location_routes,
    device_routes,
    subscription_routes,
    app_routes,
    page_routes,
    control_routes,
    control_location_routes,
};

/* Whether the path fits; then "starts" and "lengths" hold the variable parts. */
static bool
pattern_fits(const char *pattern, const char *path, const char *starts[], size_t lengths[])
{
	size_t found = 0;

	while (*pattern != '\0') {
		if (strncmp(pattern, "{id}", 4) == 0) {
			size_t length = strcspn(path, "/");

			if (length == 0 || found == EXCHANGE_IDS)
				return false;
			starts[found] = path;
			lengths[found++] = length;
			path += length;
			pattern += 4;
		} else if (*pattern == '*') {
			starts[found] = path;
			lengths[found] = strlen(path);
			return true;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

static bool
route_fits(struct exchange *x, const struct route *route)
{
	const char *starts[EXCHANGE_IDS] = {NULL};
	size_t lengths[EXCHANGE_IDS] = {0};

	if (!pattern_fits(route->pattern, x->path, starts, lengths))
		return false;
	for (size_t i = 0; i < EXCHANGE_IDS; i++) {
		free(x->ids[i]);
		x->ids[i] = NULL;
		if (starts[i] != NULL)
			x->ids[i] = text_format("%.*s", (int)lengths[i], starts[i]);
	}
	return true;
}

/* NULL for an expired token as for an unknown one: the caller gets 401 for both. */
static json_t *
token_find(const struct exchange *x)
{
	const char *header = request_header(x, "Authorization");
	json_t *token;

	if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
		return NULL;
	token = json_object_get(state_section("tokens"), header + 7);
	if (token == NULL)
		return NULL;
	if (json_integer_value(json_object_get(token, "expiresAt")) <= time_now_ms())
		return NULL;
	return token;
}

static void
route_identify(struct exchange *x)
{
	const char *id;

	if (x->route->kind != ROUTE_API || x->route->scope == NULL)
		return;
	x->token = json_incref(token_find(x));
	id = json_text(x->token, "installedAppId");
	if (*id != '\0')
		x->installed_app_id = text_copy(id);
}

void
route_find(struct exchange *x)
{
	bool known = false;

	for (size_t i = 0; i < sizeof(route_tables) / sizeof(route_tables[0]); i++) {
		for (const struct route *route = route_tables[i]; route->method != NULL; route++) {
			if (!route_fits(x, route))
				continue;
			known = true;
			if (strcmp(route->method, x->method) != 0)
				continue;
			x->route = route;
			route_identify(x);
			return;
		}
	}
	if (known)
		answer_error(x, 405, "method not allowed");
	else
		answer_error(x, 404, "nothing here");
}

static bool
scope_is_granted(const json_t *token, const char *scope)
{
	const char *granted = json_text(token, "scope");

	return *scope == '\0' || strcmp(granted, "*") == 0 || words_contain(granted, scope);
}

bool
route_scope_or_answer(struct exchange *x, const char *scope)
{
	if (scope_is_granted(x->token, scope))
		return true;
	answer_error(x, 403, "the token lacks the scope %s", scope);
	return false;
}

static bool
api_is_allowed(struct exchange *x)
{
	const struct route *route = x->route;
	const char *owner;
	bool dated;

	if (route->scope == NULL)
		return true;
	if (setting_is_on("strict") && !request_accepts(x, &dated)) {
		answer_error(x, 406, "not a version of this API: %s", request_header(x, "Accept"));
		return false;
	}
	if (x->token == NULL) {
		answer_error(x, 401, "the access token is missing, expired or unknown");
		return false;
	}
	if (!route_scope_or_answer(x, route->scope))
		return false;
	owner = route->limit == LIMIT_DEVICE ? x->ids[0] : x->installed_app_id;
	return limit_take(x, route->limit, owner != NULL ? owner : "personal");
}

/* A form on a page of another origin (another port included) must not flip switches (CSRF). */
static bool
is_foreign(const struct exchange *x)
{
	const char *site = request_header(x, "Sec-Fetch-Site");

	return strcmp(x->method, "GET") != 0 && site != NULL && strcmp(site, "same-origin") != 0 &&
	       strcmp(site, "none") != 0;
}

void
route_run(struct exchange *x)
{
	if (x->route == NULL)
		return;
	if (is_foreign(x)) {
		answer_error(x, 403, "not from a page of another origin");
		return;
	}
	if (x->route->kind == ROUTE_API && !api_is_allowed(x))
		return;
	x->route->handler(x);
}
