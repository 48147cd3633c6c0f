/*
 * Typed statements on confirmation.
 */
#include "store/confirmation.h"

#include "store/query.h"

enum sw_err
store_confirmation_put(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES],
    const char *app_id, const char *url, bool *fresh)
{
	const struct db_param params[] = {
	    DB_BYTES(hash, SECRET_SHA256_BYTES),
	    DB_TEXT(app_id),
	    DB_TEXT(url),
	};

	return store_query_bool(db, STMT_CONFIRMATION_PUT, params, fresh);
}

enum sw_err
store_confirmation_url(struct db *db, struct arena *arena, const char *subject, const char **url)
{
	const struct db_param params[] = {DB_TEXT(subject)};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_CONFIRMATION_URL, params, &result);

	*url = NULL;
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) == 0 || db_result_text(result, 0, 0) == NULL) {
		err = SW_ENOTFOUND;
	} else {
		*url = arena_strdup(arena, db_result_text(result, 0, 0));
		err = *url != NULL ? SW_OK : SW_ENOMEM;
	}
	db_result_free(result);
	return err;
}

enum sw_err
store_confirmation_finish(
    struct db *db, struct arena *arena, const char *subject, const char *error, int64_t delay_ms)
{
	const struct db_param params[] = {
	    DB_TEXT(subject),
	    DB_TEXT(error),
	    DB_TEXT(db_int_text(arena, delay_ms)),
	};

	return db_exec(db, STMT_CONFIRMATION_FINISH, params, NULL);
}
