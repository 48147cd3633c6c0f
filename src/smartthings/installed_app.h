#ifndef SWITCHBOARD_SMARTTHINGS_INSTALLED_APP_H
#define SWITCHBOARD_SMARTTHINGS_INSTALLED_APP_H

#include <jansson.h>

/*
 * The Samsung account that owns an installed app, from the answer of GET /installedapps/{id}
 * (platform.md "REST calls used").  Borrowed from "app".  NULL when the answer names none: an owner
 * of another ownerType than USER is nobody's identity.
 */
const char *installed_app_owner(const json_t *app);

#endif
