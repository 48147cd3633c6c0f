#ifndef SWITCHBOARD_STORE_JOB_H
#define SWITCHBOARD_STORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"

/*
 * The worker's queue (table job), and the workers (table worker).  A claim is a lease of 60 s: when
 * a worker dies its jobs are due again after that, or at once when another worker has detected it
 * (store_worker_release()).  Each function is one round trip, with the errors of db_exec(), and
 * SW_ENOMEM when the arena is full.
 */
enum job_kind {
	JOB_DEVICE_SYNC,
	JOB_SUBSCRIPTION_SYNC,
	JOB_UNINSTALL,
	JOB_KIND__MAX
};

/* "device_sync", "subscription_sync", "uninstall"; never NULL. */
const char *job_kind_name(enum job_kind kind);

struct store_job {
	const char *installation_id;
	enum job_kind kind;
	int64_t generation; /* counts requests for the job; for store_job_done() */
	int64_t attempts;   /* failed runs so far */
	int64_t age_s;      /* since it was first requested */
};

/* Jobs that are due, at most "limit", in the arena; kinds unknown to this program are left out. */
SW_MUSTCHECK enum sw_err store_job_claim(struct db *db, struct arena *arena, const char *worker_id,
    int limit, struct store_job **out, size_t *count);

/* Begin the lease anew; *mine is false when the job is not this worker's any more. */
SW_MUSTCHECK enum sw_err
store_job_renew(struct db *db, const char *worker_id, const struct store_job *job, bool *mine);

/* It is done: it is deleted, or runs again if it was requested meanwhile. */
SW_MUSTCHECK enum sw_err store_job_done(
    struct db *db, struct arena *arena, const char *worker_id, const struct store_job *job);

/* It failed and runs again after the delay.  "error" says why, without secrets; NULL: it only
 * waits. */
SW_MUSTCHECK enum sw_err store_job_failed(struct db *db, struct arena *arena, const char *worker_id,
    const struct store_job *job, const char *error, int64_t delay_ms);

/* Request a job, to run not before "delay_s" from now. */
SW_MUSTCHECK enum sw_err store_job_put(struct db *db, struct arena *arena,
    const char *installation_id, enum job_kind kind, int64_t delay_s);

/* Queue the daily comparison with the platform; *installations is how many are due for it. */
SW_MUSTCHECK enum sw_err store_job_reconcile(struct db *db, int64_t *installations);

/*
 * Milliseconds until something in any queue of the worker is due: 0 or less means now, and never
 * less than -1 000 000 000; INT64_MAX when nothing is queued.
 */
SW_MUSTCHECK enum sw_err store_work_next_ms(struct db *db, int64_t *out);

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

/* Report that this worker is alive. */
SW_MUSTCHECK enum sw_err store_worker_seen(
    struct db *db, struct arena *arena, const char *worker_id, const char *host, int64_t pid);

#endif
