/* OAuth 2.0 as the platform does it: the token endpoint. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apps.h"
#include "consent.h"
#include "http.h"
#include "routes.h"
#include "state.h"
#include "world.h"

/* {"error":…} of RFC 6749 5.2, in the form of the platform's recorded answers. */
static void
answer_oauth_error(struct exchange *x, int status, const char *error)
{
	json_t *reply = json_object();

	json_put_text(reply, "error", error);
	if (status == 401)
		answer_header(x, "WWW-Authenticate", "Basic realm=\"oauth\"");
	answer_json(x, status, reply);
}

static void
answer_wrong_code(struct exchange *x)
{
	char *id = uuid_random();

	answer_json(x, 404,
	    json_pack("{s:s, s:{s:s, s:s, s:[]}}", "requestId", id, "error", "code",
		"keymanagement.service.invalid_request-authorization_code_invalid", "message",
		"The authorization code is invalid.", "details"));
	free(id);
}

/* The app that HTTP Basic names, when its secret is right (RFC 6749 2.3.1); else NULL. */
static json_t *
client_authenticate(const struct exchange *x)
{
	const char *header = request_header(x, "Authorization");
	char *pair;
	char *colon;
	json_t *app = NULL;

	if (header == NULL || strncasecmp(header, "Basic ", 6) != 0)
		return NULL;
	pair = base64_decode(header + 6);
	colon = pair != NULL ? strchr(pair, ':') : NULL;
	if (colon != NULL) {
		*colon = '\0';
		app = app_by_client(pair);
		if (app != NULL && !app_secret_is(app, colon + 1))
			app = NULL;
	}
	free(pair);
	return app;
}

static void
answer_tokens(struct exchange *x, json_t *installed, const char *scope)
{
	const char *id = json_text(installed, "installedAppId");
	json_t *reply = json_object();
	char *access;
	char *refresh;

	tokens_issue(id, scope, &access, &refresh);
	json_put_text(reply, "access_token", access);
	json_put_text(reply, "token_type", "bearer");
	json_put_text(reply, "refresh_token", refresh);
	json_put(reply, "expires_in", json_integer(setting_number("accessTokenSeconds")));
	json_put_text(reply, "scope", scope);
	if (!setting_is_on("omitOwner")) {
		const char *owner = json_text(installed, "accountId");

		json_put(reply, "access_tier", json_integer(0));
		json_put_text(reply, "developer_account_id", owner);
		json_put_text(reply, "iot_account_id", owner);
		json_put_text(reply, "owner_account_id", owner);
	}
	json_put_text(reply, "installed_app_id", id);
	answer_header(x, "Cache-Control", "no-store");
	answer_json(x, 200, reply);
	free(access);
	free(refresh);
}

static bool
is_alive(const json_t *entry)
{
	return json_integer_value(json_object_get(entry, "expiresAt")) > time_now_ms();
}

static void
exchange_code(struct exchange *x, const json_t *app)
{
	char *code = request_form(x, "code");
	char *redirect_uri = request_form(x, "redirect_uri");
	json_t *entry = json_incref(json_object_get(state_section("codes"), code));
	json_t *installed = installed_app(json_text(entry, "installedAppId"));

	if (code != NULL)
		json_object_del(
		    state_section("codes"), code); /* used up, also when it is refused below */
	state_changed();
	if (installed == NULL || !is_alive(entry) ||
	    strcmp(json_text(entry, "clientId"), json_text(app, "clientId")) != 0) {
		answer_wrong_code(x);
	} else if (redirect_uri == NULL ||
		   strcmp(json_text(entry, "redirectUri"), redirect_uri) != 0) {
		answer_oauth_error(x, 400, "invalid_grant");
	} else {
		x->installed_app_id = text_copy(json_text(entry, "installedAppId"));
		json_put_text(installed, "installedAppStatus", "AUTHORIZED");
		json_put_text(installed, "accountId", json_text(entry, "ownerId"));
		answer_tokens(x, installed, json_text(entry, "scope"));
	}
	free(code);
	free(redirect_uri);
	json_decref(entry);
}

/* In the forms that were seen; most do not say what is wrong. */
static void
answer_dead(struct exchange *x)
{
	const char *form = setting_text("deadRefresh");

	if (strcmp(form, "html") == 0)
		answer_text(x, 401, "text/html",
		    "<html><head><title>401</title></head><body><h1>Authorization "
		    "Required</h1></body></html>");
	else if (strcmp(form, "empty") == 0)
		answer_text(x, 401, "text/plain", "");
	else if (strcmp(form, "other") == 0)
		answer_error(x, 400, "The request cannot be used");
	else
		answer_oauth_error(x, 400, "invalid_grant");
}

static void
refresh(struct exchange *x, const json_t *app)
{
	char *token = request_form(x, "refresh_token");
	json_t *entry = json_incref(json_object_get(state_section("refreshTokens"), token));
	json_t *installed = installed_app(json_text(entry, "installedAppId"));

	if (installed == NULL || !is_alive(entry) ||
	    strcmp(json_text(installed, "appId"), json_text(app, "appId")) != 0)
		answer_dead(x);
	else
		answer_tokens(x, installed, json_text(entry, "scope"));
	free(token);
	json_decref(entry);
}

/* For the log of calls: the installed app that a refresh token belongs to. */
static void
note_caller(struct exchange *x)
{
	char *token = request_form(x, "refresh_token");
	const json_t *entry = json_object_get(state_section("refreshTokens"), token);

	if (entry != NULL)
		x->installed_app_id = text_copy(json_text(entry, "installedAppId"));
	free(token);
}

static void
token_endpoint(struct exchange *x)
{
	json_t *app = client_authenticate(x);
	char *grant = request_form(x, "grant_type");
	char *client_id = request_form(x, "client_id");

	note_caller(x);
	if (setting_is_on("clientRefused"))
		answer_text(x, 401, "text/plain", "");
	else if (app == NULL ||
		 (client_id != NULL && strcmp(client_id, json_text(app, "clientId")) != 0))
		answer_oauth_error(x, 401, "invalid_client");
	else if (grant != NULL && strcmp(grant, "authorization_code") == 0)
		exchange_code(x, app);
	else if (grant != NULL && strcmp(grant, "refresh_token") == 0)
		refresh(x, app);
	else
		answer_oauth_error(x, 400, "unsupported_grant_type");
	free(grant);
	free(client_id);
}

const struct route oauth_routes[] = {
    {"GET", "/oauth/authorize", consent_show, ROUTE_BROWSER, NULL, LIMIT_NONE},
    {"POST", "/oauth/authorize", consent_decide, ROUTE_BROWSER, NULL, LIMIT_NONE},
    {"POST", "/oauth/token", token_endpoint, ROUTE_API, NULL, LIMIT_NONE},
    {0},
};
