/*
 * Switches as the page shows them.  What it hides: column numbers, and that the database has the
 * values of events as text.
 */
#include "store/switch.h"

#include <string.h>

#include "formats/number.h"
#include "store/query.h"

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

json_t *
switch_row_json(const struct switch_row *row)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s, s:s?, s:o, s:b, s:b, s:b, s:s?, s:I}",
	    "deviceId", row->device_id, "component", row->component, "label", row->label, "room",
	    row->room, "location", row->location, "installationId", row->installation_id, "state",
	    row->state, "level", row->level < 0 ? json_null() : json_integer(row->level), "dimmer",
	    row->has_level, "online", row->online, "pending", row->pending, "updatedAt",
	    row->updated_at, "seq", (json_int_t)row->seq);
}

static void
read_switch(struct store_row *row, void *out)
{
	struct switch_row *one = out;

	one->installation_id = store_row_text_or_null(row, COL_INSTALLATION);
	one->device_id = store_row_text_or_null(row, COL_DEVICE);
	one->component = store_row_text_or_null(row, COL_COMPONENT);
	one->label = store_row_text_or_null(row, COL_LABEL);
	one->room = store_row_text_or_null(row, COL_ROOM);
	one->location = store_row_text_or_null(row, COL_LOCATION);
	one->state = store_row_text_or_null(row, COL_STATE);
	one->level = db_result_is_null(row->result, row->index, COL_LEVEL)
			 ? -1
			 : (int)store_row_int(row, COL_LEVEL);
	one->has_level = store_row_bool(row, COL_HAS_LEVEL);
	one->online = store_row_bool(row, COL_ONLINE);
	one->pending = store_row_bool(row, COL_PENDING);
	one->updated_at = store_row_text_or_null(row, COL_UPDATED_AT);
	one->seq = store_row_int(row, COL_SEQ);
}

enum sw_err
store_switch_list(struct db *db, struct arena *arena, int64_t user_id, struct switch_list *out)
{
	struct db_param params[] = {DB_TEXT(db_int_text(arena, user_id))};
	struct store_list list;
	enum sw_err err = store_query_list(
	    db, arena, STMT_SWITCH_LIST, params, read_switch, sizeof(struct switch_row), &list);

	*out = (struct switch_list){list.count, list.elements};
	return err;
}

/* "0" to "100" and nothing else. */
static int
parse_level(const char *text)
{
	int64_t level;

	return number_parse_text(text, 0, 100, &level) == SW_OK ? (int)level : -1;
}

/* Devices report other values too, and other levels: those are not shown. */
static bool
parse_change(const char *attribute, const char *value, struct switch_change *out)
{
	out->level = -1;
	if (strcmp(attribute, "level") == 0) {
		out->level = parse_level(value);
		return out->level >= 0;
	}
	if (strcmp(value, "on") == 0)
		out->state = "on";
	else if (strcmp(value, "off") == 0)
		out->state = "off";
	return out->state != NULL;
}

static void
read_change(struct store_row *row, void *out)
{
	struct switch_change *change = out;
	const char *attribute = db_result_text(row->result, row->index, 1);

	if (parse_change(attribute, db_result_text(row->result, row->index, 2), change))
		change->at = store_row_text(row, 0);
	else
		row->is_skipped = true;
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
	struct store_list list;
	enum sw_err err = store_query_list(db, arena, STMT_SWITCH_HISTORY, params, read_change,
	    sizeof(struct switch_change), &list);

	*out = (struct switch_history){list.count, list.elements};
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

	return store_query_require(db, STMT_SWITCH_IS_OF, params, SW_ENOTFOUND);
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

	return store_query_require(db, STMT_LOCATION_IS_OF, params, SW_ENOTFOUND);
}
