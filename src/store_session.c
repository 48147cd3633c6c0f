/*
 * Typed statements on oauth_state and session.
 */
#include "store_session.h"

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
store_session_load(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES], int64_t *user_id)
{
	const struct db_param params[] = {DB_BYTES(hash, SECRET_SHA256_BYTES)};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_SESSION_LOAD, params, &result);

	*user_id = 0;
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) == 1)
		*user_id = db_result_int(result, 0, 0);
	else
		err = SW_EAUTH;
	db_result_free(result);
	return err;
}

enum sw_err
store_session_end(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES])
{
	const struct db_param params[] = {DB_BYTES(hash, SECRET_SHA256_BYTES)};

	return db_exec(db, STMT_SESSION_END, params, NULL);
}
