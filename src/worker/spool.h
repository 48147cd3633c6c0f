#ifndef SWITCHBOARD_WORKER_SPOOL_H
#define SWITCHBOARD_WORKER_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "smartthings/oauth.h"
#include "base/secret.h"
#include "worker/context.h"

/*
 * Answers of the token endpoint on their way to the database.  A refresh
 * kills the old refresh token at once, so its answer is on the disk, sealed,
 * before anything else is done with it: a process that is killed, or a
 * database that is away, then loses nothing.  One file for each answer,
 * STATE_DIR/spool/<installation>.<generation>; workers may share the folder.
 */

/*
 * Open (make) the folder; "keys" are borrowed.  SW_EINPUT: it cannot be made or written
 * to, *why (static text) says which.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err spool_open(
    const char *state_dir, const struct seal_keys *keys, struct spool **out, const char **why);

/* NULL is fine; files stay. */
void spool_close(struct spool *spool);

/* On the disk when it returns SW_OK.  SW_EUNAVAILABLE: it cannot be written (logged).  SW_ENOMEM,
 * SW_EINTERNAL. */
SW_MUSTCHECK enum sw_err spool_write(struct spool *spool, const char *installation_id,
    int64_t generation, const struct oauth_tokens *tokens, int64_t obtained_at);

/* It is in the database. */
void spool_remove(struct spool *spool, const char *installation_id, int64_t generation);

/*
 * Store every answer that is left and remove its file.  SW_OK: nothing is left that could be
 * stored; a file that no key opens, or that the database refuses, stays and is logged.
 * SW_EUNAVAILABLE and the like: try again.
 */
SW_MUSTCHECK enum sw_err spool_replay(struct worker *worker);

/* How many answers are left that were sealed with another key than the one that seals now. */
size_t spool_count_old(const struct spool *spool);

#endif
