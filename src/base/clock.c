/*
 * Time: clocks, the dates of HTTP (RFC 9110 5.6.7) and instants of RFC 3339.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_9999_END 253402300800 /* seconds of 10000-01-01T00:00:00Z */

static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t
read_ms(clockid_t id)
{
	struct timespec now;

	/* Cannot fail: POSIX requires both clocks, and "now" is a valid address. */
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_now(void)
{
	return clock_now_ms() / 1000;
}

int64_t
clock_now_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t
clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

/* Exactly "count" digits; -1 for anything else.  Stops at a NUL. */
static int
read_digits(const char *text, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* Position of the three letters in a table, or -1. */
static int
find_name(const char *text, const char (*names)[4], int count)
{
	for (int i = 0; i < count; i++) {
		if (memcmp(text, names[i], 3) == 0)
			return i;
	}
	return -1;
}

static bool
is_leap_year(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in_month(int year, int month)
{
	static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 1 && is_leap_year(year) ? 29 : days[month];
}

/*
 * Seconds since 1970 of a broken-down UTC time; false when a member is out
 * of range (-1 for "no digits" included).  Second 60 passes here: whether it
 * is a leap second depends on the offset, which the caller knows.
 */
static bool
join(int year, int month, int day, int hour, int minute, int second, int64_t *out)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = day};

	if (year < 0 || month < 0 || month > 11 || day < 1 || day > days_in_month(year, month))
		return false;
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	*out = (int64_t)timegm(&tm) + hour * 3600 + minute * 60 + second;
	return true;
}

/* A leap second is the last of a UTC day; "at" is then the midnight after it. */
static bool
leap_second_is_possible(int second, int64_t at)
{
	return second != 60 || at % 86400 == 0;
}

/* Does "text" start like the pattern, in which "_" stands for any character? */
static bool
has_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; text++, shape++) {
		if (*text == '\0' || (*shape != '_' && *text != *shape))
			return false;
	}
	return true;
}

bool
clock_parse_http_date(const char *text, int64_t *out)
{
	int second;
	int64_t at;

	if (text == NULL || !has_shape(text, "___, __ ___ ____ __:__:__ ___") || text[29] != '\0')
		return false;
	if (find_name(text, weekdays, 7) < 0)
		return false;
	if (strcmp(text + 26, "GMT") != 0 && strcmp(text + 26, "UTC") != 0)
		return false;
	second = read_digits(text + 23, 2);
	if (!join(read_digits(text + 12, 4), find_name(text + 8, months, 12),
		read_digits(text + 5, 2), read_digits(text + 17, 2), read_digits(text + 20, 2),
		second, &at))
		return false;
	if (!leap_second_is_possible(second, at))
		return false;
	*out = at;
	return true;
}

/*
 * ".123": one to nine digits, cut to microseconds.  Moves *text behind them.
 * No dot is no fraction, and fine.
 */
static bool
read_fraction(const char **text, int *us, bool *present)
{
	const char *digit = *text;
	int scale = 100000;

	*us = 0;
	*present = *digit == '.';
	if (!*present)
		return true;
	for (digit++; *digit >= '0' && *digit <= '9'; digit++) {
		*us += (*digit - '0') * scale;
		scale /= 10;
	}
	if (digit == *text + 1 || digit > *text + 10)
		return false;
	*text = digit;
	return true;
}

/* "Z" or "+hh:mm" up to the end of the text, in seconds east of UTC. */
static bool
read_offset(const char *text, int *out)
{
	int hours, minutes;

	*out = 0;
	if (*text == 'Z' || *text == 'z')
		return text[1] == '\0';
	if ((*text != '+' && *text != '-') || !has_shape(text + 1, "__:__") || text[6] != '\0')
		return false;
	hours = read_digits(text + 1, 2);
	minutes = read_digits(text + 4, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	*out = (hours * 60 + minutes) * (*text == '-' ? -60 : 60);
	return true;
}

bool
clock_parse_rfc3339(const char *text, int64_t *out_us, bool *fraction)
{
	int second, us, offset;
	bool has_fraction;
	const char *rest;
	int64_t at;

	if (text == NULL || !has_shape(text, "____-__-_____:__:__"))
		return false;
	if (text[10] != 'T' && text[10] != 't')
		return false;
	rest = text + 19;
	if (!read_fraction(&rest, &us, &has_fraction) || !read_offset(rest, &offset))
		return false;
	second = read_digits(text + 17, 2);
	if (!join(read_digits(text, 4), read_digits(text + 5, 2) - 1, read_digits(text + 8, 2),
		read_digits(text + 11, 2), read_digits(text + 14, 2), second, &at))
		return false;
	at -= offset;
	if (!leap_second_is_possible(second, at) || at < 0 || at >= YEAR_9999_END)
		return false;
	*out_us = at * 1000000 + us;
	if (fraction != NULL)
		*fraction = has_fraction;
	return true;
}

/* "count" digits of a number that has no more, with leading zeros. */
static void
put_digits(char *out, int count, int value)
{
	while (count-- > 0) {
		out[count] = (char)('0' + value % 10);
		value /= 10;
	}
}

/*
 * "2019-06-23" of a day since 1970.  Years begin in March here, so that the leap day is the last of
 * a year, and are counted in cycles of 400, which have 146 097 days (Gregorian calendar).
 */
static void
put_date(char *out, int64_t day)
{
	int in_cycle = (int)((day + 719468) % 146097);
	int year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
	int in_year = in_cycle - (365 * year + year / 4 - year / 100);
	int month = (5 * in_year + 2) / 153; /* five months from March on have 153 days */

	year += (int)((day + 719468) / 146097) * 400;
	put_digits(out, 4, month < 10 ? year : year + 1);
	put_digits(out + 5, 2, month < 10 ? month + 3 : month - 9);
	put_digits(out + 8, 2, in_year - (153 * month + 2) / 5 + 1);
}

/* By hand, without the C library's calendar and printf: a page of 200 switches writes 200 of these.
 */
void
clock_format_rfc3339_ms(int64_t at_ms, char out[static 32])
{
	int64_t in_range = at_ms < 0 ? 0 : at_ms;
	int in_day;

	if (in_range / 1000 >= YEAR_9999_END)
		in_range = (YEAR_9999_END - 1) * 1000 + in_range % 1000;
	in_day = (int)(in_range % 86400000);
	memcpy(out, "0000-00-00T00:00:00.000Z", 25);
	put_date(out, in_range / 86400000);
	put_digits(out + 11, 2, in_day / 3600000);
	put_digits(out + 14, 2, in_day / 60000 % 60);
	put_digits(out + 17, 2, in_day / 1000 % 60);
	put_digits(out + 20, 3, in_day % 1000);
}

void
clock_format_rfc3339_us(int64_t at_us, char out[static 32])
{
	int64_t in_range = at_us < 0 ? 0 : at_us;

	clock_format_rfc3339_ms(in_range / 1000, out);
	snprintf(out + 23, 5, "%03dZ", (int)(in_range % 1000));
}
