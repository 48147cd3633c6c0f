/* The control API: calls, faults, tokens, settings and signing.  See README.md. */
#include <stdlib.h>
#include <string.h>

#include "apps.h"
#include "calls.h"
#include "commands.h"
#include "delivery.h"
#include "faults.h"
#include "routes.h"
#include "signing.h"
#include "state.h"
#include "world.h"

static void
answer_done(struct exchange *x)
{
	answer_json(x, 200, json_pack("{s:b}", "ok", 1));
}

static void
show_calls(struct exchange *x)
{
	answer_json(x, 200, calls_show());
}

static void
reset_calls(struct exchange *x)
{
	calls_reset();
	answer_done(x);
}

static void
show_commands(struct exchange *x)
{
	answer_json(x, 200, commands_show());
}

static void
show_deliveries(struct exchange *x)
{
	answer_json(x, 200, delivery_show());
}

static void
show_faults(struct exchange *x)
{
	answer_json(x, 200, json_pack("{s:o}", "faults", faults_show()));
}

static void
add_fault(struct exchange *x)
{
	const char *why;

	if (faults_add(x->json, &why))
		answer_done(x);
	else
		answer_error(x, 400, "%s", why);
}

static void
clear_faults(struct exchange *x)
{
	faults_clear();
	answer_done(x);
}

static void
show_settings(struct exchange *x)
{
	answer_json(x, 200, settings_show());
}

static void
take_settings(struct exchange *x)
{
	const char *why;

	if (!json_is_object(x->json)) {
		answer_error(x, 400, "the body must be an object");
	} else if (!settings_take(x->json, &why)) {
		answer_error(x, 400, "wrong value: %s", why);
	} else {
		limits_clear();
		delivery_wake();
		answer_json(x, 200, settings_show());
	}
}

static void
expire_entry(json_t *entry)
{
	json_put(entry, "expiresAt", json_integer(0));
	state_changed();
}

/* Expire the access tokens of one installed app, or of all. */
static void
expire_tokens(struct exchange *x)
{
	const char *id = json_text(x->json, "installedAppId");
	int count = 0;
	const char *token;
	json_t *entry;

	json_object_foreach(state_section("tokens"), token, entry)
	{
		const char *owner = json_text(entry, "installedAppId");

		if (*owner == '\0' || (*id != '\0' && strcmp(owner, id) != 0))
			continue;
		expire_entry(entry);
		count++;
	}
	answer_json(x, 200, json_pack("{s:i}", "expired", count));
}

/* The installed app named in the body; NULL: answered. */
static json_t *
named_installed_app(struct exchange *x)
{
	json_t *installed = installed_app(json_text(x->json, "installedAppId"));

	if (installed == NULL)
		answer_error(x, 404, "no such installedAppId");
	return installed;
}

static void
revoke_tokens(struct exchange *x)
{
	if (named_installed_app(x) == NULL)
		return;
	installed_app_drop_tokens(json_text(x->json, "installedAppId"), true);
	answer_done(x);
}

static void
uninstall(struct exchange *x)
{
	if (named_installed_app(x) == NULL)
		return;
	installed_app_remove(json_text(x->json, "installedAppId"), true);
	answer_done(x);
}

/* A personal access token, as a developer makes one on the vendor's site; valid for a day. */
static void
make_personal_token(struct exchange *x)
{
	const char *account = json_text(x->json, "accountId");
	char *token = uuid_random();
	json_t *entry = json_object();

	if (*account == '\0')
		account = json_object_iter_key(json_object_iter(state_section("accounts")));
	json_put_text(entry, "accountId", account);
	json_put_text(entry, "scope", "*");
	json_put(entry, "expiresAt", json_integer(time_now_ms() + INT64_C(86400000)));
	json_put(state_section("tokens"), token, entry);
	state_changed();
	answer_json(x, 200, json_pack("{s:s, s:s}", "token", token, "accountId", account));
	free(token);
}

