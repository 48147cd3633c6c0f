/* Apps, installed apps and tokens. */
#include "apps.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "confirmation.h"
#include "events.h"
#include "state.h"
#include "text.h"
#include "world.h"

static char *own_id;

json_t *
app_by_id(const char *app_id)
{
	return json_object_get(state_section("apps"), app_id);
}

json_t *
app_by_client(const char *client_id)
{
	const char *id;
	json_t *app;

	json_object_foreach(state_section("apps"), id, app)
	{
		if (client_id != NULL && strcmp(json_text(app, "clientId"), client_id) == 0)
			return app;
	}
	return NULL;
}

bool
app_has_redirect(const json_t *app, const char *redirect_uri)
{
	size_t i;
	json_t *uri;

	json_array_foreach(json_object_get(app, "redirectUris"), i, uri)
	{
		if (redirect_uri != NULL && strcmp(json_string_value(uri), redirect_uri) == 0)
			return true;
	}
	return false;
}

static char *
hash_of(const char *secret)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (EVP_Digest(secret, strlen(secret), hash, &length, EVP_sha256(), NULL) != 1)
		die("cannot hash");
	return base64_encode(hash, length);
}

bool
app_secret_is(const json_t *app, const char *secret)
{
	const char *stored = json_text(app, "secretHash");
	char *hash = hash_of(secret);
	bool same =
	    strlen(stored) == strlen(hash) && CRYPTO_memcmp(stored, hash, strlen(hash)) == 0;

	free(hash);
	return same;
}

void
app_set_secret(json_t *app, const char *secret)
{
	char *hash = hash_of(secret);

	json_put_text(app, "secretHash", hash);
	free(hash);
	state_changed();
}

void
app_ask_confirmation(json_t *app)
{
	char *token = uuid_random();

	json_put_text(app, "targetStatus", "PENDING");
	json_put_text(app, "confirmationToken", token);
	state_changed();
	free(token);
	confirmation_ask();
}

void
apps_set_own(const char *app_id, const char *client_id, const char *secret,
    const char *redirect_uri, const char *target)
{
	json_t *app = app_by_id(app_id);

	free(own_id);
	own_id = text_copy(app_id);
	if (app == NULL) {
		app = json_object();
		json_put(state_section("apps"), app_id, app);
	}
	json_put_text(app, "appId", app_id);
	json_put_text(app, "appName", "switchboard");
	json_put_text(app, "displayName", "Switchboard");
	json_put_text(app, "clientId", client_id);
	json_put(app, "redirectUris", json_pack("[s]", redirect_uri));
	app_set_secret(app, secret);
	if (strcmp(json_text(app, "targetUrl"), target) == 0)
		return;
	json_put_text(app, "targetUrl", target);
	app_ask_confirmation(app);
}

const char *
apps_own_id(void)
{
	return own_id;
}

json_t *
installed_app(const char *id)
{
	return json_object_get(state_section("installedApps"), id);
}

static json_t *
installed_app_new(const char *app_id, const char *account_id, const char *location_id)
{
	json_t *installed = json_object();
	char *id = uuid_random();
	char *now = time_iso(time_now_ms());

	json_put_text(installed, "installedAppId", id);
	json_put_text(installed, "appId", app_id);
	json_put_text(installed, "accountId", account_id);
	json_put_text(installed, "locationId", location_id);
	json_put_text(installed, "installedAppStatus", "PENDING");
	json_put_text(installed, "createdDate", now);
	json_put_text(installed, "lastUpdatedDate", now);
	json_put(installed, "subscriptions", json_array());
	json_put(state_section("installedApps"), id, installed);
	state_changed();
	free(id);
	free(now);
	return installed;
}

json_t *
installed_app_for(const char *app_id, const char *account_id, const char *location_id)
{
	/* One for each location, whoever of its accounts asks. */
	json_int_t count = 0;
	const char *id;
	json_t *installed;

	json_object_foreach(state_section("installedApps"), id, installed)
	{
		if (strcmp(json_text(installed, "appId"), app_id) != 0)
			continue;
		count++;
		if (strcmp(json_text(installed, "locationId"), location_id) == 0)
			return installed;
	}
	if (count >= setting_number("installLimit"))
		return NULL;
	return installed_app_new(app_id, account_id, location_id);
}

static void
drop_tokens_of(const char *section, const char *id)
{
	json_t *tokens = state_section(section);
	const char *token;
	json_t *entry;
	void *next;

	json_object_foreach_safe(tokens, next, token, entry)
	{
		if (strcmp(json_text(entry, "installedAppId"), id) == 0)
			json_object_del(tokens, token);
	}
	state_changed();
}

void
installed_app_drop_tokens(const char *id, bool refresh_too)
{
	drop_tokens_of("tokens", id);
	if (refresh_too) {
		drop_tokens_of("refreshTokens", id);
		drop_tokens_of("codes", id);
	}
}

void
installed_app_remove(const char *id, bool by_user)
{
	json_t *installed = json_incref(installed_app(id));

	installed_app_drop_tokens(id, true);
	if (by_user)
		events_uninstalled(installed);
	json_object_del(state_section("installedApps"), id);
	json_decref(installed);
	state_changed();
}

/* Tokens are opaque: a UUID unless the setting tokenLength asks for longer ones. */
static char *
token_new(void)
{
	int64_t length = setting_number("tokenLength");

	return length == 36 ? uuid_random() : random_word((size_t)length);
}

static void
token_store(const char *section, const char *token, const char *installed_app_id, const char *scope,
    int64_t seconds)
{
	json_t *entry = json_object();

	json_put_text(entry, "installedAppId", installed_app_id);
	json_put_text(entry, "scope", scope);
	json_put(entry, "expiresAt", json_integer(time_now_ms() + seconds * 1000));
	json_put(state_section(section), token, entry);
}

void
tokens_issue(const char *installed_app_id, const char *scope, char **access, char **refresh)
{
	*access = token_new();
	*refresh = token_new();
	installed_app_drop_tokens(installed_app_id, true);
	token_store(
	    "tokens", *access, installed_app_id, scope, setting_number("accessTokenSeconds"));
	token_store("refreshTokens", *refresh, installed_app_id, scope,
	    setting_number("refreshTokenSeconds"));
	state_changed();
}
