/*
 * Typed statements on api_call, pause and call_pace.
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

enum sw_err
store_api_calls_this_month(struct db *db, int64_t *out)
{
	return store_query_int(db, STMT_API_CALLS_THIS_MONTH, NULL, 0, out);
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
