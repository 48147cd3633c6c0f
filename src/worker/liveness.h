#ifndef SWITCHBOARD_WORKER_LIVENESS_H
#define SWITCHBOARD_WORKER_LIVENESS_H

#include <stdbool.h>
#include "base/err.h"
#include "worker/context.h"

/*
 * Detects dead workers of this state directory, so that what they had claimed is released at once
 * and not when the leases end.
 *
 * Each worker holds flock(2) on a file of its own, STATE_DIR/spool/workers/<worker id>, for as long
 * as it runs.  The kernel ends that lock when the process ends and not before, so whoever gets the
 * lock knows that the worker is dead.  The end of the worker's PostgreSQL session would prove
 * nothing: it may still have a call to the platform in flight.
 *
 * The file holds the kernel's boot id, and files of another boot id are ignored: they may be of
 * another host on a shared file system, which does not see our locks.  Claims of such workers, and
 * of other state directories, end with their leases.
 *
 * The files are in the spool's folder because the two belong together: the spooled answers of a
 * dead worker are stored before its claims are released, so that no token is refreshed twice.
 */

/*
 * Make and lock this worker's file.  "state_dir" exists (spool_open() made it).  Without a file
 * (logged) *out is NULL: this worker's claims then end with their leases.
 */
void liveness_open(const char *state_dir, const char *worker_id, struct liveness **out);

/*
 * "idle": nothing is claimed, so the file is removed; else it stays, unlocked, and another worker
 * releases the claims.  NULL is fine.
 */
void liveness_close(struct liveness *liveness, bool idle);

/*
 * Release the claims of dead workers (worker_release() in sql/), after storing what is in the
 * spool.  No round trip unless a worker died, then a few.  SW_EUNAVAILABLE and other errors of
 * db_exec(): call it again later; one whose claims are locked keeps those of no other.
 */
SW_MUSTCHECK enum sw_err liveness_release_dead(struct worker *worker);

#endif
