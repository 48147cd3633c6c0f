/*
 * Queries and forms (WHATWG URL Standard 5.1), read strictly: what two readers could take in two
 * ways is refused.
 */
#include "formats/url_query.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "formats/url.h"

#define PAIRS_MAX 64

/* A name or value of a form into *out, which moves behind its NUL; NULL when malformed. */
static const char *
decode_text(const char *text, size_t length, char **out)
{
	char *start = *out;
	size_t out_length;

	if (!url_decode_into(text, length, true, start, &out_length))
		return NULL;
	*out += out_length + 1;
	return utf8_is_valid(start, out_length) ? start : NULL;
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

/* Without a "=" all of it is the name and the value is empty. */
static bool
decode_pair(const char *text, size_t length, char **out, struct url_pair *pair)
{
	const char *equals = memchr(text, '=', length);
	size_t name_length = equals != NULL ? (size_t)(equals - text) : length;
	size_t value_start = equals != NULL ? name_length + 1 : length;

	pair->name = decode_text(text, name_length, out);
	if (pair->name == NULL || has_control(pair->name))
		return false;
	pair->value = decode_text(text + value_start, length - value_start, out);
	return pair->value != NULL;
}

/* Bytes up to the next "&", or all. */
static size_t
span_pair(const char *text, size_t length)
{
	const char *end = memchr(text, '&', length);

	return end != NULL ? (size_t)(end - text) : length;
}

static size_t
count_pairs(const char *text, size_t length)
{
	size_t count = 0;

	while (length > 0) {
		size_t span = span_pair(text, length);

		if (span > 0)
			count++;
		if (span == length)
			break;
		text += span + 1;
		length -= span + 1;
	}
	return count;
}

static enum sw_err
decode_pairs(const char *text, size_t length, char *buffer, struct url_pair *pairs, size_t count)
{
	for (size_t i = 0; i < count;) {
		size_t span = span_pair(text, length);

		if (span > 0 && !decode_pair(text, span, &buffer, &pairs[i++]))
			return SW_EINPUT;
		if (span == length)
			break;
		text += span + 1;
		length -= span + 1;
	}
	return SW_OK;
}

enum sw_err
url_query_parse(struct arena *arena, const char *text, size_t length, struct url_query *out)
{
	struct url_pair *pairs;
	enum sw_err err;
	size_t count;
	char *buffer;

	*out = (struct url_query){0};
	count = count_pairs(text, length);
	if (count == 0)
		return SW_OK;
	if (count > PAIRS_MAX)
		return SW_EINPUT;
	pairs = arena_alloc(arena, count * sizeof(*pairs));
	if (pairs == NULL || length > SIZE_MAX - PAIRS_MAX - 1)
		return SW_ENOMEM;
	/* Decoding never grows a text: a pair needs its length, at most one NUL for a missing "=",
	 * one more. */
	buffer = arena_alloc(arena, length + count + 1);
	if (buffer == NULL)
		return SW_ENOMEM;
	err = decode_pairs(text, length, buffer, pairs, count);
	if (err == SW_OK)
		*out = (struct url_query){.count = count, .pairs = pairs};
	return err;
}

const char *
url_query_get(const struct url_query *query, const char *name, bool *twice)
{
	const char *value = NULL;

	for (size_t i = 0; i < query->count; i++) {
		if (strcmp(query->pairs[i].name, name) != 0)
			continue;
		if (value != NULL) {
			if (twice != NULL)
				*twice = true;
			return NULL;
		}
		value = query->pairs[i].value;
	}
	return value;
}
