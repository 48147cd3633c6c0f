/* stream/format.h and store/switch.h: a change as a server-sent event. */
#include "unit.h"

#include <string.h>
#include "formats/json.h"
#include "stream/format.h"

static const struct switch_row lamp = {
    .installation_id = "inst-1",
    .device_id = "lamp",
    .component = "main",
    .label = "Lamp",
    .kind = "light",
    .room = "Kitchen",
    .location = "Home",
    .state = "on",
    .level = 40,
    .has_level = true,
    .online = true,
    .updated_at_ms = INT64_C(1767323045678),
    .seq = 7,
};

static void
check_change(const struct page_change *change, const char *expected)
{
	struct sbuf text = {0};

	format_change(&text, change);
	assert_false(sbuf_failed(&text));
	assert_string_equal(sbuf_text(&text), expected);
	sbuf_clear(&text);
}

static void
a_switch_is_an_element_of_the_list(void **state)
{
	struct page_change change = {.kind = PAGE_CHANGE_SWITCH, .row = lamp};

	(void)state;
	check_change(&change,
	    "event: switch\ndata: {\"deviceId\":\"lamp\",\"component\":\"main\",\"label\":\"Lamp\","
	    "\"room\":\"Kitchen\",\"location\":\"Home\",\"installationId\":\"inst-1\",\"kind\":"
	    "\"light\",\"state\":"
	    "\"on\","
	    "\"level\":40,\"dimmer\":true,\"online\":true,\"pending\":false,\"waiting\":false,"
	    "\"updatedAt\":\"2026-01-02T03:04:05.678Z\",\"seq\":7}\n");
}

static void
what_is_not_known_is_null(void **state)
{
	struct switch_row row = {.installation_id = "inst-1",
	    .device_id = "fan",
	    .component = "main",
	    .level = -1,
	    .updated_at_ms = -1,
	    .seq = 1};
	json_t *json = switch_row_json(&row);

	(void)state;
	assert_non_null(json);
	for (size_t i = 0; i < 6; i++) {
		static const char *const names[] = {
		    "label", "room", "location", "state", "level", "updatedAt"};

		assert_true(json_is_null(json_object_get(json, names[i])));
	}
	assert_true(json_is_false(json_object_get(json, "online")));
	json_decref(json);
}

/* A line break would end the data, and what comes after it would be a line of its own. */
static void
no_label_ends_its_line(void **state)
{
	struct page_change change = {.kind = PAGE_CHANGE_SWITCH, .row = lamp};
	struct sbuf text = {0};
	const char *first;

	(void)state;
	change.row.label = "a\rb\nc\xe2\x80\xa8\revent: bye\r\rdata: {}</script>";
	format_change(&text, &change);
	assert_false(sbuf_failed(&text));
	assert_null(strchr(sbuf_text(&text), '\r'));
	first = strchr(sbuf_text(&text), '\n');
	assert_non_null(first);
	assert_ptr_equal(strchr(first + 1, '\n'), text.data + text.length - 1);
	for (size_t i = 0; i < text.length; i++)
		assert_in_range(text.data[i], '\n', '~');
	assert_null(strstr(sbuf_text(&text), "</"));
	sbuf_clear(&text);
}

static void
text_that_is_not_utf8_fails(void **state)
{
	struct page_change change = {.kind = PAGE_CHANGE_SWITCH, .row = lamp};
	struct sbuf text = {0};

	(void)state;
	change.row.label = "\xff";
	format_change(&text, &change);
	assert_true(sbuf_failed(&text));
	sbuf_clear(&text);
}

static void
a_command_that_failed_says_why(void **state)
{
	struct page_change change = {.kind = PAGE_CHANGE_COMMAND,
	    .row = {.installation_id = "inst-1",
		.device_id = "lamp",
		.component = "main",
		.level = -1,
		.seq = 9},
	    .code = "offline",
	    .command = "on",
	    .command_id = "c-1"};

	(void)state;
	check_change(&change, "event: command\ndata: {\"commandId\":\"c-1\",\"deviceId\":\"lamp\","
			      "\"component\":\"main\",\"installationId\":\"inst-1\",\"command\":"
			      "\"on\",\"level\":null,"
			      "\"status\":\"failed\",\"code\":\"offline\","
			      "\"message\":\"The device cannot be reached.\",\"seq\":9}\n");
}

