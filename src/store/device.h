#ifndef SWITCHBOARD_STORE_DEVICE_H
#define SWITCHBOARD_STORE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "db/db.h"
#include "base/err.h"
#include "store/switch_json.h"

/*
 * Switches as the page reads them.  Every function is one statement and one
 * round trip; what it gives lives in the arena.  Errors beyond those named
 * are db_exec()'s, and SW_ENOMEM.
 */

/* Switches of one user, those of a location together, rooms in order, devices in no room last. */
struct switch_list {
	size_t count;
	const struct switch_row *rows;
};

/* All switches of a user. */
SW_MUSTCHECK enum sw_err
store_switch_list(struct db *db, struct arena *arena, int64_t user_id, struct switch_list *out);

/* One change of a switch: of its state, or (state NULL) of its level. */
struct switch_change {
	const char *at; /* RFC 3339 */
	const char *state;
	int level;
};
struct switch_history {
	size_t count;
	const struct switch_change *changes; /* oldest first */
};

/*
 * Changes of the last "hours" (1 to 168), at most 10 000 events looked at.  Empty for
 * a switch that is not this user's: ask store_switch_is_of() first.
 */
SW_MUSTCHECK enum sw_err store_switch_history(struct db *db, struct arena *arena, int64_t user_id,
    const char *device_id, const char *component, int hours, struct switch_history *out);

/* SW_OK when this is a switch of this user, SW_ENOTFOUND when it is not. */
SW_MUSTCHECK enum sw_err store_switch_is_of(struct db *db, struct arena *arena, int64_t user_id,
    const char *device_id, const char *component);

/*
 * SW_OK when the user has such a room (name or id; "": devices in no room; NULL: not
 * asked) in this location (NULL: in any); SW_ENOTFOUND when not.
 */
SW_MUSTCHECK enum sw_err store_location_is_of(struct db *db, struct arena *arena, int64_t user_id,
    const char *room, const char *installation_id);

#endif
