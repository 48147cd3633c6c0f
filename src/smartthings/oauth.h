#ifndef SWITCHBOARD_SMARTTHINGS_OAUTH_H
#define SWITCHBOARD_SMARTTHINGS_OAUTH_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/sbuf.h"
#include "formats/config.h"
#include "net/client_message.h"

/*
 * OAuth 2.0 authorization code grant (RFC 6749 4.1, 5, 6) with the platform's habits (platform.md
 * "OAuth 2.0").  Bytes in, values out; no I/O.
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
 * SW_OK: *out filled.  SW_EINVAL_GRANT: the code or refresh token is
 * not valid any more (decided by the body, not the status alone: "invalid_grant", or error.code
 * containing "authorization_code_invalid" or "invalid_grant").
 * SW_EAUTH: client credentials refused (invalid_client, unauthorized_client).  SW_EFORBIDDEN: 401
 * or 403 that does not say what is refused.  SW_ELIMIT: 429.  SW_EINPUT: other 4xx.
 * SW_EUPSTREAM: 5xx, or a 200 that lacks a token or is not JSON.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
oauth_parse_reply(int status, const char *body, size_t length, struct oauth_tokens *out);

/* Cleanse and free; an all-zero struct is fine. */
void oauth_tokens_clear(struct oauth_tokens *tokens);

/*
 * Append the reply as JSON text that oauth_parse_reply() reads back, to be sealed into a file.  The
 * buffer must be a secret one.
 */
void oauth_tokens_put(struct sbuf *buf, const struct oauth_tokens *tokens);

/*
 * {api}/oauth/authorize?client_id&scope&response_type=code&redirect_uri&state,
 * all values percent-encoded.
 */
void oauth_put_authorize_url(struct sbuf *buf, const char *api_url, const char *client_id,
    const char *scopes, const char *redirect_uri, const char *state);

/* POST /oauth/token, ready to be sent.  "request" points into the other two. */
struct oauth_request {
	struct client_request request;
	struct sbuf url;
	struct sbuf form; /* cleansed by oauth_request_clear() */
};

/*
 * Trade an authorization code for tokens (RFC 6749 4.1.3).  The client authenticates with HTTP
 * Basic; *config must outlive *out, which oauth_request_clear() cleanses, also after SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err oauth_request_code(struct oauth_request *out, const struct config *config,
    const char *code, const char *redirect_uri);

/* The same for new tokens in place of a refresh token (RFC 6749 6). */
SW_MUSTCHECK enum sw_err oauth_request_refresh(
    struct oauth_request *out, const struct config *config, const char *refresh_token);

/* Cleanse and free; an all-zero struct is fine. */
void oauth_request_clear(struct oauth_request *request);

#endif
