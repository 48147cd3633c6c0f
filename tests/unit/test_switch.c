/*
 * switch.h: the list over rows as the database gives them, in any order.
 */
#include "unit.h"

#include <string.h>

#include <libpq-fe.h>

#include "store/switch.h"

#define COLUMNS 15

static const char *const (*rows)[COLUMNS];
static int row_count;

enum sw_err __wrap_db_exec(
    struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out);

/* Text only, as libpq would give it. */
enum sw_err
__wrap_db_exec(
    struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[COLUMNS];

	(void)db;
	assert_int_equal(id, STMT_SWITCH_LIST);
	assert_string_equal(params[0].text, "7");
	memset(columns, 0, sizeof(columns));
	for (int i = 0; i < COLUMNS; i++)
		columns[i].name = (char *)"column";
	assert_int_equal(PQsetResultAttrs(result, COLUMNS, columns), 1);
	for (int i = 0; i < row_count * COLUMNS; i++) {
		const char *text = rows[i / COLUMNS][i % COLUMNS];

		assert_int_equal(PQsetvalue(result, i / COLUMNS, i % COLUMNS, (char *)text,
				     text == NULL ? -1 : (int)strlen(text)),
		    1);
	}
	*out = (struct db_result *)result;
	return SW_OK;
}

static void
load(struct arena *arena, const char *const (*given)[COLUMNS], int count, struct switch_list *out)
{
	rows = given;
	row_count = count;
	assert_int_equal(store_switch_list(NULL, arena, 7, out), SW_OK);
	assert_int_equal(out->count, count);
}

/* One row with what it is sorted by; its label says where it belongs. */
#define ROW(location, installation, room, name, device, position, label)                        \
	{                                                                                       \
		installation, device, "main", label, room, location, "on", NULL, "f", "t", "f", \
		    NULL, "1", name, position                                                   \
	}

static void
switches_come_in_the_order_of_the_page(void **state)
{
	static const char *const given[][COLUMNS] = {
	    ROW(NULL, "a", "Attic", "Lamp", "d", "0", "8"),
	    ROW("Home", "b", NULL, "Lamp", "d", "0", "5"),
	    ROW("Home", "b", "Kitchen", "Lamp", "d2", "0", "3"),
	    ROW("Home", "b", "Kitchen", "Lamp", "d1", "10", "2"),
	    ROW("Home", "b", "Kitchen", "Lamp", "d1", "9", "1"),
	    ROW("Home", "c", "Attic", "Lamp", "d", "0", "6"),
	    ROW("Home", "b", "Kitchen", "Fan", "d3", "0", "0"),
	    ROW("Summer house", "a0", "Attic", "Lamp", "d", "0", "7"),
	    ROW("Home", "b",
		"\xc3\x9c"
		"ber",
		"Lamp", "d", "0", "4"),
	};
	struct arena arena;
	struct switch_list list;

	(void)state;
	arena_init(&arena, 0);
	load(&arena, given, COUNT_OF(given), &list);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(list.rows[i].label[0], '0' + (int)i);
	arena_free(&arena);
}

static void
every_column_finds_its_member(void **state)
{
	static const char *const given[][COLUMNS] = {
	    {"home", "lamp", "main", "Lamp", "Hall", "Home", "off", "40", "t", "f", "t",
		"1767323045678", "12", "Lamp", "0"},
	    {"home", "plug", "main", "Plug", NULL, "Home", NULL, NULL, "f", "t", "f", NULL, "13",
		"Plug", "0"},
	};
	const struct switch_row *row;
	struct arena arena;
	struct switch_list list;

	(void)state;
	arena_init(&arena, 0);
	load(&arena, given, COUNT_OF(given), &list);
	row = &list.rows[0];
	assert_string_equal(row->installation_id, "home");
	assert_string_equal(row->device_id, "lamp");
	assert_string_equal(row->component, "main");
	assert_string_equal(row->label, "Lamp");
	assert_string_equal(row->room, "Hall");
	assert_string_equal(row->location, "Home");
	assert_string_equal(row->state, "off");
	assert_int_equal(row->level, 40);
	assert_true(row->has_level && !row->online && row->pending);
	assert_int_equal(row->updated_at_ms, INT64_C(1767323045678));
	assert_int_equal(row->seq, 12);
	row = &list.rows[1];
	assert_string_equal(row->label, "Plug");
	assert_null(row->room);
	assert_null(row->state);
	assert_int_equal(row->level, -1);
	assert_true(!row->has_level && row->online && !row->pending);
	assert_int_equal(row->updated_at_ms, -1);
	arena_free(&arena);
}

static void
nobody_has_no_switches(void **state)
{
	struct arena arena;
	struct switch_list list;

	(void)state;
	arena_init(&arena, 0);
	load(&arena, NULL, 0, &list);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("switches come in the order of the page", switches_come_in_the_order_of_the_page),
	    SAYS("every column finds its member", every_column_finds_its_member),
	    SAYS("a list may be empty", nobody_has_no_switches),
	};

	return RUN_TESTS(tests);
}
