#ifndef SWITCHBOARD_STORE_WORK_H
#define SWITCHBOARD_STORE_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"

/*
 * The worker's queue (table work), and the workers (table worker).  A claim is a lease of 60 s:
 * when a worker dies its work is due again after that, or at once when another worker has detected
 * it (store_worker_release()).  Commands are in the queue too, but have a claim of their own
 * (store/command).  Each function is one round trip, with the errors of db_exec(), and SW_ENOMEM
 * when the arena is full.
 */
enum work_kind {
	WORK_DEVICE_SYNC,
	WORK_SUBSCRIPTION_SYNC,
	WORK_UNINSTALL,
	WORK_REFRESH,
	WORK_CONFIRMATION,
	WORK_KIND__MAX
};

/* "device_sync", "subscription_sync", …; never NULL. */
const char *work_kind_name(enum work_kind kind);

/* What is claimed first. */
enum work_priority {
	WORK_WAITED_FOR, /* a person waits for it */
	WORK_BY_EVENT,
	WORK_UPKEEP,
	WORK_PRIORITY__MAX
};

struct store_work {
	const char *installation_id; /* "" for a confirmation */
	enum work_kind kind;
	const char *subject; /* of a confirmation: the hash of its address, in hex; else "" */
	enum work_priority priority;
	int64_t claim;      /* number of this claim */
	int64_t generation; /* counts requests for it; for store_work_done() */
	int64_t attempts;   /* failed runs so far */
	int64_t age_s;      /* since it was requested */
};

/*
 * Work of a priority that is due, at most "limit", in the arena; kinds unknown to this program are
 * left out.
 */
SW_MUSTCHECK enum sw_err store_work_claim(struct db *db, struct arena *arena, const char *worker_id,
    enum work_priority priority, int limit, struct store_work **out, size_t *count);

/* Begin the lease anew; *mine is false when the claim has ended: another has it, or it was linked
 * anew. */
SW_MUSTCHECK enum sw_err
store_work_renew(struct db *db, struct arena *arena, const struct store_work *work, bool *mine);

/*
 * It is done.  This and the next two change nothing when the claim has ended.  It runs again at
 * once, or when events may cause it, if it was requested meanwhile; a sync runs again after about a
 * day, other work is deleted.
 */
SW_MUSTCHECK enum sw_err
store_work_done(struct db *db, struct arena *arena, const struct store_work *work);

/* It failed and runs again after the delay.  "error" says why, without secrets; NULL: it only
 * waits. */
SW_MUSTCHECK enum sw_err store_work_failed(struct db *db, struct arena *arena,
    const struct store_work *work, const char *error, int64_t delay_ms);

/* It lacks an access token, whose refresh was requested: it runs again when the token is there. */
SW_MUSTCHECK enum sw_err
store_work_wait_for_token(struct db *db, struct arena *arena, const struct store_work *work);

/* Request work, to run not before "delay_s" from now. */
SW_MUSTCHECK enum sw_err store_work_put(struct db *db, struct arena *arena,
    const char *installation_id, enum work_kind kind, enum work_priority priority, int64_t delay_s);

/*
 * Milliseconds until something is due of the priorities in "is_free", or a command if
 * "commands_free": 0 or less means now, and never less than -1 000 000 000; INT64_MAX when nothing
 * is queued.
 */
SW_MUSTCHECK enum sw_err store_work_next_ms(
    struct db *db, const bool is_free[static WORK_PRIORITY__MAX], bool commands_free, int64_t *out);

/* Which kinds of claims. */
struct store_claims {
	bool jobs;
	bool refreshes;
	bool commands;
	bool confirmations;
};

/*
 * End the claims of these kinds of a worker that certainly works on none of them any more; "dead":
 * it has ended, and its row is deleted.  *count is how many claims there were.
 */
SW_MUSTCHECK enum sw_err store_worker_release(struct db *db, const char *worker_id,
    const struct store_claims *claims, bool dead, int64_t *count);

/*
 * Report that this worker is alive.  *catch_up: no worker was for a while, or no webhook could be
 * stored, so that installations are to be looked at (store_catch_up_some()).
 */
SW_MUSTCHECK enum sw_err store_worker_seen(struct db *db, struct arena *arena,
    const char *worker_id, const char *host, int64_t pid, bool *catch_up);

/*
 * After an absence: plan the syncs of some installations, those with an open page first.  *more is
 * false when all are planned, or another worker does it.
 */
SW_MUSTCHECK enum sw_err store_catch_up_some(struct db *db, bool *more);

#endif
