#ifndef SWITCHBOARD_STORE_COMMAND_H
#define SWITCHBOARD_STORE_COMMAND_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"

/*
 * Commands (table command): the page stores them, a worker claims them, sends them and records the
 * outcome.  Each function is one round trip, with the errors of db_exec(), and SW_ENOMEM.
 */
enum command_kind {
	COMMAND_ON,
	COMMAND_OFF,
	COMMAND_SET_LEVEL,
	COMMAND_KIND__MAX
};

/* Its name in the API, the forms and at the platform: "on", "off", "setLevel". */
const char *command_kind_text(enum command_kind kind);

/* A click. */
struct command_request {
	enum command_kind kind;
	int level; /* 0 to 100, for COMMAND_SET_LEVEL only */
};

/* A command that was stored; in the arena. */
struct command_taken {
	const char *command_id;
	const char *installation_id;
};
struct command_taken_list {
	size_t count;
	const struct command_taken *commands;
};

/*
 * Store a command for one switch of this user; it fails when no worker sends it within
 * POLICY_COMMAND_WAIT_MS.  SW_ENOTFOUND: not one of theirs.  SW_EINPUT: a
 * level for a switch that is no dimmer.  SW_ECONFLICT: its location must be linked again before
 * the platform takes commands.  Never repeated: after SW_EUNAVAILABLE it may have been stored.
 */
SW_MUSTCHECK enum sw_err
store_command_request(struct db *db, struct arena *arena, int64_t user_id, const char *device_id,
    const char *component, const struct command_request *request, struct command_taken *out);

/*
 * Store a command (on or off) for every switch of a room (name or id; "": those in no room; NULL:
 * any) of a location (NULL: all of the user's), except switches that have that state already.  An
 * unknown room or location gives an empty list: see store_location_is_of().  Never repeated.
 */
SW_MUSTCHECK enum sw_err store_command_request_many(struct db *db, struct arena *arena,
    int64_t user_id, enum command_kind kind, const char *room, const char *installation_id,
    struct command_taken_list *out);

/* A command as a worker sends it. */
struct store_command {
	const char *installation_id;
	const char *command_id;
	const char *device_id;
	const char *component;
	const char *command; /* "on", "off" or "setLevel" */
	int64_t level;       /* of setLevel, 0 to 100 */
	int64_t attempts;    /* this one included */
	int64_t left_ms;     /* until its deadline, which counts from the first claim */
};

/* How many devices of one installation may have a command on its way, over all workers. */
struct command_share {
	int each;  /* while others have commands on their way too */
	int alone; /* while no other has */
};

/*
 * Commands to send now, at most "limit", in the arena; of a switch one at a time.  A claim ends by
 * itself after 20 s.
 */
SW_MUSTCHECK enum sw_err
store_command_claim(struct db *db, struct arena *arena, const char *worker_id, int limit,
    const struct command_share *share, struct store_command **out, size_t *count);

/*
 * The platform accepted it.  An event confirms it, or it is confirmed at once when the switch has
 * that state already.
 */
SW_MUSTCHECK enum sw_err store_command_accepted(struct db *db, const struct store_command *command);

/* It failed and is not sent again; "code" is "offline", "refused" or "reconnect". */
SW_MUSTCHECK enum sw_err
store_command_failed(struct db *db, const struct store_command *command, const char *code);

/* Send it again after the delay, if its deadline allows and no other worker has it. */
SW_MUSTCHECK enum sw_err store_command_retry(struct db *db, struct arena *arena,
    const char *worker_id, const struct store_command *command, int64_t delay_ms);

/*
 * The commands of an installation lack an access token, whose refresh was requested: they are sent
 * when the token is there.
 */
SW_MUSTCHECK enum sw_err store_command_wait_for_token(struct db *db, const char *installation_id);

/* The commands of an installation that got no answer in time, as texts of PostgreSQL arrays. */
struct store_overdue {
	const char *installation_id;
	const char *commands;
	const char *errors; /* how each failed, or "obeyed" */
};

/* Some of each installation that has such commands, in the arena. */
SW_MUSTCHECK enum sw_err store_command_overdue(
    struct db *db, struct arena *arena, struct store_overdue **out, size_t *count);

/*
 * End them, in a transaction of its own.  False in *done: somebody else has locked the
 * installation's row, which is not waited for.
 */
SW_MUSTCHECK enum sw_err
store_command_fail_overdue(struct db *db, const struct store_overdue *overdue, bool *done);

/* Delete some of the commands that finished a week ago; *gone is how many, 0 when all are gone. */
SW_MUSTCHECK enum sw_err store_command_prune(struct db *db, int64_t *gone);

#endif
