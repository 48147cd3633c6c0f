/*
 * switch.h: the list over rows as the database gives them, in any order.
 */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include <libpq-fe.h>

#include "store/switch.h"

#define COLUMNS 15

static const char *const (*rows)[COLUMNS];
static int row_count;

enum sw_err __wrap_store_installation_list(struct db *db, struct arena *arena, int64_t user_id,
    struct store_installation **out, size_t *count);
enum sw_err __wrap_db_exec(
    struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out);

/* Text only, as libpq would give it. */
enum sw_err
__wrap_db_exec(
    struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	bool is_home = strcmp(params[0].text, "home") == 0;
	PGresAttDesc columns[COLUMNS];

	(void)db;
	assert_int_equal(id, STMT_SWITCH_LIST);
	assert_true(is_home || strcmp(params[0].text, "cabin") == 0);
	memset(columns, 0, sizeof(columns));
	for (int i = 0; i < COLUMNS; i++)
		columns[i].name = (char *)"column";
	assert_int_equal(PQsetResultAttrs(result, COLUMNS, columns), 1);
	for (int i = 0; is_home && i < row_count * COLUMNS; i++) {
		const char *text = rows[i / COLUMNS][i % COLUMNS];

		assert_int_equal(PQsetvalue(result, i / COLUMNS, i % COLUMNS, (char *)text,
				     text == NULL ? -1 : (int)strlen(text)),
		    1);
	}
	*out = (struct db_result *)result;
	return SW_OK;
}

/* The second has no switches. */
enum sw_err
__wrap_store_installation_list(struct db *db, struct arena *arena, int64_t user_id,
    struct store_installation **out, size_t *count)
{
	static struct store_installation installations[] = {
	    {.installation_id = "home", .location_name = "Home", .seq = 12},
	    {.installation_id = "cabin", .location_name = NULL, .seq = 3},
	};

	(void)db, (void)arena;
	assert_int_equal(user_id, 7);
	*out = installations;
	*count = COUNT_OF(installations);
	return SW_OK;
}

static void
load(struct arena *arena, const char *const (*given)[COLUMNS], int count,
    const struct switch_location **out)
{
	struct switch_list list;

	rows = given;
	row_count = count;
	assert_int_equal(store_switch_list(NULL, arena, 7, &list), SW_OK);
	assert_string_equal(list.cursor, "home:12,cabin:3");
	assert_int_equal(list.count, 2);
	assert_int_equal(list.locations[1].count, 0);
	assert_int_equal(list.locations->count, count);
	*out = list.locations;
}

/* One row with what it is sorted by; its label says where it belongs. */
#define ROW(room, name, device, position, label)                                              \
	{                                                                                     \
		device, "main", label, room, "on", NULL, "f", "t", "f", "f", NULL, "1", name, \
		    position, "switch"                                                        \
	}

static void
switches_come_in_the_order_of_the_page(void **state)
{
	static const char *const given[][COLUMNS] = {
	    ROW(NULL, "Lamp", "d", "0", "5"),
	    ROW("Kitchen", "Lamp", "d2", "0", "3"),
	    ROW("Kitchen", "Lamp", "d1", "10", "2"),
	    ROW("Kitchen", "Lamp", "d1", "9", "1"),
	    ROW("Kitchen", "Fan", "d3", "0", "0"),
	    ROW("\xc3\x9c"
		"ber",
		"Lamp", "d", "0", "4"),
	};
	const struct switch_location *location;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	load(&arena, given, COUNT_OF(given), &location);
	for (size_t i = 0; i < location->count; i++)
		assert_int_equal(location->rows[i].label[0], '0' + (int)i);
	arena_free(&arena);
}

static void
every_column_finds_its_member(void **state)
{
	static const char *const given[][COLUMNS] = {
	    {"lamp", "main", "Lamp", "Hall", "off", "40", "t", "f", "t", "t", "1767323045678", "12",
		"Lamp", "0", "light"},
	    {"plug", "main", "Plug", NULL, NULL, NULL, "f", "t", "t", "f", NULL, "13", "Plug", "0",
		"plug"},
	};
	const struct switch_row *row;
	struct arena arena;
	const struct switch_location *list;

	(void)state;
	arena_init(&arena, 0);
	load(&arena, given, COUNT_OF(given), &list);
	row = &list->rows[0];
	assert_string_equal(row->installation_id, "home");
	assert_string_equal(row->device_id, "lamp");
	assert_string_equal(row->component, "main");
	assert_string_equal(row->label, "Lamp");
	assert_string_equal(row->kind, "light");
	assert_string_equal(row->room, "Hall");
	assert_string_equal(row->location, "Home");
	assert_string_equal(row->state, "off");
	assert_int_equal(row->level, 40);
	assert_true(row->has_level && !row->online && row->pending && row->waiting);
	assert_int_equal(row->updated_at_ms, INT64_C(1767323045678));
	assert_int_equal(row->seq, 12);
	row = &list->rows[1];
	assert_string_equal(row->label, "Plug");
	assert_string_equal(row->kind, "plug");
	assert_null(row->room);
	assert_null(row->state);
	assert_int_equal(row->level, -1);
	assert_true(!row->has_level && row->online && row->pending && !row->waiting);
	assert_int_equal(row->updated_at_ms, -1);
	arena_free(&arena);
}

static void
a_location_may_have_no_switches(void **state)
{
	struct arena arena;
	const struct switch_location *list;

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
	    SAYS("a location may have no switches", a_location_may_have_no_switches),
	};

	return RUN_TESTS(tests);
}
