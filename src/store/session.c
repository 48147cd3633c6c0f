/*
 * Typed statements on oauth_state and session.
 */
#include "store/session.h"

static enum sw_err
true_or_auth(enum sw_err err, const struct db_result *result)
{
	if (err != SW_OK)
		return err;
	return db_result_rows(result) == 1 && db_result_bool(result, 0, 0) ? SW_OK : SW_EAUTH;
}

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
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_OAUTH_STATE_TAKE, params, &result);

	err = true_or_auth(err, result);
	db_result_free(result);
	return err;
}

enum sw_err
store_session_load(struct db *db, struct arena *arena,
    const uint8_t hash[static SECRET_SHA256_BYTES], struct store_signed_in *out)
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
		out->cursor = arena_strdup(arena, db_result_text(result, 0, 2));
		out->version = arena_strdup(arena, db_result_text(result, 0, 3));
		err = out->cursor != NULL && out->version != NULL ? SW_OK : SW_ENOMEM;
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

static bool
copy_text(
    struct arena *arena, const struct db_result *result, int row, int column, const char **out)
{
	const char *text = db_result_text_or_null(result, row, column);

	*out = arena_strdup(arena, text);
	return text == NULL || *out != NULL;
}

static bool
read_row(struct arena *arena, const struct db_result *result, int row, struct store_session *out)
{
	out->is_this = db_result_bool(result, row, 4);
	return copy_text(arena, result, row, 0, &out->public_id) &&
	       copy_text(arena, result, row, 1, &out->user_agent) &&
	       copy_text(arena, result, row, 2, &out->created_at) &&
	       copy_text(arena, result, row, 3, &out->seen_at);
}

enum sw_err
store_session_list(struct db *db, struct arena *arena, int64_t user_id,
    const uint8_t hash[static SECRET_SHA256_BYTES], struct store_session **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_BYTES(hash, SECRET_SHA256_BYTES),
	};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_SESSION_LIST, params, &result);
	int rows;

	*out = NULL;
	*count = 0;
	if (err != SW_OK)
		return err;
	rows = db_result_rows(result);
	*out = arena_alloc(arena, (size_t)rows * sizeof(**out));
	if (*out == NULL)
		err = SW_ENOMEM;
	for (int row = 0; row < rows && err == SW_OK; row++) {
		if (!read_row(arena, result, row, &(*out)[row]))
			err = SW_ENOMEM;
		*count = (size_t)row + 1;
	}
	db_result_free(result);
	return err;
}

enum sw_err
store_session_end_one(struct db *db, struct arena *arena, int64_t user_id, const char *public_id)
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(public_id),
	};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_SESSION_END_ONE, params, &result);

	if (err == SW_OK && (db_result_rows(result) != 1 || !db_result_bool(result, 0, 0)))
		err = SW_ENOTFOUND;
	db_result_free(result);
	return err;
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
