#ifndef SWITCHBOARD_STORE_CONFIRMATION_H
#define SWITCHBOARD_STORE_CONFIRMATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "db/db.h"

/*
 * Confirmations of the webhook's address that wait to be fetched (table confirmation), named by
 * the SHA-256 of their URL.  Each statement is one round trip, with the errors of db_exec().
 */

/* Queue the fetch of a confirmation address, once; *fresh is true when it is new. */
SW_MUSTCHECK enum sw_err
store_confirmation_put(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES],
    const char *app_id, const char *url, bool *fresh);

/*
 * The address to fetch, in the arena, of a row of the worker's queue (store/work.h, its subject).
 * It holds a one-time token: never logged.  SW_ENOTFOUND: that is done.
 */
SW_MUSTCHECK enum sw_err
store_confirmation_url(struct db *db, struct arena *arena, const char *subject, const char **url);

/* The fetch succeeded ("error" NULL), or is to be tried again after the delay. */
SW_MUSTCHECK enum sw_err store_confirmation_finish(
    struct db *db, struct arena *arena, const char *subject, const char *error, int64_t delay_ms);

#endif
