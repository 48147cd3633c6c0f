#ifndef SIMULATOR_APPS_H
#define SIMULATOR_APPS_H

#include <stdbool.h>
#include <jansson.h>

/*
 * Registered apps and their installations.  Every json_t answered is borrowed
 * from the state.
 */

/* The app of the command line: made or updated; a new target must confirm again. */
void apps_set_own(const char *app_id, const char *client_id, const char *secret,
    const char *redirect_uri, const char *target);
/* The appId of the command line. */
const char *apps_own_id(void);

/* NULL when unknown. */
json_t *app_by_id(const char *app_id);
/* The app with this OAuth client id; NULL when unknown. */
json_t *app_by_client(const char *client_id);
/* Whether the app registered this redirect URI; NULL is none. */
bool app_has_redirect(const json_t *app, const char *redirect_uri);
/* Whether this is the secret of the app, compared in constant time. */
bool app_secret_is(const json_t *app, const char *secret);
/* Stores only a hash: the state file must not contain the app's secret. */
void app_set_secret(json_t *app, const char *secret);
/* Set to PENDING with a new confirmation token, and send a CONFIRMATION. */
void app_ask_confirmation(json_t *app);

/* NULL when unknown. */
json_t *installed_app(const char *id);
/* The one of this app and location; a new one is the account's, and PENDING.  NULL: over
 * installLimit. */
json_t *installed_app_for(const char *app_id, const char *account_id, const char *location_id);
/* Ends the tokens of an installed app: only access tokens, or both. */
void installed_app_drop_tokens(const char *id, bool refresh_too);
/* Removed by the user, the app gets a lifecycle event; by the app itself, none. */
void installed_app_remove(const char *id, bool by_user);

/* New access and refresh token for a token entry {"installedAppId","scope"}; *access, *refresh: the
 * caller's. */
void tokens_issue(const char *installed_app_id, const char *scope, char **access, char **refresh);

#endif