static void
a_command_that_was_never_sent_says_so(void **state)
{
	struct page_change change = {
	    .kind = PAGE_CHANGE_COMMAND, .row = lamp, .code = "expired", .command = "on"};
	struct sbuf text = {0};

	(void)state;
	change.row.waiting = true;
	format_change(&text, &change);
	assert_non_null(strstr(sbuf_text(&text),
	    "\"code\":\"expired\",\"message\":\"It could not be sent within five minutes.\""));
	sbuf_clear(&text);
}

/* Each code that sql/ writes has a message of its own, all others one together. */
static void
every_reason_has_a_message(void **state)
{
	static const char *const codes[] = {
	    "offline", "refused", "unconfirmed", "expired", "reconnect", "removed", "new", NULL};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		struct page_change change = {
		    .kind = PAGE_CHANGE_COMMAND, .row = lamp, .code = codes[i]};
		struct sbuf text = {0};
		bool general;

		change.command = "setLevel";
		format_change(&text, &change);
		assert_false(sbuf_failed(&text));
		assert_non_null(strstr(sbuf_text(&text), "\"level\":40"));
		general = strstr(sbuf_text(&text), "\"The command failed.\"") != NULL;
		assert_int_equal(general, i >= 6);
		sbuf_clear(&text);
	}
}

static void
progress_and_status_are_events(void **state)
{
	struct page_change sync = {.kind = PAGE_CHANGE_SYNC,
	    .row = {.installation_id = "inst-1", .location = "Home", .state = "running", .seq = 3},
	    .found = 12,
	    .structure = true};
	struct page_change status = {.kind = PAGE_CHANGE_INSTALLATION,
	    .row = {.installation_id = "inst-1", .state = "needs_reauth", .seq = 4}};
	struct page_change mark = {
	    .kind = PAGE_CHANGE_MARK, .row = {.installation_id = "inst-1", .seq = 5}};

	(void)state;
	check_change(&sync,
	    "event: sync\ndata: {\"installationId\":\"inst-1\",\"location\":\"Home\","
	    "\"state\":\"running\",\"found\":12,\"error\":null,\"structure\":true,\"seq\":3}\n");
	check_change(&status,
	    "event: installation\ndata: {\"installationId\":\"inst-1\",\"location\":null,"
	    "\"status\":\"needs_reauth\",\"seq\":4}\n");
	check_change(&mark, "");
}

static void
the_ends_are_events(void **state)
{
	struct sbuf text = {0};

	(void)state;
	format_removed(&text, "inst-1");
	format_bye(&text);
	assert_string_equal(sbuf_text(&text),
	    "event: installation\ndata: {\"installationId\":\"inst-1\",\"status\":\"removed\"}\n"
	    "event: bye\ndata: {\"reason\":\"ended\"}\n");
	sbuf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("a switch is the same JSON as in GET /api/switches",
		a_switch_is_an_element_of_the_list),
	    SAYS("what is not known of a switch is null", what_is_not_known_is_null),
	    SAYS("no character of a label ends the line of data", no_label_ends_its_line),
	    SAYS("text that is not UTF-8 fails", text_that_is_not_utf8_fails),
	    SAYS("a command that failed says why", a_command_that_failed_says_why),
	    SAYS("a command that was never sent says so", a_command_that_was_never_sent_says_so),
	    SAYS("every reason has a message", every_reason_has_a_message),
	    SAYS("progress of a sync and a changed status are events",
		progress_and_status_are_events),
	    SAYS("a removed installation and the end of the session are events",
		the_ends_are_events),
	};

	return RUN_TESTS(tests);
}
