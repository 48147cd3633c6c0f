/*
 * Typed statements on pause and call_pace.
 */
#include "store/limit.h"

#include <assert.h>

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
	struct db_result *result;
	enum sw_err err;

	assert(kind != PACE_NONE);
	err = db_exec(db, STMT_PACE_TAKE, params, &result);
	*wait_ms = err == SW_OK ? db_result_int(result, 0, 0) : 0;
	db_result_free(result);
	return err;
}
