/*
 * Dates of HTTP and instants of RFC 3339: what is read is the time that the text says, and what is
 * written can be read.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "formats/httpsig.h"

#define YEAR_9999_END INT64_C(253402300800)

/* As strftime() writes it; a fuzz target never leaves the C locale. */
static void
format_http_date(int64_t at, char out[static 30])
{
	time_t seconds = at < 0 ? 0 : at >= YEAR_9999_END ? YEAR_9999_END - 1 : at;
	struct tm tm;

	FUZZ_REQUIRE(gmtime_r(&seconds, &tm) != NULL);
	FUZZ_REQUIRE(strftime(out, 30, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 29);
}

/* From the day on, but for the zone, which may be UTC. */
static void
require_same_date(const char *text, int64_t at)
{
	bool leap_second = memcmp(text + 23, "60", 2) == 0;
	char again[30];
	int64_t at_again;

	format_http_date(at, again);
	FUZZ_REQUIRE(strlen(again) == 29);
	FUZZ_REQUIRE(leap_second || memcmp(again + 5, text + 5, 21) == 0);
	FUZZ_REQUIRE(!leap_second || at % 86400 == 0);
	FUZZ_REQUIRE(clock_parse_http_date(again, &at_again) && at_again == at);
}

static void
require_window(const char *text, int64_t at)
{
	FUZZ_REQUIRE(httpsig_check_date(text, at) == SW_OK);
	FUZZ_REQUIRE(httpsig_check_date(text, at - 300) == SW_OK);
	FUZZ_REQUIRE(httpsig_check_date(text, at + 300) == SW_OK);
	FUZZ_REQUIRE(httpsig_check_date(text, at - 301) == SW_EAUTH);
	FUZZ_REQUIRE(httpsig_check_date(text, at + 301) == SW_EAUTH);
}

static void
try_http_date(const char *text)
{
	int64_t at = -12345;

	if (!clock_parse_http_date(text, &at)) {
		FUZZ_REQUIRE(at == -12345);
		FUZZ_REQUIRE(httpsig_check_date(text, 0) == SW_EAUTH);
		return;
	}
	FUZZ_REQUIRE(strlen(text) == 29);
	FUZZ_REQUIRE(at >= INT64_C(-62167219200) && at <= YEAR_9999_END);
	if (at >= 0 && at < YEAR_9999_END)
		require_same_date(text, at);
	require_window(text, at);
}

static void
try_instant(const char *text)
{
	int64_t us, again_us;
	bool fraction;
	char again[32];

	if (!clock_parse_rfc3339(text, &us, &fraction))
		return;
	FUZZ_REQUIRE(us >= 0 && us / 1000000 < YEAR_9999_END);
	FUZZ_REQUIRE(fraction == (strchr(text, '.') != NULL));
	FUZZ_REQUIRE(fraction || us % 1000000 == 0);
	clock_format_rfc3339_us(us, again);
	FUZZ_REQUIRE(fuzz_is_instant(again));
	FUZZ_REQUIRE(clock_parse_rfc3339(again, &again_us, NULL) && again_us == us);
	/* Without an offset it is the same text as far as both go. */
	if (strpbrk(text, "Zz") != NULL && memcmp(text + 17, "60", 2) != 0) {
		FUZZ_REQUIRE(memcmp(text, again, 10) == 0);
		FUZZ_REQUIRE(memcmp(text + 11, again + 11, 8) == 0);
	}
}

/* Any time that a clock may have. */
static void
try_time(const uint8_t *data, size_t size)
{
	int64_t at = 0, again;
	char text[32];

	memcpy(&at, data, size < sizeof(at) ? size : sizeof(at));
	format_http_date(at, text);
	FUZZ_REQUIRE(clock_parse_http_date(text, &again));
	FUZZ_REQUIRE(at < 0 || at >= YEAR_9999_END || again == at);
	clock_format_rfc3339_us(at, text);
	FUZZ_REQUIRE(clock_parse_rfc3339(text, &again, NULL));
	FUZZ_REQUIRE(at < 0 || at / 1000000 >= YEAR_9999_END || again == at);
	clock_format_rfc3339_ms(at, text);
	FUZZ_REQUIRE(clock_parse_rfc3339(text, &again, NULL));
	FUZZ_REQUIRE(at < 0 || at / 1000 >= YEAR_9999_END || again / 1000 == at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	try_http_date(text);
	try_instant(text);
	try_time(data, size);
	free(text);
	return 0;
}
