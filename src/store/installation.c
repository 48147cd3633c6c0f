/*
 * Typed statements on installation.
 */
#include "store/installation.h"

static struct db_param
hash_or_null(const uint8_t *hash)
{
	return hash != NULL ? DB_BYTES(hash, SECRET_SHA256_BYTES) : DB_NULL;
}

enum sw_err
store_installation_link(
    struct db *db, struct arena *arena, const struct store_link *link, int64_t *user_id)
{
	const struct db_param params[] = {
	    DB_TEXT(link->installation_id),
	    DB_TEXT(link->owner_id),
	    DB_TEXT(link->scope),
	    DB_BYTES(link->access_sealed, link->access_length),
	    DB_BYTES(link->refresh_sealed, link->refresh_length),
	    DB_TEXT(link->seal_key_id),
	    DB_TEXT(db_int_text(arena, link->expires_in_s)),
	    hash_or_null(link->old_session),
	    hash_or_null(link->new_session),
	    DB_TEXT(link->user_agent),
	};
	struct db_result *result;
	enum sw_err err;

	*user_id = 0;
	if (params[6].text == NULL)
		return SW_ENOMEM;
	err = db_exec(db, STMT_INSTALLATION_LINK, params, &result);
	if (err == SW_OK)
		*user_id = db_result_int(result, 0, 0);
	db_result_free(result);
	return err;
}

/* A value in the arena, NULL for SQL NULL; "*failed" when memory ran out. */
static const char *
copy_text(struct arena *arena, const struct db_result *result, int row, int column, bool *failed)
{
	const char *text = db_result_text_or_null(result, row, column);
	const char *copy = arena_strdup(arena, text);

	if (text != NULL && copy == NULL)
		*failed = true;
	return copy;
}

static bool
read_row(
    struct arena *arena, const struct db_result *result, int row, struct store_installation *out)
{
	bool failed = false;

	out->installation_id = copy_text(arena, result, row, 0, &failed);
	out->location_name = copy_text(arena, result, row, 1, &failed);
	out->status = copy_text(arena, result, row, 2, &failed);
	out->sync_state = copy_text(arena, result, row, 3, &failed);
	out->sync_found = db_result_int(result, row, 4);
	out->sync_error = copy_text(arena, result, row, 5, &failed);
	out->seq = db_result_int(result, row, 6);
	out->synced = db_result_bool(result, row, 7);
	return !failed;
}

enum sw_err
store_installation_list(struct db *db, struct arena *arena, int64_t user_id,
    struct store_installation **out, size_t *count)
{
	const struct db_param params[] = {DB_TEXT(db_int_text(arena, user_id))};
	struct db_result *result;
	struct store_installation *list;
	enum sw_err err;
	int rows;

	*out = NULL;
	*count = 0;
	err = db_exec(db, STMT_INSTALLATION_LIST, params, &result);
	if (err != SW_OK)
		return err;
	rows = db_result_rows(result);
	list = arena_alloc(arena, (size_t)rows * sizeof(*list));
	if (list == NULL)
		err = SW_ENOMEM;
	for (int row = 0; err == SW_OK && row < rows; row++) {
		if (!read_row(arena, result, row, &list[row]))
			err = SW_ENOMEM;
	}
	db_result_free(result);
	if (err != SW_OK)
		return err;
	*out = list;
	*count = (size_t)rows;
	return SW_OK;
}

enum sw_err
store_installation_disconnect(
    struct db *db, struct arena *arena, int64_t user_id, const char *installation_id)
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(installation_id),
	};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_INSTALLATION_DISCONNECT, params, &result);

	if (err == SW_OK && !db_result_bool(result, 0, 0))
		err = SW_ENOTFOUND;
	db_result_free(result);
	return err;
}

enum sw_err
store_installation_set_owner(struct db *db, const char *installation_id, const char *owner_id)
{
	const struct db_param params[] = {DB_TEXT(installation_id), DB_TEXT(owner_id)};

	return db_exec(db, STMT_INSTALLATION_SET_OWNER, params, NULL);
}

enum sw_err
store_installation_erase(struct db *db, const char *installation_id)
{
	const struct db_param params[] = {DB_TEXT(installation_id)};

	return db_exec(db, STMT_INSTALLATION_ERASE, params, NULL);
}
