#ifndef SWITCHBOARD_WORKER_SPOOL_H
#define SWITCHBOARD_WORKER_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "formats/seal.h"
#include "smartthings/oauth.h"
#include "worker/context.h"

/*
 * Answers of the token endpoint on their way to the database.  A refresh makes the old refresh
 * token useless at once, so its answer is written to the disk, sealed, before anything else is done
 * with it: a killed process or an unreachable database then loses nothing.  One file for each
 * answer, STATE_DIR/spool/<installation>.<generation>; several workers may share the folder.
 */

/*
 * Open (make) the folder; "keys" are borrowed for the life of the spool.  SW_EINPUT: it cannot be
 * made or written to, *why (static text) says which.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err spool_open(
    const char *state_dir, const struct seal_keys *keys, struct spool **out, const char **why);

/* The files stay.  NULL is fine. */
void spool_close(struct spool *spool);

/*
 * Write an answer that came at "obtained_at" (seconds UTC).  SW_OK: it is on the disk.
 * SW_EUNAVAILABLE: it cannot be written (logged).  SW_ENOMEM, SW_EINTERNAL.  Blocks for two
 * fsync().
 */
SW_MUSTCHECK enum sw_err spool_write(struct spool *spool, const char *installation_id,
    int64_t generation, const struct oauth_tokens *tokens, int64_t obtained_at);

/* Remove an answer that is in the database. */
void spool_remove(struct spool *spool, const char *installation_id, int64_t generation);

/*
 * Store every answer in the spool in the database and remove its file; one statement for each.
 * SW_OK: nothing is left that can be stored; a file that no key opens, or that the database
 * refuses, stays and is logged.  SW_ELOCKED: all but some whose rows somebody else has locked, or
 * whose statements took too long; no refresh of those may begin (spool_store()).  SW_EUNAVAILABLE
 * and other errors of db_exec(): try again later.
 */
SW_MUSTCHECK enum sw_err spool_replay(struct worker *worker);

/*
 * The same for one answer, if the spool has it.  *found: it has, and on SW_OK it is in the database
 * now; false also when no key opens it.
 */
SW_MUSTCHECK enum sw_err
spool_store(struct worker *worker, const char *installation_id, int64_t generation, bool *found);

/* How many answers in the spool are sealed with another key than the first of the keys. */
size_t spool_count_old(const struct spool *spool);

#endif