static void
sign(struct exchange *x)
{
	const json_t *body = json_object_get(x->json, "body");
	struct signed_headers made = {0};

	if (!json_is_string(body)) {
		answer_error(x, 400, "body must be text");
		return;
	}
	signing_make(json_text_or(x->json, "method", "post"), json_text_or(x->json, "path", "/"),
	    json_string_value(body), json_string_length(body), json_text_or(x->json, "date", NULL),
	    json_text_or(x->json, "keyId", NULL), &made);
	answer_json(x, 200,
	    json_pack("{s:s, s:{s:s, s:s, s:s}}", "keyId", signing_key_id(), "headers",
		"Authorization", made.authorization, "Digest", made.digest, "Date", made.date));
	signing_clear(&made);
}

static void
delivered(void *context, long status, const char *answer)
{
	struct exchange *x = context;
	json_t *reply = json_object();

	json_put(reply, "status", json_integer(status));
	json_put(reply, "body", json_new_text(answer));
	answer_json(x, 200, reply);
	answer_ready(x);
}

static void
deliver(struct exchange *x)
{
	const json_t *body = json_object_get(x->json, "body");
	char *text;

	if (json_is_string(body))
		text = text_copy(json_string_value(body));
	else
		text = json_dumps(body, JSON_COMPACT);
	if (text == NULL) {
		answer_error(x, 400, "body must be text or an object");
		return;
	}
	answer_later(x);
	delivery_send_now(apps_own_id(), text, strlen(text), delivered, x);
	free(text);
}

static void
reset(struct exchange *x)
{
	static const char *const sections[] = {"accounts", "locations", "rooms", "devices",
	    "scenes", "installedApps", "tokens", "refreshTokens", "codes", "settings"};

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		state_clear(sections[i]);
	faults_clear();
	limits_clear();
	calls_reset();
	commands_reset();
	delivery_reset();
	world_make_default();
	answer_done(x);
}

static void
show_key(struct exchange *x)
{
	const char *kind = setting_text("keyServer");
	char *pem;

	calls_record_key_fetch();
	if (strcmp(kind, "hang") == 0) {
		answer_never(x);
	} else if (strcmp(kind, "error") == 0) {
		answer_error(x, 503, "the key server is set to fail");
	} else if (strcmp(kind, "html") == 0) {
		answer_text(x, 200, "text/html", "<html><body>Welcome</body></html>\n");
	} else if (strcmp(kind, "huge") == 0) {
		struct text junk = {0};

		while (junk.length < 1024 * 1024)
			text_puts(&junk, "certificate\n");
		answer_text(x, 200, "text/plain", junk.data);
		text_clear(&junk);
	} else if (strcmp(kind, "missing") == 0 || strcmp(x->ids[0], signing_key_id() + 1) != 0) {
		answer_error(x, 404, "no such key");
	} else {
		pem = signing_certificate(kind);
		answer_text(x, 200, "application/x-pem-file", pem);
		free(pem);
	}
}

#define CONTROL ROUTE_CONTROL, NULL, LIMIT_NONE

const struct route control_routes[] = {
    {"GET", "/control/calls", show_calls, CONTROL},
    {"POST", "/control/calls/reset", reset_calls, CONTROL},
    {"GET", "/control/commands", show_commands, CONTROL},
    {"GET", "/control/deliveries", show_deliveries, CONTROL},
    {"GET", "/control/faults", show_faults, CONTROL},
    {"POST", "/control/faults", add_fault, CONTROL},
    {"DELETE", "/control/faults", clear_faults, CONTROL},
    {"GET", "/control/settings", show_settings, CONTROL},
    {"POST", "/control/settings", take_settings, CONTROL},
    {"POST", "/control/tokens/expire", expire_tokens, CONTROL},
    {"POST", "/control/tokens/revoke", revoke_tokens, CONTROL},
    {"POST", "/control/uninstall", uninstall, CONTROL},
    {"POST", "/control/personal-token", make_personal_token, CONTROL},
    {"POST", "/control/sign", sign, CONTROL},
    {"POST", "/control/deliver", deliver, CONTROL},
    {"POST", "/control/reset", reset, CONTROL},
    {"GET", "/key/*", show_key, ROUTE_KEY, NULL, LIMIT_NONE},
    {0},
};
