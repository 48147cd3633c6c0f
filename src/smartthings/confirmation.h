#ifndef SWITCHBOARD_SMARTTHINGS_CONFIRMATION_H
#define SWITCHBOARD_SMARTTHINGS_CONFIRMATION_H

#include <stdbool.h>
#include "formats/url.h"

/*
 * May this confirmationUrl be fetched (design.md "Security")?  Only when its scheme, host and port
 * are those of the API, and its path is "/apps/", "/v1/apps/" or the API's own path and "/apps/",
 * then our app id (any id when "app_id" is NULL), then segments without escapes and dots, which no
 * server can read as another path.
 */
bool confirmation_url_is_allowed(const char *url, const struct url_parts *api, const char *app_id);

#endif
