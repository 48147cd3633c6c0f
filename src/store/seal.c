/*
 * Typed statements that seal tokens anew.  Plain tokens exist only between
 * opening and sealing, and are cleansed at once.
 */
#include "store/seal.h"

#include <stdlib.h>
#include <string.h>

#include "store/token.h"

/* Columns of STMT_TOKEN_SEAL_NEXT. */
enum column {
	COLUMN_INSTALLATION,
	COLUMN_GENERATION,
	COLUMN_KEY_ID,
	COLUMN_ACCESS,
	COLUMN_REFRESH,
	COLUMN_MARKED
};

struct sealed {
	uint8_t *bytes;
	size_t length;
};

static enum sw_err
run_question(struct db *db, enum stmt_id id, const struct db_param *params, bool *yes)
{
	struct db_result *result;
	enum sw_err err = db_exec(db, id, params, &result);

	*yes = err == SW_OK && db_result_rows(result) == 1 && db_result_bool(result, 0, 0);
	db_result_free(result);
	return err;
}

enum sw_err
store_seal_is_due(struct db *db, const struct seal_keys *keys, bool *due)
{
	const struct db_param params[] = {DB_TEXT(keys->keys[0].id)};

	return run_question(db, STMT_TOKEN_SEAL_DUE, params, due);
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

/* The same token under the first key; SW_EFORBIDDEN when no key opens it. */
static enum sw_err
seal_anew(struct arena *arena, const struct seal_keys *keys, const struct store_seal_rows *rows,
    int row, enum column column, struct sealed *out)
{
	const char *context = store_token_context(arena, store_seal_installation(rows, row),
	    column == COLUMN_ACCESS ? "access" : "refresh");
	size_t old_length, length = 0;
	uint8_t *old = db_result_bytes(rows->result, row, (int)column, &old_length);
	char *token = NULL;
	enum sw_err err = SW_ENOMEM;

	if (context != NULL && old != NULL)
		err = seal_open(keys, context, old, old_length, &token, &length);
	free(old);
	if (err == SW_OK)
		err = seal_close(keys, context, token, length, &out->bytes, &out->length);
	else if (err == SW_EINPUT || err == SW_ENOTFOUND)
		err = SW_EFORBIDDEN;
	secret_free(token, length);
	return err;
}

static enum sw_err
swap_pair(struct db *db, const struct seal_keys *keys, const struct store_seal_rows *rows, int row,
    const struct sealed *access, const struct sealed *refresh, bool *stored)
{
	size_t old_length;
	uint8_t *old = db_result_bytes(rows->result, row, COLUMN_REFRESH, &old_length);
	const struct db_param params[] = {
	    DB_TEXT(store_seal_installation(rows, row)),
	    DB_TEXT(db_result_text(rows->result, row, COLUMN_GENERATION)),
	    DB_BYTES(old, old_length),
	    DB_BYTES(access->bytes, access->length),
	    DB_BYTES(refresh->bytes, refresh->length),
	    DB_TEXT(keys->keys[0].id),
	};
	enum sw_err err = SW_ENOMEM;

	if (old != NULL)
		err = run_question(db, STMT_TOKEN_RESEAL, params, stored);
	free(old);
	return err;
}

enum sw_err
store_seal_renew(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const struct store_seal_rows *rows, int row, bool *stored)
{
	struct sealed access = {0}, refresh = {0};
	enum sw_err err;

	*stored = false;
	err = seal_anew(arena, keys, rows, row, COLUMN_ACCESS, &access);
	if (err == SW_OK)
		err = seal_anew(arena, keys, rows, row, COLUMN_REFRESH, &refresh);
	if (err == SW_OK)
		err = swap_pair(db, keys, rows, row, &access, &refresh, stored);
	free(access.bytes);
	free(refresh.bytes);
	return err;
}

enum sw_err
store_seal_unopened(struct db *db, const struct store_seal_rows *rows, int row, bool *news)
{
	size_t length;
	uint8_t *refresh = db_result_bytes(rows->result, row, COLUMN_REFRESH, &length);
	const struct db_param params[] = {
	    DB_TEXT(store_seal_installation(rows, row)),
	    DB_TEXT(db_result_text(rows->result, row, COLUMN_GENERATION)),
	    DB_BYTES(refresh, length),
	};
	enum sw_err err = SW_ENOMEM;

	*news = false;
	if (refresh != NULL)
		err = run_question(db, STMT_TOKEN_UNOPENED, params, news);
	free(refresh);
	return err;
}
