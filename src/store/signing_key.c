/*
 * Typed statements on signing_key and confirmation.
 */
#include "store/signing_key.h"

#include <stdlib.h>
#include <string.h>

/* The words of signing_key_claim() in sql/003-accounts.sql. */
static const char *const actions[] = {
    [STORE_KEY_CACHED] = "cached",
    [STORE_KEY_FETCH] = "fetch",
    [STORE_KEY_WAIT] = "wait",
    [STORE_KEY_REFUSED] = "refused",
    [STORE_KEY_AWAY] = "away",
    [STORE_KEY_OVER_BUDGET] = "over_budget",
};
_Static_assert(sizeof(actions) / sizeof(actions[0]) == STORE_KEY_ACTION__MAX, "a word is missing");

static enum sw_err
read_key(struct arena *arena, const struct db_result *result, struct store_key *out)
{
	const char *word = db_result_text(result, 0, 0);
	int action = 0;

	while (action < STORE_KEY_ACTION__MAX && strcmp(actions[action], word) != 0)
		action++;
	if (action == STORE_KEY_ACTION__MAX)
		return SW_EINTERNAL;
	out->action = (enum store_key_action)action;
	if (out->action != STORE_KEY_CACHED)
		return SW_OK;
	out->certificate = arena_strdup(arena, db_result_text(result, 0, 1));
	out->age_s = db_result_int(result, 0, 2);
	return out->certificate != NULL ? SW_OK : SW_ENOMEM;
}

enum sw_err
store_key_claim(struct db *db, struct arena *arena, const char *key_id, struct store_key *out)
{
	const struct db_param params[] = {DB_TEXT(key_id)};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_SIGNING_KEY_CLAIM, params, &result);

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
store_confirmation_put(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES],
    const char *app_id, const char *url, bool *fresh)
{
	const struct db_param params[] = {
	    DB_BYTES(hash, SECRET_SHA256_BYTES),
	    DB_TEXT(app_id),
	    DB_TEXT(url),
	};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_CONFIRMATION_PUT, params, &result);

	*fresh = err == SW_OK && db_result_bool(result, 0, 0);
	db_result_free(result);
	return err;
}

static enum sw_err
read_confirmation(
    struct arena *arena, const struct db_result *result, int row, struct store_confirmation *out)
{
	size_t length = 0;
	uint8_t *hash = db_result_bytes(result, row, 0, &length);
	enum sw_err err = SW_OK;

	if (hash == NULL)
		return SW_ENOMEM;
	if (length == sizeof(out->hash))
		memcpy(out->hash, hash, length);
	else
		err = SW_EINTERNAL;
	free(hash);
	out->url = arena_strdup(arena, db_result_text(result, row, 1));
	out->attempts = db_result_int(result, row, 2);
	if (err == SW_OK && out->url == NULL)
		err = SW_ENOMEM;
	return err;
}

enum sw_err
store_confirmation_claim(struct db *db, struct arena *arena, const char *worker_id, int limit,
    struct store_confirmation **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, limit)),
	};
	struct store_confirmation *list;
	struct db_result *result;
	enum sw_err err;
	int rows;

	*out = NULL;
	*count = 0;
	if (params[1].text == NULL)
		return SW_ENOMEM; /* NULL would mean without limit */
	err = db_exec(db, STMT_CONFIRMATION_CLAIM, params, &result);
	if (err != SW_OK)
		return err;
	rows = db_result_rows(result);
	list = arena_alloc(arena, (size_t)rows * sizeof(*list));
	if (list == NULL)
		err = SW_ENOMEM;
	for (int row = 0; err == SW_OK && row < rows; row++)
		err = read_confirmation(arena, result, row, &list[row]);
	db_result_free(result);
	if (err != SW_OK)
		return err;
	*out = list;
	*count = (size_t)rows;
	return SW_OK;
}

enum sw_err
store_confirmation_finish(struct db *db, struct arena *arena,
    const uint8_t hash[static SECRET_SHA256_BYTES], const char *error, int64_t delay_ms)
{
	const struct db_param params[] = {
	    DB_BYTES(hash, SECRET_SHA256_BYTES),
	    DB_TEXT(error),
	    DB_TEXT(db_int_text(arena, delay_ms)),
	};

	return db_exec(db, STMT_CONFIRMATION_FINISH, params, NULL);
}
