#ifndef SWITCHBOARD_SMARTTHINGS_DEVICE_H
#define SWITCHBOARD_SMARTTHINGS_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/arena.h"
#include "base/err.h"
#include "smartthings/device_member.h"

/*
 * One page of GET /devices, and the other lists a sync reads (platform.md "REST calls used"),
 * turned into the JSON that sync_apply() in sql/ takes.
 */

struct device_page {
	const char *next; /* of platform_next_link() */
	bool has_status;  /* some capability carries its status: the form that was asked for */
};

/*
 * Parse one page of the device list and append to "devices" (a JSON array of the caller's) one
 * object per device that has a switch capability in any component:
 *   {"device","name" (label, else name, else the id),"room" or null,
 *    "online": true/false/null, "health_at": RFC 3339 or null,
 *    "switches":[{"component","label" or null,"kind" (device_kind.h),
 *                 "has_level":bool,"state":"on"/"off"/null,"state_at": RFC 3339 or null,
 *                 "level":0-100/null,"level_at" or null}]}
 * Instants are in UTC with microseconds, and null when the value they belong to is.  Components and
 * capabilities that the device itself names as not there (device_status.h) do not count.
 * One odd value never costs the list: what is odd as JSON (json_tolerant.h) or of a wrong type
 * counts as missing, a component without a valid id is skipped, a device without a valid id or
 * without a list of components is left out; "notes" counts both.  A repeated device (pages can
 * overlap) counts once.
 * SW_EUPSTREAM: not such a list, or the link to its next page cannot be read.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err device_parse_page(struct arena *arena, const char *body, size_t length,
    json_t *devices, struct device_notes *notes, struct device_page *page);

/*
 * Rooms {"items":[{roomId,name}]} appended to "rooms" as {"room","name"}.  *next as in struct
 * device_page, "notes" and errors as above.
 */
SW_MUSTCHECK enum sw_err device_parse_rooms(struct arena *arena, const char *body, size_t length,
    json_t *rooms, struct device_notes *notes, const char **next);

#endif
