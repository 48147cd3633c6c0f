#ifndef SWITCHBOARD_WORKER_REPLAY_H
#define SWITCHBOARD_WORKER_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "worker/context.h"

/*
 * The answers in the spool against the database.  An answer that is newer than the stored pair is
 * stored; one that is older, or of an installation that is gone, is removed; the others stay.  Only
 * names are compared, 256 with a statement: some 400 statements for a folder of 10^5 files.
 */
SW_MUSTCHECK enum sw_err replay_new(struct replay **out);

/* NULL is fine. */
void replay_free(struct replay *replay);

/*
 * The spool may hold what the database lacks: a start, another connection (which may be to another
 * server), a statement that failed.  Sets worker->replay_due, and replay_run() begins with the
 * first file again.
 */
void replay_request(struct worker *worker);

/*
 * Compare and store for about 50 ms; worker->replay_due is false when all is done.  A file that no
 * key opens, or that the database refuses, stays and is logged; one whose row somebody else has
 * locked is left to a sweep.  SW_EUNAVAILABLE and other errors of db_exec(), SW_EINTERNAL when the
 * folder cannot be read: try again later, from the first file.
 */
SW_MUSTCHECK enum sw_err replay_run(struct worker *worker);

/* All of it, from the first file to the last; the same errors, and replay_due is true then. */
SW_MUSTCHECK enum sw_err replay_all(struct worker *worker);

/*
 * The same between other work, again and again, the longer apart the more files there are; what is
 * not sealed under the first key is sealed anew then.  A file that no key opens is removed when its
 * pair is stored.  Returns in how many ms to call it again.
 */
int replay_sweep(struct worker *worker);

/* The next sweep begins in 2 s: an answer is on the disk whose row is locked. */
void replay_sweep_soon(struct worker *worker);

/*
 * Store the answer to the refresh of one generation, if the spool has it.  *found: it has one that
 * a key opens and the database does not refuse for good, and on SW_OK the database has it now, or a
 * newer one.  Other errors of db_exec().
 */
SW_MUSTCHECK enum sw_err
replay_one(struct worker *worker, const char *installation_id, int64_t generation, bool *found);

/* How many answers were left under another key than the first; false: no sweep has ended yet. */
bool replay_count_old(const struct replay *replay, size_t *count);

#endif
