/* The consent page, where a person chooses a location and allows or denies access. */
#include "consent.h"

#include <stdlib.h>
#include <string.h>

#include "apps.h"
#include "state.h"
#include "world.h"

static const char known_scopes[] =
    " r:locations:* w:locations:* x:locations:* r:devices:* x:devices:* w:devices:* "
    "r:devices:$ x:devices:$ r:scenes:* x:scenes:* r:hubs:* r:rules:* w:rules:* "
    "r:installedapps w:installedapps ";

/* The parameters of an authorization request (RFC 6749 4.1.1). */
struct authorization {
	char *client_id;
	char *redirect_uri;
	char *scope;
	char *state;
	char *response_type;
	json_t *app; /* borrowed */
};

static void
authorization_read(struct authorization *request, const char *form)
{
	request->client_id = form_get(form, "client_id", 0);
	request->redirect_uri = form_get(form, "redirect_uri", 0);
	request->scope = form_get(form, "scope", 0);
	request->state = form_get(form, "state", 0);
	request->response_type = form_get(form, "response_type", 0);
	request->app = app_by_client(request->client_id);
	if (request->scope == NULL)
		request->scope = text_copy("");
}

static void
authorization_clear(struct authorization *request)
{
	free(request->client_id);
	free(request->redirect_uri);
	free(request->scope);
	free(request->state);
	free(request->response_type);
}

static void
consent_page_open(struct text *page, const char *title)
{
	text_puts(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width\">\n"
			"<link rel=\"icon\" href=\"data:,\">\n<title>");
	text_html(page, title);
	text_puts(page, "</title>\n<link rel=\"stylesheet\" href=\"/page.css\"></head>\n"
			"<body class=\"consent\"><main>\n<h1>");
	text_html(page, title);
	text_puts(page, "</h1>\n");
}

static void
answer_problem(struct exchange *x, const char *what)
{
	struct text page = {0};

	consent_page_open(&page, "This link does not work");
	text_puts(&page, "<p>");
	text_html(&page, what);
	text_puts(&page, "</p>\n<p class=\"note\">Simulated platform: nothing here is real.</p>"
			 "</main></body></html>\n");
	answer_page(x, 400, &page);
}

static void
redirect_back(struct exchange *x, const struct authorization *request, const char *name,
    const char *value, const char *description)
{
	struct text url = {0};

	text_puts(&url, request->redirect_uri);
	text_puts(&url, strchr(request->redirect_uri, '?') != NULL ? "&" : "?");
	text_printf(&url, "%s=", name);
	text_url(&url, value);
	if (description != NULL) {
		text_puts(&url, "&error_description=");
		text_url(&url, description);
	}
	if (request->state != NULL) {
		text_puts(&url, "&state=");
		text_url(&url, request->state);
	}
	answer_redirect(x, 302, url.data);
	text_clear(&url);
}

static bool
scope_is_known(const char *scope)
{
	while (*scope != '\0') {
		size_t length = strcspn(scope, " ");
		char *word = text_format("%.*s", (int)length, scope);
		bool known = length == 0 || words_contain(known_scopes, word);

		free(word);
		if (!known)
			return false;
		scope += length;
		scope += strspn(scope, " ");
	}
	return true;
}

/* The checks that the page and its form share.  false: answered. */
static bool
authorization_is_valid(struct exchange *x, const struct authorization *request)
{
	if (request->app == NULL)
		answer_problem(x, "The app's client id is not known here.");
	else if (!app_has_redirect(request->app, request->redirect_uri))
		answer_problem(x, "The redirect address is not one that the app registered.");
	else if (!scope_is_known(request->scope) || *request->scope == '\0')
		redirect_back(x, request, "error", "invalid_scope", "an unknown or empty scope");
	else
		return true;
	return false;
}

static void
location_choice(struct text *page, const json_t *location, bool *first)
{
	text_puts(page, "<label class=\"choice\"><input type=\"radio\" name=\"location\" value=\"");
	text_html(page, json_text(location, "locationId"));
	text_printf(page, "\"%s> ", *first ? " checked" : "");
	text_html(page, json_text(location, "name"));
	text_puts(page, "</label>\n");
	*first = false;
}

/*
 * The locations of every account, under the account's name.  Choosing a location chooses the
 * account it belongs to; the field "account" is for programs that act for an account it is shared
 * with.
 */
static void
put_choices(struct text *page)
{
	bool first = true;
	json_t *accounts = state_section("accounts");
	const char *id, *inner_id;
	json_t *account, *location;

	if (json_object_size(accounts) == 1)
		text_hidden_field(
		    page, "account", json_object_iter_key(json_object_iter(accounts)));
	json_object_foreach(accounts, id, account)
	{
		text_puts(page, "<fieldset><legend>Locations of ");
		text_html(page, json_text(account, "name"));
		text_puts(page, "</legend>\n");
		json_object_foreach(state_section("locations"), inner_id, location)
		{
			if (strcmp(json_text(location, "accountId"), id) == 0)
				location_choice(page, location, &first);
		}
		text_puts(page, "</fieldset>\n");
	}
}

