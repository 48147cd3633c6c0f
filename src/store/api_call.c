/*
 * Typed statements on the tables of calls, pause and call_pace.
 */
#include "store/api_call.h"

#include <assert.h>
#include <stdio.h>

#include "store/query.h"

static const char *const pauses[] = {
    [PAUSE_NONE] = "",
    [PAUSE_DEVICE_SYNC] = "device_sync",
    [PAUSE_SUBSCRIPTION_SYNC] = "subscription_sync",
    [PAUSE_UNINSTALL] = "uninstall",
    [PAUSE_REFRESH] = "refresh",
    [PAUSE_COMMAND] = "command",
};
_Static_assert(sizeof(pauses) / sizeof(pauses[0]) == PAUSE__MAX, "a name for every pause");

static const char *const paces[] = {
    [PACE_NONE] = "",
    [PACE_SUBSCRIPTION_CREATE] = "subscription_create",
    [PACE_SUBSCRIPTION_OTHER] = "subscription_other",
};
_Static_assert(sizeof(paces) / sizeof(paces[0]) == PACE__MAX, "a name for every pace");

enum sw_err
store_api_call_count(struct db *db, const char *installation_id, const char *endpoint, int status)
{
	char number[16];
	struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(endpoint),
	    DB_TEXT(number),
	};

	snprintf(number, sizeof(number), "%d", status);
	return db_exec(db, STMT_API_CALL_COUNT, params, NULL);
}

void
store_calls_put(
    struct store_calls *calls, const char *installation_id, const char *endpoint, int status)
{
	store_array_put(&calls->installations, installation_id == NULL ? "" : installation_id);
	store_array_put(&calls->endpoints, endpoint);
	store_array_put_int(&calls->statuses, status);
}

enum sw_err
store_calls_count(struct db *db, struct store_calls *calls)
{
	struct db_param params[3];

	store_array_end(&calls->installations);
	store_array_end(&calls->endpoints);
	store_array_end(&calls->statuses);
	if (sbuf_failed(&calls->installations) || sbuf_failed(&calls->endpoints) ||
	    sbuf_failed(&calls->statuses))
		return SW_ENOMEM;
	params[0] = DB_TEXT(sbuf_text(&calls->installations));
	params[1] = DB_TEXT(sbuf_text(&calls->endpoints));
	params[2] = DB_TEXT(sbuf_text(&calls->statuses));
	return db_exec(db, STMT_API_CALL_COUNT_MANY, params, NULL);
}

void
store_calls_clear(struct store_calls *calls)
{
	sbuf_clear(&calls->installations);
	sbuf_clear(&calls->endpoints);
	sbuf_clear(&calls->statuses);
}

enum sw_err
store_api_call_prune(struct db *db, int64_t *gone)
{
	return store_query_int(db, STMT_API_CALL_PRUNE, NULL, 0, gone);
}

enum sw_err
store_api_calls_this_month(struct db *db, int64_t *out)
{
	return store_query_int(db, STMT_API_CALLS_THIS_MONTH, NULL, 0, out);
}

enum sw_err
store_api_call_budget(
    struct db *db, struct arena *arena, int64_t budget, struct store_call_budget *out)
{
	const struct db_param params[] = {DB_TEXT(db_int_text(arena, budget))};
	struct db_result *result;
	enum sw_err err;

	*out = (struct store_call_budget){0};
	if (params[0].text == NULL)
		return SW_ENOMEM;
	err = db_exec(db, STMT_API_CALL_BUDGET, params, &result);
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) == 1) {
		out->used = db_result_int(result, 0, 0);
		out->paced = db_result_int(result, 0, 1);
		out->installations = db_result_int(result, 0, 2);
	} else {
		err = SW_EINTERNAL;
	}
	db_result_free(result);
	return err;
}

enum sw_err
store_api_call_used(struct db *db, const char *installation_id, int64_t *out)
{
	const struct db_param params[] = {DB_TEXT(installation_id)};

	return store_query_int(db, STMT_API_CALL_USED, params, 0, out);
}

enum sw_err
store_pause_put(struct db *db, struct arena *arena, const char *installation_id,
    enum pause_kind kind, const char *device_id, int64_t delay_ms)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(pauses[kind]),
	    DB_TEXT(device_id),
	    DB_TEXT(db_int_text(arena, delay_ms)),
	};

	assert(kind != PAUSE_NONE);
	return params[3].text != NULL ? db_exec(db, STMT_PAUSE_PUT, params, NULL) : SW_ENOMEM;
}

enum sw_err
store_pace_take(struct db *db, const char *installation_id, enum pace_kind kind, int64_t *wait_ms)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(paces[kind]),
	};

	assert(kind != PACE_NONE);
	return store_query_int(db, STMT_PACE_TAKE, params, 0, wait_ms);
}
