/*
 * Lists of devices and rooms: what comes out is what sync_apply() in sql/ may
 * be given, and a page that is read twice adds nothing the second time.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "formats/json.h"
#include "smartthings/device.h"
#include "smartthings/device_status.h"

static bool
is_state(const char *text)
{
	return strcmp(text, "on") == 0 || strcmp(text, "off") == 0;
}

static bool
is_visible(const char *text)
{
	return text[strspn(text, " \t\r\n")] != '\0';
}

static bool
member_is_id(const json_t *object, const char *name)
{
	const char *id = jsonx_string(object, name);

	return id != NULL && fuzz_is_id(id);
}

/* An id appears in a list once. */
static void
require_unique(const json_t *list, const char *name)
{
	json_t *seen = json_object(), *element;
	size_t i;

	json_array_foreach(list, i, element)
	{
		const char *id = jsonx_string(element, name);

		FUZZ_REQUIRE(json_object_get(seen, id) == NULL);
		json_object_set_new(seen, id, json_true());
	}
	json_decref(seen);
}

static void
require_switch(const json_t *one)
{
	const json_t *level = json_object_get(one, "level");

	FUZZ_REQUIRE(json_object_size(one) == 8);
	FUZZ_REQUIRE(member_is_id(one, "component"));
	FUZZ_REQUIRE(fuzz_is_text_or_null(one, "label", is_visible));
	FUZZ_REQUIRE(jsonx_string(one, "kind") != NULL && jsonx_string(one, "kind")[0] != '\0');
	FUZZ_REQUIRE(json_is_boolean(json_object_get(one, "has_level")));
	FUZZ_REQUIRE(fuzz_is_text_or_null(one, "state", is_state));
	FUZZ_REQUIRE(fuzz_is_text_or_null(one, "state_at", fuzz_is_instant));
	FUZZ_REQUIRE(
	    json_is_null(level) || (json_is_integer(level) && json_integer_value(level) >= 0 &&
				       json_integer_value(level) <= 100));
	FUZZ_REQUIRE(json_is_null(level) || json_is_true(json_object_get(one, "has_level")));
	FUZZ_REQUIRE(fuzz_is_text_or_null(one, "level_at", fuzz_is_instant));
	FUZZ_REQUIRE(jsonx_string(one, "state") != NULL || jsonx_string(one, "state_at") == NULL);
	FUZZ_REQUIRE(json_is_integer(level) || jsonx_string(one, "level_at") == NULL);
}

static void
require_device(const json_t *device)
{
	const json_t *switches = json_object_get(device, "switches");
	const json_t *online = json_object_get(device, "online");
	const json_t *one;
	size_t i;

	FUZZ_REQUIRE(json_object_size(device) == 6);
	FUZZ_REQUIRE(member_is_id(device, "device"));
	FUZZ_REQUIRE(jsonx_string(device, "name") != NULL);
	FUZZ_REQUIRE(fuzz_is_text_or_null(device, "name", is_visible));
	FUZZ_REQUIRE(fuzz_is_text_or_null(device, "room", fuzz_is_id));
	FUZZ_REQUIRE(json_is_boolean(online) || json_is_null(online));
	FUZZ_REQUIRE(fuzz_is_text_or_null(device, "health_at", fuzz_is_instant));
	FUZZ_REQUIRE(json_array_size(switches) > 0);
	json_array_foreach(switches, i, one)
	{
		require_switch(one);
	}
	require_unique(switches, "component");
}

/* It goes to the database as JSON text. */
static void
require_json(const json_t *list)
{
	struct sbuf buf = {0};
	json_t *again;

	jsonx_put(&buf, list);
	FUZZ_REQUIRE(!sbuf_failed(&buf) && fuzz_is_printable(buf.data, buf.length));
	FUZZ_REQUIRE(jsonx_load(buf.data, buf.length, &again) == SW_OK);
	FUZZ_REQUIRE(json_equal(again, list));
	json_decref(again);
	sbuf_clear(&buf);
}

static void
try_devices(const char *body, size_t size)
{
	json_t *devices = json_array(), *device;
	struct device_notes notes = {0};
	struct device_page page = {0};
	struct arena arena = {0};
	enum sw_err err = device_parse_page(&arena, body, size, devices, &notes, &page);
	size_t i, count = json_array_size(devices);

	FUZZ_REQUIRE(err == SW_OK || (err == SW_EUPSTREAM && count == 0));
	FUZZ_REQUIRE(
	    page.next == NULL || (err == SW_OK && page.next[0] != '\0' && fuzz_is_utf8(page.next)));
	FUZZ_REQUIRE((notes.left_out + notes.odd == 0) == (notes.member[0] == '\0'));
	json_array_foreach(devices, i, device)
	{
		require_device(device);
	}
	require_unique(devices, "device");
	require_json(devices);
	FUZZ_REQUIRE(device_parse_page(&arena, body, size, devices, &notes, &page) == err);
	FUZZ_REQUIRE(json_array_size(devices) == count);
	arena_free(&arena);
	json_decref(devices);
}

static void
try_rooms(const char *body, size_t size)
{
	json_t *rooms = json_array(), *room;
	struct device_notes notes = {0};
	struct arena arena = {0};
	const char *next;
	enum sw_err err = device_parse_rooms(&arena, body, size, rooms, &notes, &next);
	size_t i, count = json_array_size(rooms);

	FUZZ_REQUIRE(err == SW_OK || (err == SW_EUPSTREAM && count == 0));
	json_array_foreach(rooms, i, room)
	{
		FUZZ_REQUIRE(json_object_size(room) == 2 && member_is_id(room, "room"));
		FUZZ_REQUIRE(jsonx_string(room, "name") != NULL);
		FUZZ_REQUIRE(fuzz_is_text_or_null(room, "name", is_visible));
	}
	require_unique(rooms, "room");
	require_json(rooms);
	FUZZ_REQUIRE(device_parse_rooms(&arena, body, size, rooms, &notes, &next) == err);
	FUZZ_REQUIRE(json_array_size(rooms) == count);
	arena_free(&arena);
	json_decref(rooms);
}

static void
try_status(const char *body, size_t size)
{
	static const char page[] =
	    "{\"items\":[{\"deviceId\":\"d\",\"components\":[{\"id\":\"main\",\"capabilities\":["
	    "{\"id\":\"switch\"},{\"id\":\"switchLevel\"}]},{\"id\":\"two\",\"capabilities\":["
	    "{\"id\":\"switch\"}]}]}]}";
	json_t *devices = json_array(), *device, *switches, *one;
	struct device_notes notes = {0};
	struct device_page read = {0};
	struct arena arena = {0};
	enum sw_err err;
	size_t i;

	FUZZ_REQUIRE(
	    device_parse_page(&arena, page, sizeof(page) - 1, devices, &notes, &read) == SW_OK);
	device = json_array_get(devices, 0);
	switches = json_object_get(device, "switches");
	err = device_parse_status(body, size, device, &notes);
	FUZZ_REQUIRE(err == SW_OK || (err == SW_EUPSTREAM && json_array_size(switches) == 2));
	json_array_foreach(switches, i, one)
	{
		require_switch(one);
	}
	if (json_array_size(switches) > 0)
		require_device(device);
	require_json(devices);
	arena_free(&arena);
	json_decref(devices);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = malloc(size > 0 ? size : 1);

	if (body == NULL)
		abort();
	if (size > 0)
		memcpy(body, data, size);
	try_devices(body, size);
	try_rooms(body, size);
	try_status(body, size);
	free(body);
	return 0;
}
