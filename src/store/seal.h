#ifndef SWITCHBOARD_STORE_SEAL_H
#define SWITCHBOARD_STORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "db/db.h"
#include "base/err.h"
#include "base/secret.h"

/*
 * Sealing stored tokens anew, under the first of SWITCHBOARD_SEAL_KEYS, when the keys were
 * changed.  A row is swapped only while it is what was read: a refresh or a new link that comes
 * between wins.  Errors as of db_exec(), and SW_ENOMEM; SW_EINTERNAL when sealing fails.
 */

/* May there be a row to look at?  Cheap enough to be asked every minute. */
SW_MUSTCHECK enum sw_err store_seal_is_due(struct db *db, const struct seal_keys *keys, bool *due);

/* Rows that are not under the first key (or were marked by store_seal_unopened()). */
struct store_seal_rows {
	struct db_result *result;
	int count;
};

/*
 * At most "limit" of them, in the order of their ids, whose id comes after "after" ("" = from the
 * start).  store_seal_rows_clear() it.
 */
SW_MUSTCHECK enum sw_err store_seal_next(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *after, int limit, struct store_seal_rows *out);

/* Free; an all-zero struct is fine. */
void store_seal_rows_clear(struct store_seal_rows *rows);

/* Whose tokens a row holds; borrowed until the rows are cleared. */
const char *store_seal_installation(const struct store_seal_rows *rows, int row);
/* Under which key they are; borrowed as well. */
const char *store_seal_key_id(const struct store_seal_rows *rows, int row);

/* Was it marked by store_seal_unopened(), so that its page changes when it is opened? */
bool store_seal_is_marked(const struct store_seal_rows *rows, int row);

/*
 * Open a row, seal it under the first key, store it.  *stored is false when another pair is there
 * by now, which is not touched.  SW_EFORBIDDEN: none of "keys" opens it; nothing was changed.
 */
SW_MUSTCHECK enum sw_err store_seal_renew(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const struct store_seal_rows *rows, int row, bool *stored);

/*
 * No key opens this row: its location waits to be linked again, or for the key to come back.  The
 * sealed pair stays.  *news is false when that was known, or another pair is there by now.
 */
SW_MUSTCHECK enum sw_err
store_seal_unopened(struct db *db, const struct store_seal_rows *rows, int row, bool *news);

#endif
