/*
 * Typed statements on token.  What it hides: sealing, and the context that
 * binds a sealed value to its row ("token:<installation>:access", ":refresh").
 */
#include "store/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

const char *
store_token_context(struct arena *arena, const char *installation_id, const char *which)
{
	return arena_printf(arena, "token:%s:%s", installation_id, which);
}

/* Open a sealed column; SW_EFORBIDDEN when no key does. */
static enum sw_err
open_column(struct arena *arena, const struct seal_keys *keys, const char *installation_id,
    const char *which, const struct db_result *result, int row, int column, char **out,
    size_t *length)
{
	const char *context = store_token_context(arena, installation_id, which);
	size_t sealed_length;
	uint8_t *sealed = db_result_bytes(result, row, column, &sealed_length);
	enum sw_err err = SW_ENOMEM;

	*out = NULL;
	*length = 0;
	if (context != NULL && sealed != NULL)
		err = seal_open(keys, context, sealed, sealed_length, out, length);
	free(sealed);
	if (err != SW_EINPUT && err != SW_ENOTFOUND)
		return err;
	log_event(LOG_ERROR, "token.sealed", "installation", installation_id, "which", which,
	    "message",
	    err == SW_ENOTFOUND ? "sealed with a key that is not in SWITCHBOARD_SEAL_KEYS"
				: "damaged, or not of this row",
	    (const char *)NULL);
	return SW_EFORBIDDEN;
}

enum sw_err
store_token_load(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const char *installation_id, struct store_access *out)
{
	const struct db_param params[] = {DB_TEXT(installation_id)};
	struct db_result *result;
	enum sw_err err;

	memset(out, 0, sizeof(*out));
	err = db_exec(db, STMT_TOKEN_LOAD, params, &result);
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) == 0) {
		err = SW_ENOTFOUND;
	} else {
		out->generation = db_result_int(result, 0, 0);
		out->expires_in_s = db_result_int(result, 0, 2);
		err = open_column(arena, keys, installation_id, "access", result, 0, 1, &out->token,
		    &out->length);
	}
	db_result_free(result);
	return err;
}

void
store_access_clear(struct store_access *access)
{
	if (access == NULL)
		return;
	secret_free(access->token, access->length);
	memset(access, 0, sizeof(*access));
}

static enum sw_err
read_refresh(struct arena *arena, const struct seal_keys *keys, const struct db_result *result,
    int row, struct store_refresh *out)
{
	enum sw_err err;

	out->installation_id = arena_strdup(arena, db_result_text(result, row, 0));
	out->generation = db_result_int(result, row, 1);
	out->failures = db_result_int(result, row, 3);
	if (out->installation_id == NULL)
		return SW_ENOMEM;
	err = open_column(arena, keys, out->installation_id, "refresh", result, row, 2,
	    &out->refresh_token, &out->length);
	return err == SW_EFORBIDDEN ? SW_OK : err;
}

enum sw_err
store_token_claim(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const char *worker_id, int limit, struct store_refresh **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, limit)),
	};
	struct db_result *result;
	enum sw_err err;
	int rows;

	*out = NULL;
	*count = 0;
	err = db_exec(db, STMT_TOKEN_CLAIM, params, &result);
	if (err != SW_OK)
		return err;
	rows = db_result_rows(result);
	*out = arena_alloc(arena, (size_t)rows * sizeof(**out));
	if (*out == NULL)
		err = SW_ENOMEM;
	for (int row = 0; row < rows && err == SW_OK; row++) {
		err = read_refresh(arena, keys, result, row, &(*out)[row]);
		*count = (size_t)row + 1;
	}
	db_result_free(result);
	return err;
}

void
store_refresh_clear(struct store_refresh *refresh)
{
	if (refresh == NULL)
		return;
	secret_free(refresh->refresh_token, refresh->length);
	memset(refresh, 0, sizeof(*refresh));
}

struct sealed {
	uint8_t *bytes;
	size_t length;
};

static enum sw_err
seal_token(struct arena *arena, const struct seal_keys *keys, const char *installation_id,
    const char *which, const char *token, struct sealed *out)
{
	const char *context = store_token_context(arena, installation_id, which);

	if (context == NULL)
		return SW_ENOMEM;
	return seal_close(keys, context, token, strlen(token), &out->bytes, &out->length);
}

static enum sw_err
put_pair(struct db *db, struct arena *arena, const char *installation_id, int64_t generation,
    const struct oauth_tokens *tokens, int64_t age_s, const struct sealed *access,
    const struct sealed *refresh, bool *stored)
{
	char key_id[SECRET_KEY_ID_MAX + 1];
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(db_int_text(arena, generation)),
	    DB_BYTES(access->bytes, access->length),
	    DB_BYTES(refresh->bytes, refresh->length),
	    DB_TEXT(key_id),
	    DB_TEXT(tokens->scope),
	    DB_TEXT(db_int_text(arena, tokens->expires_in_s)),
	    DB_TEXT(db_int_text(arena, age_s)),
	};
	struct db_result *result;
	enum sw_err err = seal_key_id(access->bytes, access->length, key_id);

	if (err != SW_OK)
		return SW_EINTERNAL;
	err = db_exec(db, STMT_TOKEN_STORE, params, &result);
	*stored = err == SW_OK && db_result_rows(result) == 1 && db_result_bool(result, 0, 0);
	db_result_free(result);
	return err;
}

enum sw_err
store_token_store(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const char *installation_id, int64_t generation, const struct oauth_tokens *tokens,
    int64_t age_s, bool *stored)
{
	struct sealed access = {0}, refresh = {0};
	enum sw_err err;

	*stored = false;
	err = seal_token(arena, keys, installation_id, "access", tokens->access_token, &access);
	if (err == SW_OK)
		err = seal_token(
		    arena, keys, installation_id, "refresh", tokens->refresh_token, &refresh);
	if (err == SW_OK)
		err = put_pair(db, arena, installation_id, generation, tokens, age_s, &access,
		    &refresh, stored);
	free(access.bytes);
	free(refresh.bytes);
	return err;
}

enum sw_err
store_token_refused(
    struct db *db, struct arena *arena, const char *installation_id, int64_t generation)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(db_int_text(arena, generation)),
	};

	return db_exec(db, STMT_TOKEN_REFUSED, params, NULL);
}

enum sw_err
store_token_failed(struct db *db, struct arena *arena, const char *installation_id,
    int64_t generation, const char *error, int64_t delay_ms)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(db_int_text(arena, generation)),
	    DB_TEXT(error),
	    DB_TEXT(db_int_text(arena, delay_ms)),
	};

	return db_exec(db, STMT_TOKEN_FAILED, params, NULL);
}

enum sw_err
store_token_dead(struct db *db, struct arena *arena, const char *installation_id,
    int64_t generation, const char *error, bool *was_current)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(db_int_text(arena, generation)),
	    DB_TEXT(error),
	};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_TOKEN_DEAD, params, &result);

	*was_current = err == SW_OK && db_result_rows(result) == 1 && db_result_bool(result, 0, 0);
	db_result_free(result);
	return err;
}
