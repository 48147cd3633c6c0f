#ifndef SWITCHBOARD_STORE_SESSION_H
#define SWITCHBOARD_STORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "db/db.h"
#include "base/err.h"
#include "base/secret.h"

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

/* Who is signed in with a session. */
struct store_signed_in {
	int64_t user_id;
	bool renewed;        /* its end has moved, and so should the cookie's */
	const char *cursor;  /* how far the user's locations are (cursor.h), in the page's order */
	const char *version; /* as long as it stays, the page does */
};

/* Whose session is it?  SW_EAUTH: it has ended, or never was.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err store_session_load(struct db *db, struct arena *arena,
    const uint8_t hash[static SECRET_SHA256_BYTES], struct store_signed_in *out);

/* End it; SW_OK whether or not it was there. */
SW_MUSTCHECK enum sw_err
store_session_end(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES]);

/* A browser in which somebody is signed in. */
struct store_session {
	const char *public_id; /* names it on the page and opens nothing */
	const char
	    *user_agent; /* what it called itself at sign-in, at most 200 characters; or NULL */
	const char *created_at; /* RFC 3339 */
	const char *seen_at;    /* RFC 3339; to five minutes */
	bool is_this;           /* the one whose hash was given */
};

/* Those of a user, in the arena: this one first, then as lately used; at most 100.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err store_session_list(struct db *db, struct arena *arena, int64_t user_id,
    const uint8_t hash[static SECRET_SHA256_BYTES], struct store_session **out, size_t *count);

/* End one by its public id (a UUID).  SW_ENOTFOUND: not this user's, or it has ended. */
SW_MUSTCHECK enum sw_err
store_session_end_one(struct db *db, struct arena *arena, int64_t user_id, const char *public_id);

/* End all of a user but this one. */
SW_MUSTCHECK enum sw_err store_session_end_others(struct db *db, struct arena *arena,
    int64_t user_id, const uint8_t hash[static SECRET_SHA256_BYTES]);

#endif
