/*
 * clock.h: dates of HTTP, instants of RFC 3339, and the clocks themselves.
 */
#include "unit.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

#define FIFTY_YEARS_S ((int64_t)50 * 365 * 86400)

struct instant {
	const char *text;
	int64_t value;
};

static void
check_http_dates(void **state)
{
	/* Values from "date -u -d ... +%s". */
	static const struct instant dates[] = {
	    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
	    {"Sun, 23 Jun 2019 22:04:52 UTC", 1561327492},
	    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	    {"Thu, 29 Feb 2024 12:00:00 GMT", 1709208000},
	    {"Tue, 29 Feb 2000 00:00:00 UTC", 951782400},
	    {"Tue, 19 Jan 2038 03:14:08 GMT", 2147483648},
	    {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
	    {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
	    {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
	    /* Another weekday than the date's: senders get it wrong, and nothing hangs on it. */
	    {"Mon, 06 Nov 1994 08:49:37 GMT", 784111777},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		int64_t at = 12345;

		assert_true(clock_parse_http_date(dates[i].text, &at));
		assert_int_equal(at, dates[i].value);
	}
}

static void
check_bad_http_dates(void **state)
{
	static const char *const bad[] = {"", "Sun", "Sunday, 06-Nov-94 08:49:37 GMT",
	    "Sun Nov  6 08:49:37 1994", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37",
	    "Sun, 06 Nov 1994 08:49:37 ", "Sun, 06 Nov 1994 08:49:37 EST",
	    "Sun, 06 Nov 1994 08:49:37 gmt", "Sun, 06 Nov 1994 08:49:37 GMT ",
	    "Sun, 06 Nov 1994 08:49:37 GMTT", " Sun, 06 Nov 1994 08:49:37 GMT",
	    "Son, 06 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
	    "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
	    "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
	    "Wed, 29 Feb 2023 08:49:37 GMT", "Thu, 29 Feb 1900 08:49:37 GMT",
	    "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
	    "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49:60 GMT",
	    "Sun, -6 Nov 1994 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT",
	    "Sun, 06 Nov  994 08:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT",
	    "Sun; 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 19a4 08:49:37 GMT"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int64_t at = 12345;

		if (clock_parse_http_date(bad[i], &at))
			fail_msg("accepted \"%s\"", bad[i]);
		assert_int_equal(at, 12345);
	}
	assert_false(clock_parse_http_date(NULL, &(int64_t){0}));
}

/* What strftime() writes; a test program never leaves the C locale. */
static void
check_http_round_trip(void **state)
{
	(void)state;
	for (int64_t at = 0; at < FIFTY_YEARS_S; at += 86400 * 13 + 4567) {
		time_t seconds = at;
		struct tm tm;
		char text[30];
		int64_t back = -1;

		assert_non_null(gmtime_r(&seconds, &tm));
		assert_int_equal(
		    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm), 29);
		assert_true(clock_parse_http_date(text, &back));
		assert_int_equal(back, at);
	}
}

static void
check_rfc3339(void **state)
{
	static const struct instant instants[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"2019-06-23T22:21:37Z", 1561328497000000},
	    {"2019-06-23t22:21:37z", 1561328497000000},
	    {"2019-06-24T00:21:37+02:00", 1561328497000000},
	    {"2019-06-23T16:51:37-05:30", 1561328497000000},
	    {"2019-06-23T22:21:37-00:00", 1561328497000000},
	    {"2024-02-29T23:59:59Z", 1709251199000000},
	    {"2000-02-29T00:00:00Z", 951782400000000},
	    {"1970-01-01T01:00:00+01:00", 0},
	    {"9999-12-31T23:59:59Z", 253402300799000000},
	    {"2016-12-31T23:59:60Z", 1483228800000000},
	    {"2016-12-31T15:59:60-08:00", 1483228800000000},
	};
	bool fraction = true;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(instants); i++) {
		int64_t us = 12345;

		assert_true(clock_parse_rfc3339(instants[i].text, &us, &fraction));
		assert_int_equal(us, instants[i].value);
		assert_false(fraction);
	}
}

static void
check_fractions(void **state)
{
	static const struct instant instants[] = {
	    {"1970-01-01T00:00:01.5Z", 1500000},
	    {"1970-01-01T00:00:01.05Z", 1050000},
	    {"1970-01-01T00:00:01.123Z", 1123000},
	    {"1970-01-01T00:00:01.123456Z", 1123456},
	    {"1970-01-01T00:00:01.1234569Z", 1123456},
	    {"1970-01-01T00:00:01.999999999Z", 1999999},
	    {"1970-01-01T01:00:01.000000001+01:00", 1000000},
	    {"1970-01-01T00:00:01.0Z", 1000000},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(instants); i++) {
		bool fraction = false;
		int64_t us = 12345;

		assert_true(clock_parse_rfc3339(instants[i].text, &us, &fraction));
		assert_int_equal(us, instants[i].value);
		assert_true(fraction);
		assert_true(clock_parse_rfc3339(instants[i].text, &us, NULL));
	}
}

