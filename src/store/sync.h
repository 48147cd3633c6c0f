#ifndef SWITCHBOARD_STORE_SYNC_H
#define SWITCHBOARD_STORE_SYNC_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"

/*
 * The two syncs with the platform: of rooms, devices and switches, and of subscriptions.  Each
 * function is one round trip, with the errors of db_exec(), and SW_ENOMEM.
 */

/* What a sync has to read from the platform. */
struct store_plan {
	const char *location_id; /* NULL when not known yet; in the arena */
	bool want_location;      /* its name is unknown, or a day old */
	bool want_rooms;         /* rooms are unknown, or were not read within 2 minutes */
	const char *started_at;  /* the database's time now, for store_sync_apply() */
	bool subscribing;        /* first sync: wait until the subscriptions are there */
};

/* SW_ENOTFOUND: removed, or never linked. */
SW_MUSTCHECK enum sw_err store_sync_plan(
    struct db *db, struct arena *arena, const char *installation_id, struct store_plan *out);

/*
 * What the page shows of a sync: "running" with how many devices were found, or "failed" with a
 * reason to be shown ("error", else NULL).  Where somebody else has locked the row it shows what it
 * did, and that is SW_OK too.
 */
SW_MUSTCHECK enum sw_err store_sync_progress(struct db *db, struct arena *arena,
    const char *installation_id, const char *state, int64_t found, const char *error);

/* What a complete sync read, as JSON text in the form of device.h.  What was not read is NULL. */
struct store_synced {
	const char *started_at; /* of the plan: before the first call */
	const char *location_id;
	const char *location_name;
	const char *rooms;
	const char *devices; /* never NULL: devices that are not in it are deleted */
};

/* All or nothing.  SW_ENOTFOUND: the installation was removed meanwhile. */
SW_MUSTCHECK enum sw_err
store_sync_apply(struct db *db, const char *installation_id, const struct store_synced *synced);

/*
 * After a sync: *delay_s is when another one is wanted, -1 for never.  Soon when it missed
 * something that was there, for that goes when a second one misses it too; after "rooms_again_s"
 * when a device is in a room whose name is not known, and the rooms were not read.
 */
SW_MUSTCHECK enum sw_err store_sync_again(struct db *db, struct arena *arena,
    const char *installation_id, bool rooms_read, int64_t rooms_again_s, int64_t *delay_s);

/* Subscriptions as the platform has them: [{"id","source","capability","attribute","name"}]. */
SW_MUSTCHECK enum sw_err
store_subscription_replace(struct db *db, const char *installation_id, const char *subscriptions);

#endif
