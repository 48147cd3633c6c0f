/*
 * worker/command_body.h: what is sent for a click, and how the answer is read.
 */
#include "unit.h"

#include <string.h>

#include "worker/command_body.h"

static void
check_request(void **state)
{
	const struct store_command commands[] = {
	    {.component = "main", .command = "on"},
	    {.component = "outlet2", .command = "setLevel", .level = 40},
	};
	struct sbuf body = {0};

	(void)state;
	assert_int_equal(command_put_body(&body, commands, COUNT_OF(commands)), SW_OK);
	assert_string_equal(sbuf_text(&body),
	    "{\"commands\":[{\"component\":\"main\",\"capability\":\"switch\","
	    "\"command\":\"on\",\"arguments\":[]},"
	    "{\"component\":\"outlet2\",\"capability\":\"switchLevel\","
	    "\"command\":\"setLevel\",\"arguments\":[40]}]}");
	sbuf_clear(&body);
}

static void
check_results(void **state)
{
	static const char text[] = "{\"results\":[{\"id\":\"a\",\"status\":\"ACCEPTED\"},"
				   "{\"id\":\"b\",\"status\":\"FAILED\"},{\"id\":\"c\"}]}";
	bool refused[4] = {true, false, true, true};

	(void)state;
	command_read_results(text, strlen(text), refused, COUNT_OF(refused));
	assert_false(refused[0]);
	assert_true(refused[1]);
	assert_false(refused[2]);
	assert_false(refused[3]);
}

static void
check_no_json(void **state)
{
	static const char *const texts[] = {"", "accepted", "[]", "{\"results\":7}"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		bool refused[2] = {true, true};

		command_read_results(texts[i], strlen(texts[i]), refused, COUNT_OF(refused));
		assert_false(refused[0]);
		assert_false(refused[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("the commands of a device are one request, in their order", check_request),
	    SAYS("a command is refused only when its status is FAILED", check_results),
	    SAYS("an answer that is no list of results refuses nothing", check_no_json),
	};

	return RUN_TESTS(tests);
}