static void
check_bad_rfc3339(void **state)
{
	static const char *const bad[] = {"", "2019", "2019-06-23", "2019-06-23T22:21:37",
	    "2019-06-23 22:21:37Z", "2019-06-23T22:21Z", "2019-06-23T22:21:37ZZ",
	    "2019-06-23T22:21:37Z ", " 2019-06-23T22:21:37Z", "2019-06-23T22:21:37.Z",
	    "2019-06-23T22:21:37.1234567890Z", "2019-06-23T22:21:37,5Z", "2019-06-23T22:21:37.5",
	    "2019-06-23T22:21:37.-5Z", "2019-06-23T22:21:37+0200", "2019-06-23T22:21:37+02",
	    "2019-06-23T22:21:37+02:0", "2019-06-23T22:21:37+02:000", "2019-06-23T22:21:37+24:00",
	    "2019-06-23T22:21:37+02:60", "2019-06-23T22:21:37+2:000", "2019-06-23T22:21:37GMT",
	    "2019-13-23T22:21:37Z", "2019-00-23T22:21:37Z", "2019-06-31T22:21:37Z",
	    "2019-06-00T22:21:37Z", "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
	    "2019-06-23T24:00:00Z", "2019-06-23T22:60:37Z", "2019-06-23T22:21:61Z",
	    "2019-06-23T22:21:60Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01",
	    "9999-12-31T23:59:59-00:01", "12019-06-23T22:21:37Z", "-019-06-23T22:21:37Z",
	    "+2019-06-23T22:21:37Z", "0000-01-01T00:00:00Z", "2o19-06-23T22:21:37Z",
	    "2019/06/23T22:21:37Z", "99999999999999999999-01-01T00:00:00Z"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		bool fraction = true;
		int64_t us = 12345;

		if (clock_parse_rfc3339(bad[i], &us, &fraction))
			fail_msg("accepted \"%s\"", bad[i]);
		assert_int_equal(us, 12345);
		assert_true(fraction);
	}
	assert_false(clock_parse_rfc3339(NULL, &(int64_t){0}, NULL));
}

/* Read from a copy of exactly its size, so that the sanitizer sees a byte too many. */
static void
check_prefixes(void **state)
{
	static const char *const whole[] = {
	    "2019-06-23T22:21:37.123456789+02:00", "Sun, 06 Nov 1994 08:49:37 GMT"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(whole); i++) {
		for (size_t length = 0; length < strlen(whole[i]); length++) {
			char *copy = test_malloc(length + 1);
			int64_t out;

			memcpy(copy, whole[i], length);
			copy[length] = '\0';
			assert_false(clock_parse_rfc3339(copy, &out, NULL));
			assert_false(clock_parse_http_date(copy, &out));
			test_free(copy);
		}
	}
}

static void
check_rfc3339_format(void **state)
{
	char text[32];

	(void)state;
	clock_format_rfc3339_ms(1561328497123, text);
	assert_string_equal(text, "2019-06-23T22:21:37.123Z");
	clock_format_rfc3339_ms(7, text);
	assert_string_equal(text, "1970-01-01T00:00:00.007Z");
	clock_format_rfc3339_ms(INT64_MIN, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_format_rfc3339_ms(INT64_MAX, text);
	assert_memory_equal(text, "9999-12-31T23:59:59.", 20);
	for (int64_t ms = 0; ms < FIFTY_YEARS_S * 1000; ms += 86400000LL * 17 + 4567891) {
		int64_t us = -1;

		clock_format_rfc3339_ms(ms, text);
		assert_true(clock_parse_rfc3339(text, &us, NULL));
		assert_int_equal(us, ms * 1000);
	}
}

static void
check_microseconds(void **state)
{
	char text[32];

	(void)state;
	clock_format_rfc3339_us(1561328497123456, text);
	assert_string_equal(text, "2019-06-23T22:21:37.123456Z");
	clock_format_rfc3339_us(7, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000007Z");
	clock_format_rfc3339_us(INT64_MIN, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
	for (int64_t us = 0; us < FIFTY_YEARS_S * 1000000; us += 86400000000LL * 19 + 4567891234) {
		int64_t back = -1;

		clock_format_rfc3339_us(us, text);
		assert_true(clock_parse_rfc3339(text, &back, NULL));
		assert_int_equal(back, us);
	}
}

static void
check_clocks(void **state)
{
	int64_t monotonic = clock_monotonic_ms();
	int64_t seconds = (int64_t)time(NULL);

	(void)state;
	assert_in_range(clock_now(), seconds, seconds + 5);
	assert_in_range(clock_now_ms() / 1000, seconds, seconds + 5);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	assert_in_range(clock_monotonic_ms() - monotonic, 20, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("HTTP dates are read, with GMT as with the platform's UTC", check_http_dates),
	    SAYS("malformed HTTP dates are refused and change nothing", check_bad_http_dates),
	    SAYS("every day of fifty years is read from its HTTP date", check_http_round_trip),
	    SAYS("RFC 3339 instants are read, with offsets, leap days and leap seconds",
		check_rfc3339),
	    SAYS("fractions of a second are cut to microseconds and reported", check_fractions),
	    SAYS("malformed RFC 3339 instants are refused and change nothing", check_bad_rfc3339),
	    SAYS("a date cut short anywhere is refused", check_prefixes),
	    SAYS("RFC 3339 instants are written with milliseconds", check_rfc3339_format),
	    SAYS("RFC 3339 instants are written with microseconds", check_microseconds),
	    SAYS("the clocks show the time and go forward", check_clocks),
	};

	return RUN_TESTS(tests);
}
