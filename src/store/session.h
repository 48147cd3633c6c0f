#ifndef SWITCHBOARD_STORE_SESSION_H
#define SWITCHBOARD_STORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "formats/config.h"
#include "net/request.h"
#include "net/response.h"
#include "db/db.h"

/*
 * Browser sessions (design.md "Security"), from the cookie to the person, and sign-ins that are
 * under way (table oauth_state).  The statements come first: each is one round trip, with the
 * errors of db_exec() besides those named.  The database gets only hashes of cookies and states.
 */

/* Store a state parameter for ten minutes, bound to a browser. */
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
	bool renewed; /* its end was moved, so the cookie's has to be */
};

/* Whose session is it?  SW_EAUTH: it has ended, or never was. */
SW_MUSTCHECK enum sw_err store_session_load(
    struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES], struct store_signed_in *out);

/* End it; SW_OK whether or not it was there. */
SW_MUSTCHECK enum sw_err
store_session_end(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES]);

/* A browser in which somebody is signed in. */
struct store_session {
	const char *public_id;  /* names it on the page and opens nothing */
	const char *user_agent; /* its User-Agent at sign-in, at most 200 characters; or NULL */
	const char *created_at; /* RFC 3339 */
	const char *seen_at;    /* last use, up to five minutes late; RFC 3339 */
	bool is_this;           /* its hash was given */
};

/* Those of a user, in the arena: this one first, then the last used; at most 100.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err store_session_list(struct db *db, struct arena *arena, int64_t user_id,
    const uint8_t hash[static SECRET_SHA256_BYTES], struct store_session **out, size_t *count);

/* End one by its public id (a UUID).  SW_ENOTFOUND: not this user's, or it has ended. */
SW_MUSTCHECK enum sw_err
store_session_end_one(struct db *db, struct arena *arena, int64_t user_id, const char *public_id);

/* End all of a user but this one. */
SW_MUSTCHECK enum sw_err store_session_end_others(struct db *db, struct arena *arena,
    int64_t user_id, const uint8_t hash[static SECRET_SHA256_BYTES]);

/*
 * The cookie holds 256 random bits, the database only their SHA-256.  It is called "session", over
 * https "__Host-session".  The CSRF token is derived from the cookie (base64url of SHA-256 of
 * "csrf:" and the cookie), so it needs no storage and ends with it.
 */
#define SESSION_TOKEN_SIZE 44 /* base64url of 32 bytes and a NUL */
#define SESSION_LIFE_S (30 * 24 * 3600)

struct session {
	struct store_signed_in who;
	uint8_t hash[SECRET_SHA256_BYTES];
	char csrf[SESSION_TOKEN_SIZE];
};

/*
 * Hash of the session cookie in a Cookie header (NULL = none).  False when there is none, or it is
 * not 43 characters of base64url.  Also fills csrf unless NULL.
 */
bool session_read_cookie(const char *cookie_header, bool https,
    uint8_t hash[static SECRET_SHA256_BYTES], char csrf[SESSION_TOKEN_SIZE]);

/*
 * Who makes this request?  One database round trip, none without a cookie.
 * SW_OK: *out filled.  SW_EAUTH: nobody is signed in.  Database errors as db_exec().
 */
SW_MUSTCHECK enum sw_err session_load(
    struct db *db, const struct config *config, const struct request *req, struct session *out);

/* Is this the session's CSRF token?  Constant time; NULL is not. */
bool session_check_csrf(const struct session *session, const char *token);

/* A new random word, as a cookie has it, and its hash: for store_installation_link(). */
SW_MUSTCHECK enum sw_err
session_make(char token[static SESSION_TOKEN_SIZE], uint8_t hash[static SECRET_SHA256_BYTES]);

/* Set, or delete (token NULL), the session cookie. */
void session_put_cookie(struct response *res, const struct config *config, const char *token);

/* Let the browser keep the session cookie of this request for another SESSION_LIFE_S. */
void
session_renew_cookie(struct response *res, const struct config *config, const struct request *req);

/*
 * A form for people who are not signed in: a cookie "guest" (over https "__Host-guest") of this
 * browser takes the place of the session's, and the CSRF token is derived from it in the same way.
 * Sets the cookie for a day; one that is there is kept, so that several pages work.  SW_EINTERNAL:
 * no random numbers.
 */
SW_MUSTCHECK enum sw_err session_begin_guest(struct response *res, const struct config *config,
    const struct request *req, char csrf[static SESSION_TOKEN_SIZE]);

/* Is this the CSRF token of this browser's cookie "guest"?  Constant time; NULL is not. */
bool session_check_guest(const struct config *config, const struct request *req, const char *token);

#endif
