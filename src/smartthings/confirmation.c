/*
 * The rules for addresses that a CONFIRMATION asks us to fetch.
 */
#include "smartthings/confirmation.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"

#define ID_MAX 128

/* What follows "prefix" and "/apps/" in a path; NULL when it does not begin so. */
static const char *
skip_apps(const char *path, const char *prefix)
{
	static const char apps[] = "/apps/";
	size_t length = strlen(prefix);

	if (strncmp(path, prefix, length) != 0 ||
	    strncmp(path + length, apps, sizeof(apps) - 1) != 0)
		return NULL;
	return path + length + sizeof(apps) - 1;
}

/* What follows the app id, NULL when another id (or none) stands there. */
static const char *
skip_app_id(const char *path, const char *app_id)
{
	size_t length = strcspn(path, "/?");
	char id[ID_MAX + 1];

	if (length > ID_MAX)
		return NULL;
	snprintf(id, sizeof(id), "%.*s", (int)length, path);
	if (!url_id_is_valid(id) || (app_id != NULL && strcmp(id, app_id) != 0))
		return NULL;
	return path + length;
}

/* Only segments of letters, digits, "-" and "_" up to the query: none of them leads upwards. */
static bool
is_plain(const char *path)
{
	size_t length = strcspn(path, "?");

	for (size_t i = 0; i < length; i++) {
		if (strchr("/-_", path[i]) == NULL && !ascii_is_alnum(path[i]))
			return false;
		if (path[i] == '/' && path[i + 1] == '/')
			return false;
	}
	return true;
}

static bool
path_is_allowed(const char *path, const char *prefix, const char *app_id)
{
	const char *rest = skip_apps(path, prefix);

	if (rest != NULL)
		rest = skip_app_id(rest, app_id);
	return rest != NULL && is_plain(rest);
}

bool
confirmation_url_is_allowed(const char *url, const struct url_parts *api, const char *app_id)
{
	struct url_parts parts;

	if (url_split(url, &parts) != SW_OK || !url_same_origin(&parts, api))
		return false;
	return path_is_allowed(parts.path, "", app_id) ||
	       path_is_allowed(parts.path, "/v1", app_id) ||
	       path_is_allowed(parts.path, api->path, app_id);
}
