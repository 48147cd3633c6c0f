/*
 * Switches as the page shows them.  What it hides: column numbers, and that the database has the
 * values of events as text.
 */
#include "store/switch.h"

#include <stdlib.h>
#include <string.h>

#include "formats/number.h"
#include "base/clock.h"
#include "formats/cursor.h"
#include "store/query.h"

/* Columns of STMT_SWITCH_LIST. */
enum {
	COL_DEVICE,
	COL_COMPONENT,
	COL_LABEL,
	COL_ROOM,
	COL_STATE,
	COL_LEVEL,
	COL_HAS_LEVEL,
	COL_ONLINE,
	COL_PENDING,
	COL_WAITING,
	COL_UPDATED_AT,
	COL_SEQ,
	COL_DEVICE_NAME,
	COL_POSITION,
	COL_KIND,
};

/* A switch and what else the list is sorted by. */
struct listed {
	struct switch_row row;
	const char *device_name;
	int64_t position; /* of the component in its device */
};

json_t *
switch_row_json(const struct switch_row *row)
{
	char updated_at[32];

	if (row->updated_at_ms >= 0)
		clock_format_rfc3339_ms(row->updated_at_ms, updated_at);
	return json_pack(
	    "{s:s, s:s, s:s?, s:s?, s:s?, s:s, s:s, s:s?, s:o, s:b, s:b, s:b, s:b, s:s?, s:I}",
	    "deviceId", row->device_id, "component", row->component, "label", row->label, "room",
	    row->room, "location", row->location, "installationId", row->installation_id, "kind",
	    row->kind != NULL ? row->kind : "switch", "state", row->state, "level",
	    row->level < 0 ? json_null() : json_integer(row->level), "dimmer", row->has_level,
	    "online", row->online, "pending", row->pending, "waiting", row->waiting, "updatedAt",
	    row->updated_at_ms >= 0 ? updated_at : NULL, "seq", (json_int_t)row->seq);
}

/* -1 for NULL. */
static int64_t
read_number(const struct store_row *row, int column)
{
	return db_result_is_null(row->result, row->index, column) ? -1 : store_row_int(row, column);
}

static void
read_switch(struct store_row *row, void *out)
{
	struct listed *one = out;

	one->row = (struct switch_row){
	    .device_id = store_row_text(row, COL_DEVICE),
	    .component = store_row_text(row, COL_COMPONENT),
	    .label = store_row_text(row, COL_LABEL),
	    .kind = store_row_text(row, COL_KIND),
	    .room = store_row_text_or_null(row, COL_ROOM),
	    .state = store_row_text_or_null(row, COL_STATE),
	    .level = (int)read_number(row, COL_LEVEL),
	    .has_level = store_row_bool(row, COL_HAS_LEVEL),
	    .online = store_row_bool(row, COL_ONLINE),
	    .pending = store_row_bool(row, COL_PENDING),
	    .waiting = store_row_bool(row, COL_WAITING),
	    .updated_at_ms = read_number(row, COL_UPDATED_AT),
	    .seq = store_row_int(row, COL_SEQ),
	};
	one->device_name = store_row_text(row, COL_DEVICE_NAME);
	one->position = store_row_int(row, COL_POSITION);
}

/* As strcmp(), NULL last. */
static int
compare_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a == NULL) - (b == NULL);
	return strcmp(a, b);
}

static int
compare(const void *left, const void *right)
{
	const struct listed *a = left;
	const struct listed *b = right;
	int order = compare_text(a->row.room, b->row.room);

	if (order == 0)
		order = strcmp(a->device_name, b->device_name);
	if (order == 0)
		order = strcmp(a->row.device_id, b->row.device_id);
	return order != 0 ? order : (a->position > b->position) - (a->position < b->position);
}

/* Read and sort the switches of out->installation. */
static enum sw_err
load_location(struct db *db, struct arena *arena, struct switch_location *out)
{
	const struct db_param params[] = {DB_TEXT(out->installation->installation_id)};
	struct store_list list;
	struct listed *listed;
	struct switch_row *rows;
	enum sw_err err = store_query_list(
	    db, arena, STMT_SWITCH_LIST, params, read_switch, sizeof(struct listed), &list);

	if (err != SW_OK || list.count == 0)
		return err;
	rows = arena_alloc(arena, list.count * sizeof(*rows));
	if (rows == NULL)
		return SW_ENOMEM;
	listed = list.elements;
	/* Byte by byte: the database's order too, whose locale is C.UTF-8. */
	qsort(listed, list.count, sizeof(*listed), compare);
	for (size_t i = 0; i < list.count; i++) {
		rows[i] = listed[i].row;
		rows[i].installation_id = out->installation->installation_id;
		rows[i].location = out->installation->location_name;
	}
	out->rows = rows;
	out->count = list.count;
	return SW_OK;
}

/* The cursor of these installations; NULL without memory. */
static const char *
make_cursor(struct arena *arena, const struct store_installation *installations, size_t count)
{
	struct sbuf cursor = {0};
	const char *text = NULL;

	for (size_t i = 0; i < count; i++)
		cursor_put(&cursor, installations[i].installation_id, installations[i].seq);
	if (!sbuf_failed(&cursor))
		text = arena_strdup(arena, sbuf_text(&cursor));
	sbuf_clear(&cursor);
	return text;
}

enum sw_err
store_switch_list(struct db *db, struct arena *arena, int64_t user_id, struct switch_list *out)
{
	struct store_installation *installations;
	struct switch_location *locations;
	size_t count;
	enum sw_err err = store_installation_list(db, arena, user_id, &installations, &count);

	*out = (struct switch_list){0};
	if (err != SW_OK)
		return err;
	locations = arena_alloc(arena, count * sizeof(*locations));
	out->cursor = make_cursor(arena, installations, count);
	if (locations == NULL || out->cursor == NULL)
		return SW_ENOMEM;
	for (size_t i = 0; err == SW_OK && i < count; i++) {
		locations[i].installation = &installations[i];
		err = load_location(db, arena, &locations[i]);
	}
	out->locations = locations;
	out->count = count;
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
