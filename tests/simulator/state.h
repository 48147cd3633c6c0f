#ifndef SIMULATOR_STATE_H
#define SIMULATOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

/*
 * Everything that survives a restart is one JSON document of named sections,
 * kept in memory and written to a file (mode 0600) soon after each change.
 *
 *   key           private key and certificate that sign the webhooks
 *   settings      switches of the control API
 *   apps          appId -> registered app: client, target, targetStatus
 *   accounts      accountId -> {accountId, name, shares: ids of other accounts' locations}
 *   locations     locationId -> location, with accountId and hubId
 *   rooms         roomId -> {roomId, locationId, name}
 *   devices       deviceId -> device as the API shows it, plus status and healthState
 *   scenes        sceneId -> scene with its commands
 *   installedApps installedAppId -> installed app with its subscriptions
 *   tokens, refreshTokens, codes   value -> {installedAppId or accountId, scope, expiresAt (ms)}
 *   queue         webhooks not yet delivered
 */

/* Load the file.  A missing one means an empty state; a damaged or unreadable one ends the program.
 */
void state_open(const char *path);
/* Write the file for the last time and free everything. */
void state_close(void);

/* A section, made when it is not there.  Borrowed. */
json_t *state_section(const char *name);
/* Empty a section. */
void state_clear(const char *name);
/* Something changed: the file is written within 200 ms, many changes at once. */
void state_changed(void);
/* "fn" is called before each write, to put into the document what other modules hold. */
void state_before_save(void (*fn)(void));

/* Settings with their defaults (settings.c holds the list). */
int64_t setting_number(const char *name);
/* Whether a boolean setting is true. */
bool setting_is_on(const char *name);
/* The value of a setting with choices. */
const char *setting_text(const char *name);
/* All settings as an object, the caller's. */
json_t *settings_show(void);
/* Take known settings from "wanted"; false and *why (static text) for a wrong one, nothing changed.
 */
bool settings_take(const json_t *wanted, const char **why);

#endif
