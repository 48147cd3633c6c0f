/*
 * Typed statements on token.  What it hides: sealing, and the associated data that binds a sealed
 * token to its row.  Plain tokens are cleansed as soon as they are sealed.
 */
#include "store/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "store/query.h"

enum token_kind {
	TOKEN_ACCESS,
	TOKEN_REFRESH
};

static const char *const kind_names[] = {
    [TOKEN_ACCESS] = "access",
    [TOKEN_REFRESH] = "refresh",
};

/* Columns of STMT_TOKEN_SEAL_NEXT. */
enum column {
	COLUMN_INSTALLATION,
	COLUMN_GENERATION,
	COLUMN_KEY_ID,
	COLUMN_ACCESS,
	COLUMN_REFRESH,
	COLUMN_MARKED
};

/* A sealed token in a result. */
struct sealed_column {
	const struct db_result *result;
	int row, column;
	const char *installation_id;
	enum token_kind kind;
};

/* The associated data of a sealed token: what is stored under another text never opens again. */
static const char *
seal_context(struct arena *arena, const char *installation_id, enum token_kind kind)
{
	return arena_printf(arena, "token:%s:%s", installation_id, kind_names[kind]);
}

static enum sw_err
seal_token(struct arena *arena, const struct seal_keys *keys, const char *installation_id,
    enum token_kind kind, const char *token, uint8_t **out, size_t *length)
{
	const char *context = seal_context(arena, installation_id, kind);

	if (context == NULL)
		return SW_ENOMEM;
	return seal_close(keys, context, token, strlen(token), out, length);
}

enum sw_err
store_token_seal(struct arena *arena, const struct seal_keys *keys, const char *installation_id,
    const struct oauth_tokens *tokens, struct store_sealed *out)
{
	enum sw_err err;

	*out = (struct store_sealed){0};
	err = seal_token(arena, keys, installation_id, TOKEN_ACCESS, tokens->access_token,
	    &out->access, &out->access_length);
	if (err == SW_OK)
		err = seal_token(arena, keys, installation_id, TOKEN_REFRESH, tokens->refresh_token,
		    &out->refresh, &out->refresh_length);
	if (err == SW_OK && seal_key_id(out->access, out->access_length, out->key_id) != SW_OK)
		err = SW_EINTERNAL;
	if (err != SW_OK)
		store_sealed_clear(out);
	return err;
}

void
store_sealed_clear(struct store_sealed *sealed)
{
	free(sealed->access);
	free(sealed->refresh);
	*sealed = (struct store_sealed){0};
}

/* SW_ENOTFOUND: the key is not among "keys".  SW_EINPUT: damaged, or not of this row. */
static enum sw_err
open_token(struct arena *arena, const struct seal_keys *keys, const struct sealed_column *from,
    char **out, size_t *length)
{
	const char *context = seal_context(arena, from->installation_id, from->kind);
	size_t sealed_length;
	uint8_t *sealed = db_result_bytes(from->result, from->row, from->column, &sealed_length);
	enum sw_err err = SW_ENOMEM;

	*out = NULL;
	*length = 0;
	if (context != NULL && sealed != NULL)
		err = seal_open(keys, context, sealed, sealed_length, out, length);
	free(sealed);
	return err;
}

/* The same for use: what no key opens is logged, and SW_EFORBIDDEN. */
static enum sw_err
open_or_log(struct arena *arena, const struct seal_keys *keys, const struct sealed_column *from,
    char **out, size_t *length)
{
	enum sw_err err = open_token(arena, keys, from, out, length);

	if (err != SW_EINPUT && err != SW_ENOTFOUND)
		return err;
	log_event(LOG_ERROR, "token.sealed", "installation", from->installation_id, "which",
	    kind_names[from->kind], "message",
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
	struct sealed_column from = {
	    .column = 1, .installation_id = installation_id, .kind = TOKEN_ACCESS};
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
		from.result = result;
		err = open_or_log(arena, keys, &from, &out->token, &out->length);
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

enum sw_err
store_token_to_refresh(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const char *installation_id, struct store_refresh *out)
{
	const struct db_param params[] = {DB_TEXT(installation_id)};
	struct sealed_column from = {
	    .column = 1, .installation_id = installation_id, .kind = TOKEN_REFRESH};
	struct db_result *result;
	enum sw_err err;

	*out = (struct store_refresh){0};
	err = db_exec(db, STMT_TOKEN_TO_REFRESH, params, &result);
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) == 0) {
		err = SW_ENOTFOUND;
	} else {
		out->generation = db_result_int(result, 0, 0);
		out->failures = db_result_int(result, 0, 2);
		from.result = result;
		err = open_or_log(arena, keys, &from, &out->refresh_token, &out->length);
	}
	db_result_free(result);
	return err == SW_EFORBIDDEN ? SW_OK : err;
}

