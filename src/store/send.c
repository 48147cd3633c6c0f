/*
 * Typed statements on command, as the worker uses it.
 */
#include "store/send.h"

#include <stdbool.h>

static bool
read_command(struct arena *arena, const struct db_result *result, int row, struct store_send *out)
{
	out->installation_id = arena_strdup(arena, db_result_text(result, row, 0));
	out->command_id = arena_strdup(arena, db_result_text(result, row, 1));
	out->device_id = arena_strdup(arena, db_result_text(result, row, 2));
	out->component = arena_strdup(arena, db_result_text(result, row, 3));
	out->command = arena_strdup(arena, db_result_text(result, row, 4));
	out->level = db_result_int(result, row, 5);
	out->attempts = db_result_int(result, row, 6);
	out->left_ms = db_result_int(result, row, 7);
	return out->installation_id != NULL && out->command_id != NULL && out->device_id != NULL &&
	       out->component != NULL && out->command != NULL;
}

enum sw_err
store_send_claim(struct db *db, struct arena *arena, const char *worker_id, int limit, int each,
    struct store_send **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, limit)),
	    DB_TEXT(db_int_text(arena, each)),
	};
	struct db_result *result;
	enum sw_err err;
	int rows;

	*out = NULL;
	*count = 0;
	err = db_exec(db, STMT_COMMAND_CLAIM, params, &result);
	if (err != SW_OK)
		return err;
	rows = db_result_rows(result);
	*out = arena_alloc(arena, (size_t)rows * sizeof(**out));
	if (*out == NULL)
		err = SW_ENOMEM;
	for (int row = 0; row < rows && err == SW_OK; row++) {
		if (!read_command(arena, result, row, &(*out)[row]))
			err = SW_ENOMEM;
	}
	if (err == SW_OK)
		*count = (size_t)rows;
	db_result_free(result);
	return err;
}

enum sw_err
store_send_accepted(struct db *db, const struct store_send *command)
{
	const struct db_param params[] = {
	    DB_TEXT(command->installation_id),
	    DB_TEXT(command->command_id),
	};

	return db_exec(db, STMT_COMMAND_ACCEPTED, params, NULL);
}

enum sw_err
store_send_failed(struct db *db, const struct store_send *command, const char *code)
{
	const struct db_param params[] = {
	    DB_TEXT(command->installation_id),
	    DB_TEXT(command->command_id),
	    DB_TEXT(code),
	};

	return db_exec(db, STMT_COMMAND_FAILED, params, NULL);
}

enum sw_err
store_send_retry(struct db *db, struct arena *arena, const char *worker_id,
    const struct store_send *command, int64_t delay_ms)
{
	const struct db_param params[] = {
	    DB_TEXT(command->installation_id),
	    DB_TEXT(command->command_id),
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, delay_ms)),
	};

	return db_exec(db, STMT_COMMAND_RETRY, params, NULL);
}

enum sw_err
store_send_expire(struct db *db, struct arena *arena, const char ***installations, size_t *count)
{
	struct db_result *result;
	enum sw_err err;
	int rows;

	*installations = NULL;
	*count = 0;
	err = db_exec(db, STMT_COMMAND_EXPIRE, NULL, &result);
	if (err != SW_OK)
		return err;
	rows = db_result_rows(result);
	*installations = arena_alloc(arena, (size_t)rows * sizeof(**installations));
	if (*installations == NULL)
		err = SW_ENOMEM;
	for (int row = 0; row < rows && err == SW_OK; row++) {
		(*installations)[row] = arena_strdup(arena, db_result_text(result, row, 0));
		if ((*installations)[row] == NULL)
			err = SW_ENOMEM;
	}
	if (err == SW_OK)
		*count = (size_t)rows;
	db_result_free(result);
	return err;
}
