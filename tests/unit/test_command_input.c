/*
 * command_input.h
 */
#include "unit.h"

#include "web/command_input.h"

static void
each_command_is_read(void **state)
{
	struct command_request request;

	(void)state;
	assert_int_equal(command_input_read("on", -1, &request), SW_OK);
	assert_int_equal(request.kind, COMMAND_ON);
	assert_int_equal(command_input_read("off", 40, &request), SW_OK);
	assert_int_equal(request.kind, COMMAND_OFF);
	assert_int_equal(request.level, 0);
	assert_int_equal(command_input_read("setLevel", 0, &request), SW_OK);
	assert_int_equal(request.kind, COMMAND_SET_LEVEL);
	assert_int_equal(request.level, 0);
	assert_int_equal(command_input_read("setLevel", 100, &request), SW_OK);
	assert_int_equal(request.level, 100);
}

static void
other_words_and_levels_are_refused(void **state)
{
	static const char *const words[] = {NULL, "", "On", "on ", "toggle", "setlevel"};
	static const int64_t levels[] = {-1, 101, INT64_MIN, INT64_MAX, INT64_C(1) << 32};
	struct command_request request;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		assert_int_equal(command_input_read(words[i], 50, &request), SW_EINPUT);
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		assert_int_equal(command_input_read("setLevel", levels[i], &request), SW_EINPUT);
}

static void
many_switches_have_no_level(void **state)
{
	enum command_kind kind;

	(void)state;
	assert_int_equal(command_input_read_on_off("off", &kind), SW_OK);
	assert_int_equal(kind, COMMAND_OFF);
	assert_int_equal(command_input_read_on_off("setLevel", &kind), SW_EINPUT);
	assert_int_equal(command_input_read_on_off(NULL, &kind), SW_EINPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("each command is read", each_command_is_read),
	    SAYS("other words and levels are refused", other_words_and_levels_are_refused),
	    SAYS("many switches have no level", many_switches_have_no_level),
	};

	return RUN_TESTS(tests);
}