void
store_refresh_clear(struct store_refresh *refresh)
{
	if (refresh == NULL)
		return;
	secret_free(refresh->refresh_token, refresh->length);
	memset(refresh, 0, sizeof(*refresh));
}

enum sw_err
store_token_store(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const char *installation_id, int64_t generation, const struct oauth_tokens *tokens,
    int64_t age_s, bool *stored)
{
	struct store_sealed sealed;
	enum sw_err err = store_token_seal(arena, keys, installation_id, tokens, &sealed);

	*stored = false;
	if (err == SW_OK) {
		const struct db_param params[] = {
		    DB_TEXT(installation_id),
		    DB_TEXT(db_int_text(arena, generation)),
		    DB_BYTES(sealed.access, sealed.access_length),
		    DB_BYTES(sealed.refresh, sealed.refresh_length),
		    DB_TEXT(sealed.key_id),
		    DB_TEXT(tokens->scope),
		    DB_TEXT(db_int_text(arena, tokens->expires_in_s)),
		    DB_TEXT(db_int_text(arena, age_s)),
		};

		err = store_query_bool(db, STMT_TOKEN_STORE, params, stored);
	}
	store_sealed_clear(&sealed);
	return err;
}

/* The rows are positions in "answers", from 0. */
static void
read_states(const struct db_result *result, struct store_spooled *answers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		answers[i].state = STORE_SPOOLED_STORED;
	for (int row = 0; row < db_result_rows(result); row++) {
		size_t position = (size_t)db_result_int(result, row, 0);

		if (position < count)
			answers[position].state = db_result_bool(result, row, 1)
						      ? STORE_SPOOLED_NEWER
						      : STORE_SPOOLED_OLDER;
	}
}

enum sw_err
store_token_spooled(struct db *db, struct store_spooled *answers, size_t count)
{
	struct sbuf ids = {0}, generations = {0};
	struct db_result *result = NULL;
	enum sw_err err = SW_ENOMEM;

	for (size_t i = 0; i < count; i++) {
		store_array_put(&ids, answers[i].installation_id);
		store_array_put_int(&generations, answers[i].generation);
	}
	store_array_end(&ids);
	store_array_end(&generations);
	if (!sbuf_failed(&ids) && !sbuf_failed(&generations)) {
		const struct db_param params[] = {
		    DB_TEXT(sbuf_text(&ids)),
		    DB_TEXT(sbuf_text(&generations)),
		};

		err = db_exec(db, STMT_TOKEN_SPOOLED, params, &result);
	}
	if (err == SW_OK)
		read_states(result, answers, count);
	db_result_free(result);
	sbuf_clear(&ids);
	sbuf_clear(&generations);
	return err;
}

enum sw_err
store_token_refused(struct db *db, struct arena *arena, const char *installation_id,
    int64_t generation, enum work_priority priority, int64_t delay_ms)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(db_int_text(arena, generation)),
	    DB_TEXT(db_int_text(arena, priority)),
	    DB_TEXT(db_int_text(arena, delay_ms)),
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

	return store_query_bool(db, STMT_TOKEN_DEAD, params, was_current);
}

static const char *const refusal_names[STORE_REFUSAL__MAX] = {
    [STORE_REFUSAL_AGAIN] = "again",
    [STORE_REFUSAL_CLIENT] = "client",
    [STORE_REFUSAL_DEAD] = "dead",
};

enum sw_err
store_token_refresh_refused(struct db *db, struct arena *arena, const char *installation_id,
    int64_t generation, bool names_client, int64_t delay_ms, enum store_refusal *out)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(db_int_text(arena, generation)),
	    DB_TEXT(names_client ? "client" : "refused"),
	    DB_TEXT(db_int_text(arena, delay_ms)),
	};
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, STMT_TOKEN_REFRESH_REFUSED, params, &result);

	*out = STORE_REFUSAL_AGAIN;
	for (int i = 0; err == SW_OK && i < STORE_REFUSAL__MAX; i++) {
		if (strcmp(db_result_text(result, 0, 0), refusal_names[i]) == 0)
			*out = (enum store_refusal)i;
	}
	db_result_free(result);
	return err;
}

enum sw_err
store_token_opens(struct arena *arena, const struct seal_keys *keys, const struct db_result *result,
    int row, bool *opens)
{
	const struct sealed_column from = {
	    .result = result,
	    .row = row,
	    .column = 1,
	    .installation_id = db_result_text(result, row, 0),
	    .kind = TOKEN_ACCESS,
	};
	size_t length;
	char *token;
	enum sw_err err = open_token(arena, keys, &from, &token, &length);

	*opens = err == SW_OK;
	secret_free(token, length);
	return err == SW_EINPUT || err == SW_ENOTFOUND ? SW_OK : err;
}

