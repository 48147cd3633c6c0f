/*
 * Switches as the page reads them.  What it hides: column numbers, and that
 * the database keeps as text what a switch reported.
 */
#include "store/device.h"

#include <stdlib.h>
#include <string.h>

/* Columns of STMT_SWITCH_LIST. */
enum {
	COL_INSTALLATION,
	COL_DEVICE,
	COL_COMPONENT,
	COL_LABEL,
	COL_ROOM,
	COL_LOCATION,
	COL_STATE,
	COL_LEVEL,
	COL_HAS_LEVEL,
	COL_ONLINE,
	COL_PENDING,
	COL_UPDATED_AT,
	COL_SEQ,
};

/* Copy of a column; marks *failed when memory ran out. */
static const char *
copy_column(struct arena *arena, const struct db_result *result, int row, int column, bool *failed)
{
	const char *text = db_result_text_or_null(result, row, column);
	const char *copy = arena_strdup(arena, text);

	if (text != NULL && copy == NULL)
		*failed = true;
	return copy;
}

static bool
read_switch(struct arena *arena, const struct db_result *result, int row, struct switch_row *out)
{
	bool failed = false;

	out->installation_id = copy_column(arena, result, row, COL_INSTALLATION, &failed);
	out->device_id = copy_column(arena, result, row, COL_DEVICE, &failed);
	out->component = copy_column(arena, result, row, COL_COMPONENT, &failed);
	out->label = copy_column(arena, result, row, COL_LABEL, &failed);
	out->room = copy_column(arena, result, row, COL_ROOM, &failed);
	out->location = copy_column(arena, result, row, COL_LOCATION, &failed);
	out->state = copy_column(arena, result, row, COL_STATE, &failed);
	out->level = db_result_is_null(result, row, COL_LEVEL)
			 ? -1
			 : (int)db_result_int(result, row, COL_LEVEL);
	out->has_level = db_result_bool(result, row, COL_HAS_LEVEL);
	out->online = db_result_bool(result, row, COL_ONLINE);
	out->pending = db_result_bool(result, row, COL_PENDING);
	out->updated_at = copy_column(arena, result, row, COL_UPDATED_AT, &failed);
	out->seq = db_result_int(result, row, COL_SEQ);
	return !failed;
}

enum sw_err
store_switch_list(struct db *db, struct arena *arena, int64_t user_id, struct switch_list *out)
{
	struct db_param params[] = {DB_TEXT(db_int_text(arena, user_id))};
	struct db_result *result = NULL;
	struct switch_row *rows;
	enum sw_err err;
	int count;

	*out = (struct switch_list){0};
	err = db_exec(db, STMT_SWITCH_LIST, params, &result);
	if (err != SW_OK)
		return err;
	count = db_result_rows(result);
	rows = arena_alloc(arena, (size_t)count * sizeof(*rows));
	for (int i = 0; rows != NULL && i < count; i++) {
		if (!read_switch(arena, result, i, &rows[i]))
			rows = NULL;
	}
	db_result_free(result);
	if (rows == NULL)
		return SW_ENOMEM;
	out->count = (size_t)count;
	out->rows = rows;
	return SW_OK;
}

/* "0" to "100" and nothing else. */
static int
parse_level(const char *text)
{
	size_t length = strlen(text);
	long level;

	if (length == 0 || length > 3 || strspn(text, "0123456789") != length)
		return -1;
	level = strtol(text, NULL, 10);
	return level <= 100 ? (int)level : -1;
}

/* False for a value that is neither on, off nor a level: devices report such, the page knows none.
 */
static bool
read_change(const struct db_result *result, int row, struct switch_change *out)
{
	const char *value = db_result_text(result, row, 2);

	if (strcmp(db_result_text(result, row, 1), "level") == 0) {
		out->level = parse_level(value);
		return out->level >= 0;
	}
	out->level = -1;
	if (strcmp(value, "on") == 0)
		out->state = "on";
	else if (strcmp(value, "off") == 0)
		out->state = "off";
	return out->state != NULL;
}

static enum sw_err
read_history(struct arena *arena, const struct db_result *result, struct switch_history *out)
{
	int rows = db_result_rows(result);
	struct switch_change *changes = arena_alloc(arena, (size_t)rows * sizeof(*changes));

	if (changes == NULL)
		return SW_ENOMEM;
	for (int i = 0; i < rows; i++) {
		struct switch_change *change = &changes[out->count];

		if (!read_change(result, i, change))
			continue;
		change->at = arena_strdup(arena, db_result_text(result, i, 0));
		if (change->at == NULL)
			return SW_ENOMEM;
		out->count++;
	}
	out->changes = changes;
	return SW_OK;
}

enum sw_err
store_switch_history(struct db *db, struct arena *arena, int64_t user_id, const char *device_id,
    const char *component, int hours, struct switch_history *out)
{
	struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(device_id),
	    DB_TEXT(component),
	    DB_TEXT(db_int_text(arena, hours)),
	};
	struct db_result *result = NULL;
	enum sw_err err;

	*out = (struct switch_history){0};
	err = db_exec(db, STMT_SWITCH_HISTORY, params, &result);
	if (err == SW_OK)
		err = read_history(arena, result, out);
	db_result_free(result);
	return err;
}

/* A statement that answers yes or no: SW_OK or SW_ENOTFOUND. */
static enum sw_err
ask(struct db *db, enum stmt_id id, const struct db_param *params)
{
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, id, params, &result);

	if (err == SW_OK && (db_result_rows(result) != 1 || !db_result_bool(result, 0, 0)))
		err = SW_ENOTFOUND;
	db_result_free(result);
	return err;
}

enum sw_err
store_switch_is_of(struct db *db, struct arena *arena, int64_t user_id, const char *device_id,
    const char *component)
{
	struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(device_id),
	    DB_TEXT(component),
	};

	return ask(db, STMT_SWITCH_IS_OF, params);
}

enum sw_err
store_location_is_of(struct db *db, struct arena *arena, int64_t user_id, const char *room,
    const char *installation_id)
{
	struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(room),
	    DB_TEXT(installation_id),
	};

	return ask(db, STMT_LOCATION_IS_OF, params);
}
