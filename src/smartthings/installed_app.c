/*
 * What the platform says about an installed app.
 */
#include "smartthings/installed_app.h"

#include <string.h>

#include "formats/json.h"
#include "formats/url.h"

const char *
installed_app_owner(const json_t *app)
{
	const json_t *owner = json_object_get(app, "owner");
	const char *type = jsonx_string(owner, "ownerType");
	const char *id = jsonx_string(owner, "ownerId");

	if (type == NULL || strcmp(type, "USER") != 0 || id == NULL || !url_id_is_valid(id))
		return NULL;
	return id;
}
