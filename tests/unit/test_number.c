/*
 * number.h: digits alone, and the limits on both sides.
 */
#include "unit.h"

#include "formats/number.h"

static void
check_good(void **state)
{
	static const struct {
		const char *text;
		int64_t min, max, value;
	} cases[] = {
	    {"0", 0, 0, 0},
	    {"0", 0, 100, 0},
	    {"100", 0, 100, 100},
	    {"007", 0, 100, 7},
	    {"1", 1, 168, 1},
	    {"168", 1, 168, 168},
	    {"9223372036854775807", 0, INT64_MAX, INT64_MAX},
	    {"9", 0, 9, 9},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t value = -1;

		assert_int_equal(
		    number_parse_text(cases[i].text, cases[i].min, cases[i].max, &value), SW_OK);
		assert_int_equal(value, cases[i].value);
	}
}

static void
check_malformed(void **state)
{
	static const char *const bad[] = {
	    NULL, "", "-1", "+1", " 1", "1 ", "1.0", "1e2", "0x1", "a", "1a", "\xd9\xa1", "1\n"};
	int64_t value = -1;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(number_parse_text(bad[i], 0, INT64_MAX, &value), SW_EINPUT);
	assert_int_equal(number_parse("1\0002", 3, 0, 1000, &value), SW_EINPUT);
	assert_int_equal(value, -1);
}

static void
check_limits(void **state)
{
	static const struct {
		const char *text;
		int64_t min, max;
	} cases[] = {
	    {"0", 1, 168},
	    {"169", 1, 168},
	    {"6", 0, 5},
	    {"1", 0, 0},
	    {"101", 0, 100},
	    {"0100", 0, 100},
	    {"9223372036854775808", 0, INT64_MAX},
	    {"9999999999999999999", 0, INT64_MAX},
	    {"99999999999999999999999999", 0, INT64_MAX},
	};
	int64_t value = -1;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(
		    number_parse_text(cases[i].text, cases[i].min, cases[i].max, &value),
		    SW_ETOOLARGE);
	assert_int_equal(value, -1);
}

static void
check_length(void **state)
{
	int64_t value;

	(void)state;
	assert_int_equal(number_parse("1234", 2, 0, 99, &value), SW_OK);
	assert_int_equal(value, 12);
	assert_int_equal(number_parse("1234", 0, 0, 99, &value), SW_EINPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("digits within the limits are a number", check_good),
	    SAYS("anything but digits is refused", check_malformed),
	    SAYS("a number outside the limits is refused without overflow", check_limits),
	    SAYS("no more than the given characters are read", check_length),
	};

	return RUN_TESTS(tests);
}
