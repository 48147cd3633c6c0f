/*
 * Browser sessions.  What it hides: the cookie's name and form, and how the CSRF token is derived
 * from it.
 */
#include "store/session.h"

#include <string.h>

#include "formats/base64.h"
#include "formats/cookie.h"
#include "store/query.h"

#define CSRF_PREFIX "csrf:"
#define TOKEN_LENGTH (SESSION_TOKEN_SIZE - 1)
#define GUEST_LIFE_S (24 * 3600)

enum sw_err
store_oauth_state_put(struct db *db, const uint8_t state_hash[static SECRET_SHA256_BYTES],
    const uint8_t browser_hash[static SECRET_SHA256_BYTES])
{
	const struct db_param params[] = {
	    DB_BYTES(state_hash, SECRET_SHA256_BYTES),
	    DB_BYTES(browser_hash, SECRET_SHA256_BYTES),
	};

	return db_exec(db, STMT_OAUTH_STATE_PUT, params, NULL);
}

enum sw_err
store_oauth_state_take(struct db *db, const uint8_t state_hash[static SECRET_SHA256_BYTES],
    const uint8_t browser_hash[static SECRET_SHA256_BYTES])
{
	const struct db_param params[] = {
	    DB_BYTES(state_hash, SECRET_SHA256_BYTES),
	    DB_BYTES(browser_hash, SECRET_SHA256_BYTES),
	};

	return store_query_require(db, STMT_OAUTH_STATE_TAKE, params, SW_EAUTH);
}

enum sw_err
store_session_load(
    struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES], struct store_signed_in *out)
{
	const struct db_param params[] = {DB_BYTES(hash, SECRET_SHA256_BYTES)};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_SESSION_LOAD, params, &result);

	*out = (struct store_signed_in){0};
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) == 1) {
		out->user_id = db_result_int(result, 0, 0);
		out->renewed = db_result_bool(result, 0, 1);
	} else {
		err = SW_EAUTH;
	}
	db_result_free(result);
	return err;
}

enum sw_err
store_session_end(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES])
{
	const struct db_param params[] = {DB_BYTES(hash, SECRET_SHA256_BYTES)};

	return db_exec(db, STMT_SESSION_END, params, NULL);
}

static void
read_session(struct store_row *row, void *out)
{
	struct store_session *session = out;

	session->public_id = store_row_text_or_null(row, 0);
	session->user_agent = store_row_text_or_null(row, 1);
	session->created_at = store_row_text_or_null(row, 2);
	session->seen_at = store_row_text_or_null(row, 3);
	session->is_this = store_row_bool(row, 4);
}

enum sw_err
store_session_list(struct db *db, struct arena *arena, int64_t user_id,
    const uint8_t hash[static SECRET_SHA256_BYTES], struct store_session **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_BYTES(hash, SECRET_SHA256_BYTES),
	};
	struct store_list list;
	enum sw_err err = store_query_list(
	    db, arena, STMT_SESSION_LIST, params, read_session, sizeof(**out), &list);

	*out = list.elements;
	*count = list.count;
	return err;
}

enum sw_err
store_session_end_one(struct db *db, struct arena *arena, int64_t user_id, const char *public_id)
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(public_id),
	};

	return store_query_require(db, STMT_SESSION_END_ONE, params, SW_ENOTFOUND);
}

enum sw_err
store_session_end_others(struct db *db, struct arena *arena, int64_t user_id,
    const uint8_t hash[static SECRET_SHA256_BYTES])
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_BYTES(hash, SECRET_SHA256_BYTES),
	};

	return db_exec(db, STMT_SESSION_END_OTHERS, params, NULL);
}

static const char *
cookie_name(bool https)
{
	return https ? "__Host-session" : "session";
}

static const char *
guest_name(bool https)
{
	return https ? "__Host-guest" : "guest";
}

static bool
token_is_valid(const char *token)
{
	return strlen(token) == TOKEN_LENGTH && base64url_is_text(token, TOKEN_LENGTH);
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

static bool
read_token(const char *cookie_header, const char *name, char token[static SESSION_TOKEN_SIZE])
{
	return cookie_get(cookie_header, name, token, SESSION_TOKEN_SIZE) == SW_OK &&
	       token_is_valid(token);
}

bool
session_read_cookie(const char *cookie_header, bool https, uint8_t hash[static SECRET_SHA256_BYTES],
    char csrf[SESSION_TOKEN_SIZE])
{
	char token[SESSION_TOKEN_SIZE];

	if (!read_token(cookie_header, cookie_name(https), token))
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
	err = store_session_load(db, out->hash, &out->who);
	if (err != SW_OK)
		secret_cleanse(out, sizeof(*out));
	return err;
}

static bool
is_csrf(const char *token, const char *csrf)
{
	return token != NULL && csrf[0] != '\0' &&
	       secret_equal(token, strlen(token), csrf, strlen(csrf));
}

bool
session_check_csrf(const struct session *session, const char *token)
{
	return is_csrf(token, session->csrf);
}

enum sw_err
session_make(char token[static SESSION_TOKEN_SIZE], uint8_t hash[static SECRET_SHA256_BYTES])
{
	enum sw_err err = base64url_random(token, SESSION_TOKEN_SIZE, 32);

	if (err != SW_OK)
		return err;
	secret_sha256(token, TOKEN_LENGTH, hash);
	return SW_OK;
}

static void
put_cookie(struct response *res, const struct config *config, const char *name, const char *token,
    int64_t life_s)
{
	struct sbuf value;

	sbuf_init_secret(&value, 0);
	cookie_put(&value, name, token, life_s, config->public_is_https);
	response_add_header(res, "Set-Cookie", sbuf_failed(&value) ? NULL : sbuf_text(&value));
	sbuf_clear(&value);
}

void
session_put_cookie(struct response *res, const struct config *config, const char *token)
{
	put_cookie(res, config, cookie_name(config->public_is_https), token != NULL ? token : "",
	    token != NULL ? SESSION_LIFE_S : 0);
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

enum sw_err
session_begin_guest(struct response *res, const struct config *config, const struct request *req,
    char csrf[static SESSION_TOKEN_SIZE])
{
	const char *name = guest_name(config->public_is_https);
	char token[SESSION_TOKEN_SIZE];
	enum sw_err err = SW_OK;

	if (!read_token(request_header(req, "HTTP_COOKIE", NULL), name, token))
		err = base64url_random(token, sizeof(token), 32);
	if (err == SW_OK) {
		derive_csrf(token, csrf);
		put_cookie(res, config, name, token, GUEST_LIFE_S);
	}
	secret_cleanse(token, sizeof(token));
	return err;
}

bool
session_check_guest(const struct config *config, const struct request *req, const char *token)
{
	char guest[SESSION_TOKEN_SIZE], csrf[SESSION_TOKEN_SIZE];

	if (!read_token(request_header(req, "HTTP_COOKIE", NULL),
		guest_name(config->public_is_https), guest))
		return false;
	derive_csrf(guest, csrf);
	secret_cleanse(guest, sizeof(guest));
	return is_csrf(token, csrf);
}
