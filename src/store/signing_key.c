/*
 * Typed statements on signing_key.
 */
#include "store/signing_key.h"

#include <string.h>

/* As signing_key_find() in sql/ names them. */
static const char *const actions[] = {
    [STORE_KEY_CACHED] = "cached",
    [STORE_KEY_REFRESH] = "refresh",
    [STORE_KEY_FETCH] = "fetch",
    [STORE_KEY_WAIT] = "wait",
    [STORE_KEY_REFUSED] = "refused",
    [STORE_KEY_AWAY] = "away",
    [STORE_KEY_OVER_BUDGET] = "over_budget",
};
_Static_assert(
    sizeof(actions) / sizeof(actions[0]) == STORE_KEY_ACTION__MAX, "a name for every action");

static enum sw_err
read_key(struct arena *arena, const struct db_result *result, struct store_key *out)
{
	const char *name = db_result_text(result, 0, 0);
	int action = 0;

	while (action < STORE_KEY_ACTION__MAX && strcmp(actions[action], name) != 0)
		action++;
	if (action == STORE_KEY_ACTION__MAX)
		return SW_EINTERNAL;
	out->action = (enum store_key_action)action;
	if (out->action != STORE_KEY_CACHED && out->action != STORE_KEY_REFRESH)
		return SW_OK;
	out->certificate = arena_strdup(arena, db_result_text(result, 0, 1));
	out->age_s = db_result_int(result, 0, 2);
	return out->certificate != NULL ? SW_OK : SW_ENOMEM;
}

enum sw_err
store_key_find(struct db *db, struct arena *arena, const char *key_id, const char *network,
    struct store_key *out)
{
	const struct db_param params[] = {DB_TEXT(key_id), DB_TEXT(network)};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_SIGNING_KEY_FIND, params, &result);

	memset(out, 0, sizeof(*out));
	if (err == SW_OK)
		err = read_key(arena, result, out);
	db_result_free(result);
	return err;
}

enum sw_err
store_key_put(struct db *db, struct arena *arena, const char *key_id, const char *certificate,
    int64_t not_after)
{
	const struct db_param params[] = {
	    DB_TEXT(key_id),
	    DB_TEXT(certificate),
	    DB_TEXT(db_int_text(arena, not_after)),
	    DB_NULL,
	};

	return db_exec(db, STMT_SIGNING_KEY_PUT, params, NULL);
}

enum sw_err
store_key_put_failure(struct db *db, const char *key_id, bool away)
{
	const struct db_param params[] = {
	    DB_TEXT(key_id),
	    DB_NULL,
	    DB_NULL,
	    DB_TEXT(actions[away ? STORE_KEY_AWAY : STORE_KEY_REFUSED]),
	};

	return db_exec(db, STMT_SIGNING_KEY_PUT, params, NULL);
}

enum sw_err
store_key_give_up(struct db *db, const char *key_id)
{
	const struct db_param params[] = {DB_TEXT(key_id), DB_NULL, DB_NULL, DB_NULL};

	return db_exec(db, STMT_SIGNING_KEY_PUT, params, NULL);
}

enum sw_err
store_key_forget(struct db *db, const char *key_id)
{
	const struct db_param params[] = {DB_TEXT(key_id)};

	return db_exec(db, STMT_SIGNING_KEY_FORGET, params, NULL);
}
