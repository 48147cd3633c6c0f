/*
 * Clicks, as the page stores them.  The rules (whose switch, what supersedes
 * what, which switches are there already) are in sql/, in the same transaction
 * as the row.
 */
#include "store/command.h"

#include <assert.h>
#include <string.h>

static const char *const kinds[] = {
    [COMMAND_ON] = "on",
    [COMMAND_OFF] = "off",
    [COMMAND_SET_LEVEL] = "setLevel",
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == COMMAND_KIND__MAX, "a word for every kind");

const char *
command_kind_text(enum command_kind kind)
{
	assert(kind < COMMAND_KIND__MAX);
	return kinds[kind];
}

static enum sw_err
read_taken(struct arena *arena, const struct db_result *result, int row, struct command_taken *out)
{
	out->command_id = arena_strdup(arena, db_result_text(result, row, 0));
	out->installation_id = arena_strdup(arena, db_result_text(result, row, 1));
	return out->command_id == NULL || out->installation_id == NULL ? SW_ENOMEM : SW_OK;
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
    const char *component, const struct command_wish *wish, struct command_taken *out)
{
	struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(device_id),
	    DB_TEXT(component),
	    DB_TEXT(command_kind_text(wish->kind)),
	    DB_NULL,
	};
	struct db_result *result = NULL;
	enum sw_err err;

	*out = (struct command_taken){0};
	if (wish->kind == COMMAND_SET_LEVEL)
		params[4] = DB_TEXT(db_int_text(arena, wish->level));
	err = db_exec(db, STMT_COMMAND_REQUEST, params, &result);
	if (err == SW_OK)
		err = read_outcome(result);
	if (err == SW_OK)
		err = read_taken(arena, result, 0, out);
	db_result_free(result);
	return err;
}

static enum sw_err
read_taken_list(struct arena *arena, const struct db_result *result, struct command_taken_list *out)
{
	int rows = db_result_rows(result);
	struct command_taken *commands = arena_alloc(arena, (size_t)rows * sizeof(*commands));
	enum sw_err err = SW_OK;

	if (commands == NULL)
		return SW_ENOMEM;
	for (int i = 0; err == SW_OK && i < rows; i++)
		err = read_taken(arena, result, i, &commands[i]);
	out->count = (size_t)rows;
	out->commands = commands;
	return err;
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
	struct db_result *result = NULL;
	enum sw_err err;

	*out = (struct command_taken_list){0};
	err = db_exec(db, STMT_COMMAND_REQUEST_MANY, params, &result);
	if (err == SW_OK)
		err = read_taken_list(arena, result, out);
	db_result_free(result);
	return err;
}
