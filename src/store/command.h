#ifndef SWITCHBOARD_STORE_COMMAND_H
#define SWITCHBOARD_STORE_COMMAND_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "db/db.h"
#include "base/err.h"

/*
 * Clicks, as the page stores them for a worker to send.  Both functions are one statement,
 * not safe to repeat: when the connection dies in between, nobody knows whether
 * the command was taken (SW_EUNAVAILABLE).
 */
enum command_kind {
	COMMAND_ON,
	COMMAND_OFF,
	COMMAND_SET_LEVEL,
	COMMAND_KIND__MAX
};

/* The word of the API, the forms and the platform: "on", "off", "setLevel". */
const char *command_kind_text(enum command_kind kind);

struct command_wish {
	enum command_kind kind;
	int level; /* 0 to 100, for COMMAND_SET_LEVEL only */
};

/* A command that was taken; in the arena. */
struct command_taken {
	const char *command_id;
	const char *installation_id;
};
struct command_taken_list {
	size_t count;
	const struct command_taken *commands;
};

/*
 * Take a command for one switch of this user.  SW_ENOTFOUND: not one of theirs.
 * SW_EINPUT: a level for a switch that is no dimmer.  SW_ECONFLICT: its location must be linked
 * again before the platform takes commands.  Others as db_exec(); SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
store_command_request(struct db *db, struct arena *arena, int64_t user_id, const char *device_id,
    const char *component, const struct command_wish *wish, struct command_taken *out);

/*
 * Take a command (on or off) for every switch of a room (name or id; "": those in no room; NULL:
 * any) of a location (NULL: all of the user's), but for switches that are there already.
 * An unknown room or location gives an empty list: see store_location_is_of().
 */
SW_MUSTCHECK enum sw_err store_command_request_many(struct db *db, struct arena *arena,
    int64_t user_id, enum command_kind kind, const char *room, const char *installation_id,
    struct command_taken_list *out);

#endif
