/*
 * Typed statements of the two syncs.
 */
#include "store/sync.h"

#include <string.h>

#include "store/query.h"

enum sw_err
store_sync_plan(
    struct db *db, struct arena *arena, const char *installation_id, struct store_plan *out)
{
	const struct db_param params[] = {DB_TEXT(installation_id)};
	struct db_result *result;
	enum sw_err err;

	memset(out, 0, sizeof(*out));
	err = db_exec(db, STMT_SYNC_PLAN, params, &result);
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) == 0) {
		err = SW_ENOTFOUND;
	} else {
		const char *location_id = db_result_text_or_null(result, 0, 0);

		out->location_id = arena_strdup(arena, location_id);
		out->want_location = db_result_bool(result, 0, 1);
		out->want_rooms = db_result_bool(result, 0, 2);
		out->started_at = arena_strdup(arena, db_result_text(result, 0, 3));
		out->subscribing = db_result_bool(result, 0, 4);
		if (out->started_at == NULL || (location_id != NULL && out->location_id == NULL))
			err = SW_ENOMEM;
	}
	db_result_free(result);
	return err;
}

enum sw_err
store_sync_progress(struct db *db, struct arena *arena, const char *installation_id,
    const char *state, int64_t found, const char *error)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(state),
	    DB_TEXT(db_int_text(arena, found)),
	    DB_TEXT(error),
	};

	return db_exec(db, STMT_SYNC_PROGRESS, params, NULL);
}

enum sw_err
store_sync_apply(struct db *db, const char *installation_id, const struct store_synced *synced)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(synced->started_at),
	    DB_TEXT(synced->location_id),
	    DB_TEXT(synced->location_name),
	    DB_TEXT(synced->rooms),
	    DB_TEXT(synced->devices),
	};

	return store_query_require(db, STMT_SYNC_APPLY, params, SW_ENOTFOUND);
}

enum sw_err
store_sync_again(struct db *db, struct arena *arena, const char *installation_id, bool rooms_read,
    int64_t rooms_again_s, int64_t *delay_s)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(rooms_read ? "true" : "false"),
	    DB_TEXT(db_int_text(arena, rooms_again_s)),
	};

	return store_query_int(db, STMT_SYNC_AGAIN, params, -1, delay_s);
}

enum sw_err
store_subscription_replace(struct db *db, const char *installation_id, const char *subscriptions)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(subscriptions),
	};

	return db_exec(db, STMT_SUBSCRIPTION_REPLACE, params, NULL);
}
