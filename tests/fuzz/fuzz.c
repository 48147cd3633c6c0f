/*
 * What the fuzz targets share: inputs as text, and questions about outputs
 * that do not ask the code under test.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_broken(const char *promise, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, promise);
	abort();
}

char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

char *
fuzz_line(char **text)
{
	char *line = *text, *end = line + strcspn(line, "\n");

	*text = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return line;
}

/* The code point that "at" starts with and its length by the first byte; 0 when none can be. */
static size_t
decode(const unsigned char *at, uint32_t *code)
{
	size_t length = *at < 0x80       ? 1
			: *at >> 5 == 6  ? 2
			: *at >> 4 == 14 ? 3
			: *at >> 3 == 30 ? 4
					 : 0;

	*code = length == 1 ? *at : *at & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		*code = *code << 6 | (at[i] & 0x3f);
	}
	return length;
}

/* The bytes a code point needs; 0 when it may not be encoded. */
static size_t
encoded_length(uint32_t code)
{
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

bool
fuzz_is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at != '\0') {
		uint32_t code;
		size_t length = decode(at, &code);

		if (length == 0 || length != encoded_length(code))
			return false;
		at += length;
	}
	return true;
}

size_t
fuzz_characters(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text >> 6) != 2;
	return count;
}

bool
fuzz_is_printable(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return true;
}

bool
fuzz_is_id(const char *text)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t length = strlen(text);

	return length >= 1 && length <= 128 && strspn(text, allowed) == length &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* "9" stands for a digit, all else for itself. */
static bool
has_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; text++, shape++) {
		if (*shape == '9' ? *text < '0' || *text > '9' : *text != *shape)
			return false;
	}
	return *text == '\0';
}

bool
fuzz_is_instant(const char *text)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;
	bool leap;

	if (!has_shape(text, "9999-99-99T99:99:99.999999Z") ||
	    sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3)
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return year >= 1970 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && leap) && strncmp(text + 11, "24", 2) < 0 &&
	       text[14] < '6' && text[17] < '6';
}

bool
fuzz_is_text_or_null(const json_t *object, const char *name, bool (*check)(const char *))
{
	const json_t *value = json_object_get(object, name);

	if (json_is_null(value))
		return true;
	return json_is_string(value) && fuzz_is_utf8(json_string_value(value)) &&
	       strlen(json_string_value(value)) == json_string_length(value) &&
	       (check == NULL || check(json_string_value(value)));
}
