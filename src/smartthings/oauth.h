#ifndef SWITCHBOARD_SMARTTHINGS_OAUTH_H
#define SWITCHBOARD_SMARTTHINGS_OAUTH_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/sbuf.h"

/*
 * OAuth 2.0 authorization code grant (RFC 6749 4.1, 5, 6) as the platform
 * speaks it (platform.md "OAuth 2.0").  Bytes in, values out; no I/O.
 */
#define OAUTH_TOKEN_MAX 8192

/*
 * A token reply.  Heap strings; the struct is the caller's, oauth_tokens_clear()
 * cleanses and frees.
 */
struct oauth_tokens {
	char *access_token;
	char *refresh_token;
	int64_t expires_in_s; /* 86400 when the reply has none; 60 … 31 days */
	char *scope;          /* or NULL, as the members below */
	char *installed_app_id;
	char *owner_account_id;
};

/*
 * Parse the answer of the token endpoint.  "body" need not be NUL-terminated.
 * SW_OK: *out filled.  SW_EINVAL_GRANT: the platform says this code or
 * refresh token is dead (classified by the body, not the status alone: "invalid_grant", or
 * error.code containing "authorization_code_invalid" or "invalid_grant").
 * SW_EAUTH: client credentials refused (invalid_client, or 401/403 without a grant error).
 * SW_ELIMIT: 429.  SW_EINPUT: other 4xx.
 * SW_EUPSTREAM: 5xx, or a 200 that lacks a token or is not JSON.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
oauth_parse_reply(int status, const char *body, size_t length, struct oauth_tokens *out);

/* Cleanse and free; an all-zero struct is fine. */
void oauth_tokens_clear(struct oauth_tokens *tokens);

/*
 * For the spool and the like: the whole reply as JSON text and back.  The
 * buffer must be a secret one.
 */
void oauth_tokens_put(struct sbuf *buf, const struct oauth_tokens *tokens);

/*
 * {api}/oauth/authorize?client_id&scope&response_type=code&redirect_uri&state,
 * all values percent-encoded.
 */
void oauth_put_authorize_url(struct sbuf *buf, const char *api_url, const char *client_id,
    const char *scopes, const char *redirect_uri, const char *state);

/* Form bodies of the two grants (put into secret buffers by the caller). */
void oauth_put_code_form(
    struct sbuf *buf, const char *code, const char *client_id, const char *redirect_uri);

/* The same for the refresh grant (RFC 6749 6). */
void oauth_put_refresh_form(struct sbuf *buf, const char *refresh_token, const char *client_id);

#endif
