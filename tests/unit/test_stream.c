/* store/stream.h: the row in a wake-up. */
#include "unit.h"

#include "store/stream.h"

static void
a_row_is_read(void **state)
{
	struct page_notice notice;

	(void)state;
	assert_int_equal(page_notice_read("i1",
			     "{\"seq\" : 12, \"device_id\" : \"lamp\", \"component\" : \"main\","
			     "\"label\" : \"Lamp\", \"room\" : \"Hall\", \"location\" : \"Home\","
			     "\"state\" : \"on\", \"level\" : 40, \"online\" : true,"
			     "\"pending\" : false, \"waiting\" : true, \"updated_at\" : "
			     "\"2026-01-01T00:00:00.000Z\","
			     "\"has_level\" : true, \"switch_kind\" : \"fan\"}",
			     &notice),
	    SW_OK);
	assert_int_equal(notice.change.kind, PAGE_CHANGE_SWITCH);
	assert_string_equal(notice.change.row.installation_id, "i1");
	assert_string_equal(notice.change.row.device_id, "lamp");
	assert_string_equal(notice.change.row.component, "main");
	assert_string_equal(notice.change.row.label, "Lamp");
	assert_string_equal(notice.change.row.room, "Hall");
	assert_string_equal(notice.change.row.location, "Home");
	assert_string_equal(notice.change.row.state, "on");
	assert_int_equal(notice.change.row.updated_at_ms, INT64_C(1767225600000));
	assert_int_equal(notice.change.row.level, 40);
	assert_int_equal(notice.change.row.seq, 12);
	assert_true(notice.change.row.has_level);
	assert_string_equal(notice.change.row.kind, "fan");
	assert_true(notice.change.row.online);
	assert_false(notice.change.row.pending);
	assert_true(notice.change.row.waiting);
	page_notice_free(&notice);
}

static void
unknown_values_are_null(void **state)
{
	struct page_notice notice;

	(void)state;
	assert_int_equal(
	    page_notice_read("i1",
		"{\"seq\":1,\"device_id\":\"lamp\",\"component\":\"main\",\"room\":null,"
		"\"location\":null,\"state\":null,\"level\":null,\"updated_at\":null}",
		&notice),
	    SW_OK);
	assert_null(notice.change.row.room);
	assert_null(notice.change.row.location);
	assert_null(notice.change.row.state);
	assert_int_equal(notice.change.row.updated_at_ms, -1);
	assert_int_equal(notice.change.row.level, -1);
	assert_false(notice.change.row.online);
	page_notice_free(&notice);
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
	struct page_notice notice;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_int_equal(page_notice_read("i1", texts[i], &notice), SW_EINPUT);
		assert_null(notice.json);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("a row is read", a_row_is_read),
	    SAYS("unknown values are null", unknown_values_are_null),
	    SAYS("text that is no such row is refused", other_text_is_refused),
	};

	return RUN_TESTS(tests);
}
