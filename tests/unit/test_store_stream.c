/* store_stream.h: the row of a wake-up that tells what changed. */
#include "unit.h"

#include "store/stream.h"

static void
a_row_is_read(void **state)
{
	struct page_notice told;

	(void)state;
	assert_int_equal(page_notice_read("home",
			     "{\"seq\" : 12, \"device_id\" : \"lamp\", \"component\" : \"main\","
			     "\"label\" : \"Lamp\", \"room\" : \"Hall\", \"location\" : \"Home\","
			     "\"state\" : \"on\", \"level\" : 40, \"online\" : true,"
			     "\"pending\" : false, \"updated_at\" : \"2026-01-01T00:00:00.000Z\","
			     "\"has_level\" : true}",
			     &told),
	    SW_OK);
	assert_int_equal(told.change.kind, PAGE_CHANGE_SWITCH);
	assert_string_equal(told.change.row.installation_id, "home");
	assert_string_equal(told.change.row.device_id, "lamp");
	assert_string_equal(told.change.row.component, "main");
	assert_string_equal(told.change.row.label, "Lamp");
	assert_string_equal(told.change.row.room, "Hall");
	assert_string_equal(told.change.row.location, "Home");
	assert_string_equal(told.change.row.state, "on");
	assert_string_equal(told.change.row.updated_at, "2026-01-01T00:00:00.000Z");
	assert_int_equal(told.change.row.level, 40);
	assert_int_equal(told.change.row.seq, 12);
	assert_true(told.change.row.has_level);
	assert_true(told.change.row.online);
	assert_false(told.change.row.pending);
	page_notice_free(&told);
}

static void
what_is_not_known_is_null(void **state)
{
	struct page_notice told;

	(void)state;
	assert_int_equal(
	    page_notice_read("home",
		"{\"seq\":1,\"device_id\":\"lamp\",\"component\":\"main\",\"room\":null,"
		"\"location\":null,\"state\":null,\"level\":null,\"updated_at\":null}",
		&told),
	    SW_OK);
	assert_null(told.change.row.room);
	assert_null(told.change.row.location);
	assert_null(told.change.row.state);
	assert_null(told.change.row.updated_at);
	assert_int_equal(told.change.row.level, -1);
	assert_false(told.change.row.online);
	page_notice_free(&told);
}

static void
other_text_is_refused(void **state)
{
	static const char *const texts[] = {"", " ", "x", "[]", "{}", "{\"seq\":1}",
	    "{\"seq\":1,\"device_id\":\"lamp\"}",
	    "{\"seq\":0,\"device_id\":\"lamp\",\"component\":\"main\"}",
	    "{\"seq\":\"1\",\"device_id\":\"lamp\",\"component\":\"main\"}",
	    "{\"seq\":1,\"device_id\":7,\"component\":\"main\"}",
	    "{\"seq\":1,\"device_id\":\"lamp\",\"component\":\"main\"} more"};
	struct page_notice told;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_int_equal(page_notice_read("home", texts[i], &told), SW_EINPUT);
		assert_null(told.json);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("a row is read", a_row_is_read),
	    SAYS("what is not known is null", what_is_not_known_is_null),
	    SAYS("other text is refused", other_text_is_refused),
	};

	return RUN_TESTS(tests);
}
