#ifndef SWITCHBOARD_STORE_SESSION_COOKIE_H
#define SWITCHBOARD_STORE_SESSION_COOKIE_H

#include <stdbool.h>
#include <stdint.h>
#include "formats/config.h"
#include "db/db.h"
#include "base/err.h"
#include "net/request.h"
#include "net/response.h"
#include "base/secret.h"
#include "store/session.h"

/*
 * Browser sessions (design.md "Security"): the cookie holds 256 random bits,
 * the database only their SHA-256.  The cookie is called "session", over
 * https "__Host-session".  The CSRF token is derived from the cookie
 * (base64url of SHA-256 of "csrf:" and the cookie), so it needs no storage and dies with it.
 */
#define SESSION_TOKEN_SIZE 44 /* base64url of 32 bytes and a NUL */
#define SESSION_LIFE_S (30 * 24 * 3600)

struct session {
	struct store_signed_in who;
	uint8_t hash[SECRET_SHA256_BYTES];
	char csrf[SESSION_TOKEN_SIZE];
};

/*
 * Hash of the session cookie in a Cookie header (NULL = none).  False when
 * there is none or it is not of our form.  Also fills csrf unless NULL.
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

/* A new random cookie value and its hash, for installation_link(). */
SW_MUSTCHECK enum sw_err
session_make(char token[static SESSION_TOKEN_SIZE], uint8_t hash[static SECRET_SHA256_BYTES]);

/* Set, or delete (token NULL), the session cookie. */
void session_put_cookie(struct response *res, const struct config *config, const char *token);

/* Let the browser keep the session cookie of this request for another SESSION_LIFE_S. */
void
session_renew_cookie(struct response *res, const struct config *config, const struct request *req);

#endif