static void
put_scopes(struct text *page, const char *scope)
{
	text_puts(page, "<p>It asks for: ");
	text_puts(page, "<code>");
	text_html(page, scope);
	text_puts(page, "</code></p>\n");
}

static void
put_consent(struct text *page, const struct authorization *request)
{
	text_puts(page, "<p class=\"note\">Simulated platform: this page stands in for the "
			"Samsung account's. Nothing here is real.</p>\n<p><strong>");
	text_html(page, json_text(request->app, "displayName"));
	text_puts(
	    page, "</strong> would like to see and control the devices of one location.</p>\n");
	put_scopes(page, request->scope);
	text_puts(page, "<form method=\"post\" action=\"/v1/oauth/authorize\">\n");
	text_hidden_field(page, "client_id", request->client_id);
	text_hidden_field(page, "redirect_uri", request->redirect_uri);
	text_hidden_field(page, "scope", request->scope);
	text_hidden_field(page, "state", request->state);
	put_choices(page);
	text_puts(page,
	    "<p class=\"buttons\"><button id=\"allow\" name=\"decision\" value=\"allow\">Allow"
	    "</button>\n<button id=\"deny\" name=\"decision\" value=\"deny\">Deny</button></p>\n"
	    "</form></main></body></html>\n");
}

void
consent_show(struct exchange *x)
{
	struct authorization request = {0};
	struct text page = {0};

	authorization_read(&request, x->query);
	if (authorization_is_valid(x, &request)) {
		if (request.response_type == NULL || strcmp(request.response_type, "code") != 0) {
			redirect_back(x, &request, "error", "unsupported_response_type", NULL);
		} else {
			consent_page_open(&page, "Allow access to a location?");
			put_consent(&page, &request);
			answer_page(x, 200, &page);
		}
	}
	authorization_clear(&request);
}

static char *
code_new(const struct authorization *request, const char *installed_app_id, const char *account_id)
{
	char *code = random_word(8);
	json_t *entry = json_object();

	json_put_text(entry, "installedAppId", installed_app_id);
	json_put_text(entry, "ownerId", account_id);
	json_put_text(entry, "clientId", request->client_id);
	json_put_text(entry, "redirectUri", request->redirect_uri);
	json_put_text(entry, "scope", request->scope);
	json_put(
	    entry, "expiresAt", json_integer(time_now_ms() + setting_number("codeSeconds") * 1000));
	json_put(state_section("codes"), code, entry);
	state_changed();
	return code;
}

static void
allow(struct exchange *x, const struct authorization *request, const json_t *location,
    const char *account_id)
{
	json_t *installed = installed_app_for(
	    json_text(request->app, "appId"), account_id, json_text(location, "locationId"));
	char *code;

	if (installed == NULL) {
		redirect_back(x, request, "error", "max_installs_exceeded",
		    "The app has reached its limit of installations.");
		return;
	}
	code = code_new(request, json_text(installed, "installedAppId"), account_id);
	redirect_back(x, request, "code", code, NULL);
	free(code);
}

/* The account that decides about the location: the one sent, when it may; else the location's own.
 */
static const char *
account_of(const json_t *location, const char *account_id)
{
	const char *own = json_text(location, "accountId");
	const json_t *shares;
	size_t i;
	json_t *shared;

	if (location == NULL || account_id == NULL || *account_id == '\0' ||
	    strcmp(account_id, own) == 0)
		return location != NULL ? own : NULL;
	shares = json_object_get(json_object_get(state_section("accounts"), account_id), "shares");
	json_array_foreach((json_t *)shares, i, shared)
	{
		if (strcmp(json_string_value(shared), json_text(location, "locationId")) == 0)
			return account_id;
	}
	return NULL;
}

void
consent_decide(struct exchange *x)
{
	struct authorization request = {0};
	char *decision = request_form(x, "decision");
	char *location_id = request_form(x, "location");
	char *account_id = request_form(x, "account");
	const json_t *location = location_id != NULL ? world_location(location_id) : NULL;
	const char *decides = account_of(location, account_id);

	authorization_read(&request, x->body.data);
	if (!authorization_is_valid(x, &request))
		;
	else if (decision != NULL && strcmp(decision, "deny") == 0)
		redirect_back(x, &request, "error", "access_denied", "The user denied access.");
	else if (decision == NULL || strcmp(decision, "allow") != 0)
		answer_problem(x, "Neither allowed nor denied.");
	else if (decides == NULL)
		answer_problem(x, "That location does not exist in that account.");
	else if (strcmp(setting_text("consentError"), "ok") != 0)
		redirect_back(x, &request, "error", setting_text("consentError"),
		    "This was asked for by the test.");
	else
		allow(x, &request, location, decides);
	free(decision);
	free(location_id);
	free(account_id);
	authorization_clear(&request);
}
