/*
 * Browser sessions: a cookie that only the browser holds, its hash in the
 * database.  What it hides: the cookie's name and form, and how the CSRF
 * token comes out of it.
 */
#include "store/session_cookie.h"

#include <string.h>

#include "formats/base64.h"
#include "formats/cookie.h"
#include "store/session.h"

#define CSRF_PREFIX "csrf:"
#define TOKEN_LENGTH (SESSION_TOKEN_SIZE - 1)

static const char *
cookie_name(bool https)
{
	return https ? "__Host-session" : "session";
}

static bool
token_is_valid(const char *token)
{
	return strlen(token) == TOKEN_LENGTH &&
	       strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
		   TOKEN_LENGTH;
}

static void
derive_csrf(const char *token, char csrf[SESSION_TOKEN_SIZE])
{
	char text[sizeof(CSRF_PREFIX) - 1 + TOKEN_LENGTH];
	uint8_t hash[SECRET_SHA256_BYTES];

	memcpy(text, CSRF_PREFIX, sizeof(CSRF_PREFIX) - 1);
	memcpy(text + sizeof(CSRF_PREFIX) - 1, token, TOKEN_LENGTH);
	secret_sha256(text, sizeof(text), hash);
	base64url_encode(hash, sizeof(hash), csrf);
	secret_cleanse(text, sizeof(text));
}

bool
session_read_cookie(const char *cookie_header, bool https, uint8_t hash[static SECRET_SHA256_BYTES],
    char csrf[SESSION_TOKEN_SIZE])
{
	char token[SESSION_TOKEN_SIZE];
	enum sw_err err = cookie_get(cookie_header, cookie_name(https), token, sizeof(token));

	if (err != SW_OK || !token_is_valid(token))
		return false;
	secret_sha256(token, TOKEN_LENGTH, hash);
	if (csrf != NULL)
		derive_csrf(token, csrf);
	secret_cleanse(token, sizeof(token));
	return true;
}

enum sw_err
session_load(
    struct db *db, const struct config *config, const struct request *req, struct session *out)
{
	const char *header = request_header(req, "HTTP_COOKIE", NULL);
	enum sw_err err;

	memset(out, 0, sizeof(*out));
	if (!session_read_cookie(header, config->public_is_https, out->hash, out->csrf))
		return SW_EAUTH;
	err = store_session_load(db, req->arena, out->hash, &out->who);
	if (err != SW_OK)
		secret_cleanse(out, sizeof(*out));
	return err;
}

bool
session_check_csrf(const struct session *session, const char *token)
{
	return token != NULL && session->csrf[0] != '\0' &&
	       secret_equal(token, strlen(token), session->csrf, strlen(session->csrf));
}

enum sw_err
session_make(char token[static SESSION_TOKEN_SIZE], uint8_t hash[static SECRET_SHA256_BYTES])
{
	enum sw_err err = secret_random_token(token, SESSION_TOKEN_SIZE, 32);

	if (err != SW_OK)
		return err;
	secret_sha256(token, TOKEN_LENGTH, hash);
	return SW_OK;
}

void
session_put_cookie(struct response *res, const struct config *config, const char *token)
{
	struct sbuf value;

	sbuf_init_secret(&value, 0);
	cookie_put(&value, cookie_name(config->public_is_https), token != NULL ? token : "",
	    token != NULL ? SESSION_LIFE_S : 0, config->public_is_https);
	response_add_header(res, "Set-Cookie", sbuf_failed(&value) ? NULL : sbuf_text(&value));
	sbuf_clear(&value);
}

void
session_renew_cookie(struct response *res, const struct config *config, const struct request *req)
{
	char token[SESSION_TOKEN_SIZE];

	if (cookie_get(request_header(req, "HTTP_COOKIE", NULL),
		cookie_name(config->public_is_https), token, sizeof(token)) == SW_OK)
		session_put_cookie(res, config, token);
	secret_cleanse(token, sizeof(token));
}
