/*
 * Lists of devices and rooms: tests/data/device/CASE/page.json (or rooms.json)
 * becomes expect.json; with status.json, after the status of its first device was read.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/sbuf.h"
#include "smartthings/device.h"
#include "smartthings/device_status.h"
#include "cases.h"

/* What came out, in the form of expect.json; takes "list" over. */
static json_t *
describe(enum sw_err err, const char *name, json_t *list, const char *next)
{
	json_t *out = json_object();

	if (err != SW_OK) {
		json_decref(list);
		json_object_set_new(out, "err", json_string(err_name(err)));
		return out;
	}
	json_object_set_new(out, name, list);
	if (next != NULL)
		json_object_set_new(out, "next", json_string(next));
	return out;
}

/* Only what is not as usual is told. */
static void
describe_notes(json_t *out, const struct device_notes *notes, bool has_status)
{
	if (notes->left_out + notes->odd > 0)
		json_object_set_new(out, "notes",
		    json_pack("{s:i, s:i, s:s}", "left_out", (int)notes->left_out, "odd",
			(int)notes->odd, "member", notes->member));
	if (!has_status && json_array_size(json_object_get(out, "devices")) > 0)
		json_object_set_new(out, "has_status", json_false());
}

static void
read_status(const char *folder, json_t *list, struct device_notes *notes, enum sw_err *err)
{
	size_t length;
	char *body = case_read(folder, "status.json", &length);

	if (body != NULL)
		*err = device_parse_status(body, length, json_array_get(list, 0), notes);
	free(body);
}

static json_t *
parse_case(const char *folder, struct arena *arena)
{
	struct device_notes notes = {0};
	struct device_page page = {0};
	json_t *list = json_array(), *out;
	const char *name = "devices";
	enum sw_err err;
	size_t length;
	char *body = case_read(folder, "page.json", &length);

	if (body != NULL) {
		err = device_parse_page(arena, body, length, list, &notes, &page);
		read_status(folder, list, &notes, &err);
	} else {
		name = "rooms";
		body = case_read(folder, "rooms.json", &length);
		assert_non_null(body);
		err = device_parse_rooms(arena, body, length, list, &notes, &page.next);
	}
	free(body);
	out = describe(err, name, list, page.next);
	if (err == SW_OK)
		describe_notes(out, &notes, page.has_status);
	return out;
}

static void
on_case(void **state)
{
	struct arena arena = {0};
	json_t *actual = parse_case(*state, &arena), *expect;
	char *expect_text = case_read(*state, "expect.json", NULL);

	assert_non_null(expect_text);
	expect = json_loads(expect_text, 0, NULL);
	assert_non_null(expect);
	if (!json_equal(actual, expect)) {
		char *text = json_dumps(actual, JSON_INDENT(2));

		fail_msg("got %s", text);
	}
	json_decref(actual);
	json_decref(expect);
	arena_free(&arena);
	free(expect_text);
}

#define PAGE(id)                                                                 \
	"{\"items\":[{\"deviceId\":\"" id "\",\"components\":[{\"id\":\"main\"," \
	"\"capabilities\":[{\"id\":\"switch\"}]}]}]}"

static void
check_pages(void **state)
{
	static const char *const pages[] = {PAGE("d1"), PAGE("d2"), PAGE("d1")};
	json_t *devices = json_array();
	struct arena arena = {0};
	struct device_notes notes = {0};
	struct device_page page;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pages); i++) {
		assert_int_equal(
		    device_parse_page(&arena, pages[i], strlen(pages[i]), devices, &notes, &page),
		    SW_OK);
		assert_null(page.next);
	}
	assert_int_equal(json_array_size(devices), 2);
	json_decref(devices);
	arena_free(&arena);
}

#define MANY 5000

/* Every id twice: a search through all ids before it would take seconds here. */
static void
check_many(void **state)
{
	struct device_notes notes = {0};
	struct device_page read;
	struct sbuf page = {0};
	json_t *devices = json_array(), *rooms = json_array();
	struct arena arena = {0};
	const char *next;

	(void)state;
	sbuf_put_text(&page, "{\"items\":[{}");
	for (int i = 0; i < 2 * MANY; i++)
		sbuf_printf(&page,
		    ",{\"deviceId\":\"d%d\",\"roomId\":\"r%d\",\"components\":[{\"id\":\"m\","
		    "\"capabilities\":[{\"id\":\"switch\"}]}]}",
		    i % MANY, i % MANY);
	sbuf_put_text(&page, "]}");
	assert_false(sbuf_failed(&page));
	assert_int_equal(
	    device_parse_page(&arena, page.data, page.length, devices, &notes, &read), SW_OK);
	assert_int_equal(json_array_size(devices), MANY);
	assert_int_equal(
	    device_parse_rooms(&arena, page.data, page.length, rooms, &notes, &next), SW_OK);
	assert_int_equal(json_array_size(rooms), MANY);
	json_decref(devices);
	json_decref(rooms);
	arena_free(&arena);
	sbuf_clear(&page);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("pages add up, and a device on two of them counts once", check_pages),
	    SAYS("a page of many thousand devices, each of them twice, is read", check_many),
	};

	return cases_run("device", tests, COUNT_OF(tests), on_case);
}
