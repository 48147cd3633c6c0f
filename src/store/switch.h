#ifndef SWITCHBOARD_STORE_SWITCH_H
#define SWITCHBOARD_STORE_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"
#include "store/installation.h"

/*
 * Switches as the page shows them.  Every function is one round trip unless it says otherwise; what
 * it gives lives in the arena.  Errors beyond those named are db_exec()'s, and SW_ENOMEM.
 */

/* One switch as the page shows it; strings are borrowed (arena or result), NULL where unknown. */
struct switch_row {
	const char *installation_id;
	const char *device_id;
	const char *component;
	const char *label;
	const char *kind;     /* light, switch, plug, fan, tv, appliance, camera or other */
	const char *room;     /* NULL: in no room */
	const char *location; /* NULL: not known yet */
	const char *state;    /* "on", "off" or NULL */
	int level;            /* 0-100, -1 when unknown */
	bool has_level;
	bool online;
	bool pending;
	bool waiting;          /* pending, and a command was not sent within 2 s */
	int64_t updated_at_ms; /* since 1970 UTC, -1 when unknown */
	int64_t seq;
};

/*
 * The element of "switches" in design.md "HTTP surface", also the data of a live event: deviceId,
 * component, label, room, location, installationId, kind, state, level, online, pending, updatedAt,
 * seq; and dimmer and waiting (bool).  A new reference, NULL when out of memory.
 */
json_t *switch_row_json(const struct switch_row *row);

/* A location of a user, with its switches by room (devices in no room last), then by name. */
struct switch_location {
	const struct store_installation *installation;
	size_t count;
	const struct switch_row *rows;
};

/* All locations of a user, in the order of store_installation_list(). */
struct switch_list {
	/* How far they are (cursor.h).  Read before the switches: a change in between is sent
	 * twice, not lost. */
	const char *cursor;
	size_t count;
	const struct switch_location *locations;
};

/* All switches of a user: a round trip for the list of locations and one for each location. */
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
 * Changes of the last "hours" (1 to 168) among the newest 10 000 events: what else there is costs
 * nothing.  Empty for a switch that is not this user's: call store_switch_is_of() first.
 */
SW_MUSTCHECK enum sw_err store_switch_history(struct db *db, struct arena *arena, int64_t user_id,
    const char *device_id, const char *component, int hours, struct switch_history *out);

/* SW_OK when this is a switch of this user, SW_ENOTFOUND when it is not. */
SW_MUSTCHECK enum sw_err store_switch_is_of(struct db *db, struct arena *arena, int64_t user_id,
    const char *device_id, const char *component);

/*
 * SW_OK when the user has such a room (name or id; "": devices in no room; NULL: any) in this
 * location (NULL: any); SW_ENOTFOUND when not.
 */
SW_MUSTCHECK enum sw_err store_location_is_of(struct db *db, struct arena *arena, int64_t user_id,
    const char *room, const char *installation_id);

#endif
