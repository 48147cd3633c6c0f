/*
 * Typed statements on command.  The rules (whose switch it is, which command replaces which, which
 * switches have the state already) are in sql/, in the same transaction as the row.
 */
#include "store/command.h"

#include <assert.h>
#include <string.h>

#include "store/query.h"

static const char *const kinds[] = {
    [COMMAND_ON] = "on",
    [COMMAND_OFF] = "off",
    [COMMAND_SET_LEVEL] = "setLevel",
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == COMMAND_KIND__MAX, "a name for every kind");

const char *
command_kind_text(enum command_kind kind)
{
	assert(kind < COMMAND_KIND__MAX);
	return kinds[kind];
}

static enum sw_err
read_outcome(const struct db_result *result)
{
	const char *outcome;

	if (db_result_rows(result) == 0)
		return SW_ENOTFOUND;
	outcome = db_result_text(result, 0, 2);
	if (strcmp(outcome, "taken") == 0)
		return SW_OK;
	if (strcmp(outcome, "no_level") == 0)
		return SW_EINPUT;
	return strcmp(outcome, "reconnect") == 0 ? SW_ECONFLICT : SW_EINTERNAL;
}

enum sw_err
store_command_request(struct db *db, struct arena *arena, int64_t user_id, const char *device_id,
    const char *component, const struct command_request *request, struct command_taken *out)
{
	struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(device_id),
	    DB_TEXT(component),
	    DB_TEXT(command_kind_text(request->kind)),
	    DB_NULL,
	};
	struct db_result *result = NULL;
	enum sw_err err;

	*out = (struct command_taken){0};
	if (request->kind == COMMAND_SET_LEVEL)
		params[4] = DB_TEXT(db_int_text(arena, request->level));
	err = db_exec(db, STMT_COMMAND_REQUEST, params, &result);
	if (err == SW_OK)
		err = read_outcome(result);
	if (err == SW_OK) {
		out->command_id = arena_strdup(arena, db_result_text(result, 0, 0));
		out->installation_id = arena_strdup(arena, db_result_text(result, 0, 1));
		if (out->command_id == NULL || out->installation_id == NULL)
			err = SW_ENOMEM;
	}
	db_result_free(result);
	return err;
}

static void
read_taken(struct store_row *row, void *out)
{
	struct command_taken *taken = out;

	taken->command_id = store_row_text(row, 0);
	taken->installation_id = store_row_text(row, 1);
}

enum sw_err
store_command_request_many(struct db *db, struct arena *arena, int64_t user_id,
    enum command_kind kind, const char *room, const char *installation_id,
    struct command_taken_list *out)
{
	struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(command_kind_text(kind)),
	    DB_TEXT(room),
	    DB_TEXT(installation_id),
	};
	struct store_list list;
	enum sw_err err = store_query_list(db, arena, STMT_COMMAND_REQUEST_MANY, params, read_taken,
	    sizeof(struct command_taken), &list);

	*out = (struct command_taken_list){list.count, list.elements};
	return err;
}

static void
read_command(struct store_row *row, void *out)
{
	struct store_command *command = out;

	command->installation_id = store_row_text(row, 0);
	command->command_id = store_row_text(row, 1);
	command->device_id = store_row_text(row, 2);
	command->component = store_row_text(row, 3);
	command->command = store_row_text(row, 4);
	command->level = store_row_int(row, 5);
	command->attempts = store_row_int(row, 6);
	command->left_ms = store_row_int(row, 7);
}

enum sw_err
store_command_claim(struct db *db, struct arena *arena, const char *worker_id, int limit,
    const struct command_share *share, struct store_command **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, limit)),
	    DB_TEXT(db_int_text(arena, share->each)),
	    DB_TEXT(db_int_text(arena, share->alone)),
	};
	struct store_list list = {0};
	enum sw_err err = SW_ENOMEM;

	if (params[1].text != NULL) /* NULL would mean without limit */
		err = store_query_list(
		    db, arena, STMT_COMMAND_CLAIM, params, read_command, sizeof(**out), &list);

	*out = list.elements;
	*count = list.count;
	return err;
}

enum sw_err
store_command_accepted(struct db *db, const struct store_command *command)
{
	const struct db_param params[] = {
	    DB_TEXT(command->installation_id),
	    DB_TEXT(command->command_id),
	};

	return db_exec(db, STMT_COMMAND_ACCEPTED, params, NULL);
}

enum sw_err
store_command_failed(struct db *db, const struct store_command *command, const char *code)
{
	const struct db_param params[] = {
	    DB_TEXT(command->installation_id),
	    DB_TEXT(command->command_id),
	    DB_TEXT(code),
	};

	return db_exec(db, STMT_COMMAND_FAILED, params, NULL);
}

enum sw_err
store_command_retry(struct db *db, struct arena *arena, const char *worker_id,
    const struct store_command *command, int64_t delay_ms)
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
store_command_wait_for_token(struct db *db, const char *installation_id)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id), DB_TEXT("command"), DB_TEXT(NULL)};

	return db_exec(db, STMT_WORK_WAIT_FOR_TOKEN, params, NULL);
}

static void
read_overdue(struct store_row *row, void *out)
{
	struct store_overdue *overdue = out;

	overdue->installation_id = store_row_text(row, 0);
	overdue->commands = store_row_text(row, 1);
	overdue->errors = store_row_text(row, 2);
}

enum sw_err
store_command_overdue(struct db *db, struct arena *arena, struct store_overdue **out, size_t *count)
{
	struct store_list list;
	enum sw_err err = store_query_list(
	    db, arena, STMT_COMMAND_OVERDUE, NULL, read_overdue, sizeof(**out), &list);

	*out = list.elements;
	*count = list.count;
	return err;
}

enum sw_err
store_command_fail_overdue(struct db *db, const struct store_overdue *overdue, bool *done)
{
	const struct db_param params[] = {
	    DB_TEXT(overdue->installation_id),
	    DB_TEXT(overdue->commands),
	    DB_TEXT(overdue->errors),
	};

	return store_query_bool(db, STMT_COMMAND_FAIL_OVERDUE, params, done);
}

enum sw_err
store_command_prune(struct db *db, int64_t *gone)
{
	return store_query_int(db, STMT_COMMAND_PRUNE, NULL, 0, gone);
}
