#ifndef SWITCHBOARD_STORE_SESSION_H
#define SWITCHBOARD_STORE_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include "db.h"
#include "err.h"
#include "secret.h"

/*
 * Statements on oauth_state and session.  Each is one round trip, with the
 * errors of db_exec() besides those named.  Only hashes get here, never a cookie or a state.
 */

/* Remember a state parameter for ten minutes, bound to a browser. */
SW_MUSTCHECK enum sw_err
store_oauth_state_put(struct db *db, const uint8_t state_hash[static SECRET_SHA256_BYTES],
    const uint8_t browser_hash[static SECRET_SHA256_BYTES]);

/* Use it up.  SW_EAUTH: unknown, used before, older than ten minutes, or another browser's. */
SW_MUSTCHECK enum sw_err
store_oauth_state_take(struct db *db, const uint8_t state_hash[static SECRET_SHA256_BYTES],
    const uint8_t browser_hash[static SECRET_SHA256_BYTES]);

/* Whose session is it?  SW_EAUTH: it has ended, or never was. */
SW_MUSTCHECK enum sw_err
store_session_load(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES], int64_t *user_id);

/* End it; SW_OK whether or not it was there. */
SW_MUSTCHECK enum sw_err
store_session_end(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES]);

#endif