enum sw_err
store_seal_is_due(struct db *db, const struct seal_keys *keys, bool *due)
{
	const struct db_param params[] = {DB_TEXT(keys->keys[0].id)};

	return store_query_bool(db, STMT_TOKEN_SEAL_DUE, params, due);
}

enum sw_err
store_seal_next(struct db *db, struct arena *arena, const struct seal_keys *keys, const char *after,
    int limit, struct store_seal_rows *out)
{
	const struct db_param params[] = {
	    DB_TEXT(keys->keys[0].id),
	    DB_TEXT(after),
	    DB_TEXT(db_int_text(arena, limit)),
	};
	enum sw_err err = db_exec(db, STMT_TOKEN_SEAL_NEXT, params, &out->result);

	out->count = err == SW_OK ? db_result_rows(out->result) : 0;
	return err;
}

void
store_seal_rows_clear(struct store_seal_rows *rows)
{
	db_result_free(rows->result);
	memset(rows, 0, sizeof(*rows));
}

const char *
store_seal_installation(const struct store_seal_rows *rows, int row)
{
	return db_result_text(rows->result, row, COLUMN_INSTALLATION);
}

const char *
store_seal_key_id(const struct store_seal_rows *rows, int row)
{
	return db_result_text(rows->result, row, COLUMN_KEY_ID);
}

bool
store_seal_is_marked(const struct store_seal_rows *rows, int row)
{
	return db_result_bool(rows->result, row, COLUMN_MARKED);
}

/* Both tokens of a row; SW_EFORBIDDEN when no key opens one of them. */
static enum sw_err
open_pair(struct arena *arena, const struct seal_keys *keys, const struct store_seal_rows *rows,
    int row, struct oauth_tokens *out)
{
	struct sealed_column from = {
	    .result = rows->result,
	    .row = row,
	    .column = COLUMN_ACCESS,
	    .installation_id = store_seal_installation(rows, row),
	    .kind = TOKEN_ACCESS,
	};
	size_t length;
	enum sw_err err = open_token(arena, keys, &from, &out->access_token, &length);

	from.column = COLUMN_REFRESH;
	from.kind = TOKEN_REFRESH;
	if (err == SW_OK)
		err = open_token(arena, keys, &from, &out->refresh_token, &length);
	return err == SW_EINPUT || err == SW_ENOTFOUND ? SW_EFORBIDDEN : err;
}

/* The refresh token that was read names the pair that may be replaced. */
static enum sw_err
replace_pair(struct db *db, const struct store_seal_rows *rows, int row,
    const struct store_sealed *sealed, bool *stored)
{
	size_t old_length;
	uint8_t *old = db_result_bytes(rows->result, row, COLUMN_REFRESH, &old_length);
	const struct db_param params[] = {
	    DB_TEXT(store_seal_installation(rows, row)),
	    DB_TEXT(db_result_text(rows->result, row, COLUMN_GENERATION)),
	    DB_BYTES(old, old_length),
	    DB_BYTES(sealed->access, sealed->access_length),
	    DB_BYTES(sealed->refresh, sealed->refresh_length),
	    DB_TEXT(sealed->key_id),
	};
	enum sw_err err = SW_ENOMEM;

	if (old != NULL)
		err = store_query_bool(db, STMT_TOKEN_RESEAL, params, stored);
	free(old);
	return err;
}

enum sw_err
store_seal_renew(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const struct store_seal_rows *rows, int row, bool *stored)
{
	struct oauth_tokens tokens = {0};
	struct store_sealed sealed = {0};
	enum sw_err err = open_pair(arena, keys, rows, row, &tokens);

	*stored = false;
	if (err == SW_OK)
		err = store_token_seal(
		    arena, keys, store_seal_installation(rows, row), &tokens, &sealed);
	if (err == SW_OK)
		err = replace_pair(db, rows, row, &sealed, stored);
	store_sealed_clear(&sealed);
	oauth_tokens_clear(&tokens);
	return err;
}

enum sw_err
store_seal_unopened(struct db *db, const struct store_seal_rows *rows, int row, bool *changed)
{
	size_t length;
	uint8_t *refresh = db_result_bytes(rows->result, row, COLUMN_REFRESH, &length);
	const struct db_param params[] = {
	    DB_TEXT(store_seal_installation(rows, row)),
	    DB_TEXT(db_result_text(rows->result, row, COLUMN_GENERATION)),
	    DB_BYTES(refresh, length),
	};
	enum sw_err err = SW_ENOMEM;

	*changed = false;
	if (refresh != NULL)
		err = store_query_bool(db, STMT_TOKEN_UNOPENED, params, changed);
	free(refresh);
	return err;
}
