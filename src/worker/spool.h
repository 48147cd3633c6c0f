#ifndef SWITCHBOARD_WORKER_SPOOL_H
#define SWITCHBOARD_WORKER_SPOOL_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "formats/seal.h"
#include "smartthings/oauth.h"
#include "worker/context.h"
#include "worker/folder.h"

/*
 * Answers of the token endpoint, on this host's disk.  A refresh makes the old refresh token
 * useless at once, so its answer is written to the disk, sealed, before anything else is done with
 * it, and stays there until the next answer of that installation: neither a killed process nor a
 * database that is away, fails over to a standby that lags, or comes back from a backup loses it.
 * One file for each, STATE_DIR/spool/<installation>.<generation of the refresh>; several workers
 * may share the folder.  What the database makes of the files is in replay.h.
 */

/* What a file's name says. */
struct spool_file {
	char name[FOLDER_NAME_SIZE];
	char installation_id[FOLDER_NAME_SIZE];
	int64_t generation;
};

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

/* Remove an answer that a later one, or another link, has made useless.  None is fine. */
void spool_remove(struct spool *spool, const char *installation_id, int64_t generation);

/* Remove all answers of an installation that was erased.  Reads the whole folder. */
void spool_remove_all(struct spool *spool, const char *installation_id);

/* The folder's entries for spool_next(), the caller's to closedir(); NULL (logged): not readable.
 */
DIR *spool_list(const struct spool *spool);

/*
 * The next answer in the list; false at its end.  Files with other names are ignored; those that
 * were never finished are removed.
 */
bool spool_next(const struct spool *spool, DIR *list, struct spool_file *out);

/* The file of one answer; false: there is none. */
bool spool_find(const struct spool *spool, const char *installation_id, int64_t generation,
    struct spool_file *out);

/*
 * Read an answer: oauth_tokens_clear() "tokens".  SW_ENOTFOUND: another process has removed it.
 * SW_EFORBIDDEN: sealed with a key that this worker lacks.  SW_EINPUT: damaged, or not of this
 * name. SW_EUNAVAILABLE: the disk does not give it (logged).  SW_ENOMEM, SW_EINTERNAL.
 */
SW_MUSTCHECK enum sw_err spool_read(const struct spool *spool, const struct spool_file *file,
    struct oauth_tokens *tokens, int64_t *obtained_at);

/*
 * Seal an answer anew when it is not sealed under the first key.  SW_OK: it is, or there is none
 * any more.  SW_EFORBIDDEN, SW_EINPUT as above, SW_EUNAVAILABLE as of spool_read() or
 * spool_write(): it is as it was.  SW_ENOMEM, SW_EINTERNAL.  Blocks for two fsync() when it is
 * sealed anew.
 */
SW_MUSTCHECK enum sw_err spool_reseal(struct spool *spool, const struct spool_file *file);

#endif
