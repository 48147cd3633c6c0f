/* Time and identifiers. */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/rand.h>

/* 100 ns steps between 1582-10-15, where version-1 UUIDs begin, and 1970 (RFC 4122 4.1.4). */
#define UUID_EPOCH_STEPS UINT64_C(0x01B21DD213814000)

static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const month_names[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

int64_t
time_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
time_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct tm
broken_down(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm parts;

	memset(&parts, 0, sizeof(parts));
	gmtime_r(&seconds, &parts);
	return parts;
}

static char *
iso_date(const struct tm *parts)
{
	return text_format("%04d-%02d-%02dT%02d:%02d:%02d", parts->tm_year + 1900,
	    parts->tm_mon + 1, parts->tm_mday, parts->tm_hour, parts->tm_min, parts->tm_sec);
}

char *
time_iso(int64_t ms)
{
	struct tm parts = broken_down(ms);
	char *date = iso_date(&parts);
	char *full = text_format("%s.%03dZ", date, (int)(ms % 1000));

	free(date);
	return full;
}

char *
time_iso_seconds(int64_t ms)
{
	struct tm parts = broken_down(ms);
	char *date = iso_date(&parts);
	char *full = text_format("%sZ", date);

	free(date);
	return full;
}

char *
time_http_utc(int64_t ms)
{
	struct tm parts = broken_down(ms);

	return text_format("%s, %02d %s %04d %02d:%02d:%02d UTC", day_names[parts.tm_wday],
	    parts.tm_mday, month_names[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
	    parts.tm_min, parts.tm_sec);
}

static void
random_bytes(unsigned char *out, size_t length)
{
	if (RAND_bytes(out, (int)length) != 1)
		die("no random numbers");
}

static char *
uuid_print(const unsigned char b[16])
{
	return text_format("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
	    b[14], b[15]);
}

char *
uuid_random(void)
{
	unsigned char bytes[16];

	random_bytes(bytes, sizeof(bytes));
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	return uuid_print(bytes);
}

static uint64_t
uuid_clock(void)
{
	static uint64_t last;
	struct timespec now;
	uint64_t steps;

	clock_gettime(CLOCK_REALTIME, &now);
	steps = (uint64_t)now.tv_sec * 10000000 + (uint64_t)now.tv_nsec / 100 + UUID_EPOCH_STEPS;
	if (steps <= last)
		steps = last + 1;
	last = steps;
	return steps;
}

char *
uuid_time(int64_t *at_ms)
{
	static unsigned char node[8]; /* clock sequence and node, drawn once */
	uint64_t steps = uuid_clock();
	unsigned char bytes[16];

	if (node[0] == 0) {
		random_bytes(node, sizeof(node));
		node[0] = (unsigned char)((node[0] & 0x3f) | 0x80);
		node[2] |= 0x01; /* a random node carries the multicast bit (4.5) */
	}
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(steps >> (24 - 8 * i));
	bytes[4] = (unsigned char)(steps >> 40);
	bytes[5] = (unsigned char)(steps >> 32);
	bytes[6] = (unsigned char)(((steps >> 56) & 0x0f) | 0x10);
	bytes[7] = (unsigned char)(steps >> 48);
	memcpy(bytes + 8, node, sizeof(node));
	if (at_ms != NULL)
		*at_ms = (int64_t)((steps - UUID_EPOCH_STEPS) / 10000);
	return uuid_print(bytes);
}

char *
random_word(size_t length)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char *word = memory_get(length + 1);

	for (size_t i = 0; i < length;) {
		unsigned char byte;

		random_bytes(&byte, 1);
		if (byte < 4 * (sizeof(letters) - 1))
			word[i++] = letters[byte % (sizeof(letters) - 1)];
	}
	return word;
}
