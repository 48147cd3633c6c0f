#ifndef SWITCHBOARD_WORKER_PRESENCE_H
#define SWITCHBOARD_WORKER_PRESENCE_H

#include <stdbool.h>
#include "base/err.h"
#include "worker/context.h"

/*
 * Which workers of this state directory are certainly dead, so that what they
 * had claimed is worked on at once and not when its lease ends.
 *
 * Each worker keeps a file STATE_DIR/spool/workers/<worker id> locked (flock(2)) for
 * as long as it lives.  The kernel ends that lock with the process and not
 * before, whatever became of its connections, its process number or its
 * namespaces: who gets the lock knows that nothing of it runs any more.  A
 * session of PostgreSQL that is gone would not do: the worker behind it may
 * be alive, with a call on the wire.  The file holds the kernel's boot id, and
 * only files of our own are believed: on a shared file system the lock of
 * another host may get lost.  Those, and other state directories, are left to their leases.
 *
 * It lies in the spool on purpose, whose answers come first: those of a
 * dead worker are stored before its claims are given back, so that a token
 * that was refreshed is not refreshed again.
 */

/*
 * Show that this worker lives.  "state_dir" is there (spool_open() made it).  Without a file, *out
 * is NULL and this worker's claims end by their leases only; logged.
 */
void presence_open(const char *state_dir, const char *worker_id, struct presence **out);

/* "idle": nothing is claimed, the file goes; else it tells that we are dead.  NULL is fine. */
void presence_close(struct presence *presence, bool idle);

/*
 * Give back what dead workers had claimed (worker_release() in sql/), after
 * storing what is in the spool.  At most a few round trips when somebody died, none else.
 * SW_EUNAVAILABLE and the like: the database is away, call it again.
 */
SW_MUSTCHECK enum sw_err presence_release_dead(struct worker *worker);

#endif
