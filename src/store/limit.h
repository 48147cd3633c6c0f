#ifndef SWITCHBOARD_STORE_LIMIT_H
#define SWITCHBOARD_STORE_LIMIT_H

#include <stdint.h>
#include "base/arena.h"
#include "db/db.h"
#include "base/err.h"

/*
 * The platform's limits, shared by all workers and kept over their deaths:
 * pauses it asked for (table pause; claims leave out what has to wait), and calls it allows only
 * so often (table call_pace).  Each function is one round trip with the errors of db_exec().
 */
enum pause_kind {
	PAUSE_NONE,
	PAUSE_DEVICE_SYNC,
	PAUSE_SUBSCRIPTION_SYNC,
	PAUSE_UNINSTALL,
	PAUSE_REFRESH,
	PAUSE_COMMAND,
	PAUSE__MAX
};

/*
 * No such work for this installation before the delay has passed; with PAUSE_COMMAND: for this
 * device of it, else device_id is NULL.  A pause that ends later stays.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err store_pause_put(struct db *db, struct arena *arena,
    const char *installation_id, enum pause_kind kind, const char *device_id, int64_t delay_ms);

/* Calls with a published limit for each installation (platform.md "Limits published"). */
enum pace_kind {
	PACE_NONE,
	PACE_SUBSCRIPTION_CREATE, /* 40 in 15 minutes */
	PACE_SUBSCRIPTION_OTHER,  /* 15 in 15 minutes */
	PACE__MAX
};

/*
 * Ask for leave to make one call now.  *wait_ms is 0 when it may be made, which is counted whether
 * it then is or not; else how long to wait before asking again.
 */
SW_MUSTCHECK enum sw_err
store_pace_take(struct db *db, const char *installation_id, enum pace_kind kind, int64_t *wait_ms);

#endif
