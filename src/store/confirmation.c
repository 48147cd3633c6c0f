/*
 * Typed statements on confirmation.
 */
#include "store/confirmation.h"

#include <stdlib.h>
#include <string.h>

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

static enum sw_err
read_hash(const struct store_row *row, uint8_t out[static SECRET_SHA256_BYTES])
{
	size_t length = 0;
	uint8_t *hash = db_result_bytes(row->result, row->index, 0, &length);
	enum sw_err err = SW_OK;

	if (hash == NULL)
		return SW_ENOMEM;
	if (length == SECRET_SHA256_BYTES)
		memcpy(out, hash, length);
	else
		err = SW_EINTERNAL;
	free(hash);
	return err;
}

static void
read_confirmation(struct store_row *row, void *out)
{
	struct store_confirmation *confirmation = out;
	enum sw_err err = read_hash(row, confirmation->hash);

	confirmation->url = store_row_text(row, 1);
	confirmation->attempts = store_row_int(row, 2);
	if (err != SW_OK)
		row->err = err;
}

enum sw_err
store_confirmation_claim(struct db *db, struct arena *arena, const char *worker_id, int limit,
    struct store_confirmation **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, limit)),
	};
	struct store_list list = {0};
	enum sw_err err = SW_ENOMEM;

	if (params[1].text != NULL) /* NULL would mean without limit */
		err = store_query_list(db, arena, STMT_CONFIRMATION_CLAIM, params,
		    read_confirmation, sizeof(**out), &list);
	*out = list.elements;
	*count = list.count;
	return err;
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
