/* JSON by its grammar alone (RFC 8259).  Hides that nesting is followed without recursion. */
#include "formats/json_span.h"

#include <string.h>

#include "base/utf8.h"

/* A reader of the text.  Of each open bracket one bit is kept: set for an object. */
struct scan {
	const char *at, *end;
	unsigned char *objects;
	size_t depth;
};

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

static bool
is_digit(const char *at, const char *end)
{
	return at < end && *at >= '0' && *at <= '9';
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* At a backslash: the byte after the escape; NULL when there is no such escape. */
static const char *
read_escape(const char *at, const char *end)
{
	if (end - at < 2)
		return NULL;
	if (at[1] != 'u')
		return memchr("\"\\/bfnrt", at[1], 8) != NULL ? at + 2 : NULL;
	if (end - at < 6 || !is_hex(at[2]) || !is_hex(at[3]) || !is_hex(at[4]) || !is_hex(at[5]))
		return NULL;
	return at + 6;
}

/* The byte after the string that begins here; NULL when none does. */
static const char *
read_string(const char *at, const char *end)
{
	if (at == end || *at++ != '"')
		return NULL;
	while (at != NULL && at < end && *at != '"') {
		if (*at == '\\')
			at = read_escape(at, end);
		else
			at = (unsigned char)*at < 0x20 ? NULL : at + 1;
	}
	return at != NULL && at < end ? at + 1 : NULL;
}

static const char *
read_digits(const char *at, const char *end)
{
	if (!is_digit(at, end))
		return NULL;
	while (is_digit(at, end))
		at++;
	return at;
}

static const char *
read_number(const char *at, const char *end)
{
	if (at < end && *at == '-')
		at++;
	at = at < end && *at == '0' ? at + 1 : read_digits(at, end);
	if (at != NULL && at < end && *at == '.')
		at = read_digits(at + 1, end);
	if (at != NULL && at < end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		at = read_digits(at, end);
	}
	return at;
}

/* A value without brackets. */
static const char *
read_scalar(const char *at, const char *end)
{
	static const char *const words[] = {"true", "false", "null"};

	if (at < end && *at == '"')
		return read_string(at, end);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(end - at) >= length && memcmp(at, words[i], length) == 0)
			return at + length;
	}
	return read_number(at, end);
}

static bool
in_object(const struct scan *scan)
{
	size_t i = scan->depth - 1;

	return (scan->objects[i / 8] >> (i % 8) & 1) != 0;
}

static void
open_bracket(struct scan *scan)
{
	size_t i = scan->depth++;
	unsigned char bit = (unsigned char)(1 << i % 8);

	if (*scan->at++ == '{')
		scan->objects[i / 8] |= bit;
	else
		scan->objects[i / 8] &= (unsigned char)~bit;
	scan->at = skip_space(scan->at, scan->end);
}

/* In an object, before a value: its name and the colon. */
static bool
read_name(struct scan *scan)
{
	const char *at = read_string(scan->at, scan->end);

	if (at == NULL)
		return false;
	at = skip_space(at, scan->end);
	if (at == scan->end || *at != ':')
		return false;
	scan->at = skip_space(at + 1, scan->end);
	return true;
}

/* After a value: the brackets that end here, and the comma before the next one. */
static bool
read_ends(struct scan *scan)
{
	scan->at = skip_space(scan->at, scan->end);
	while (
	    scan->depth > 0 && scan->at < scan->end && *scan->at == (in_object(scan) ? '}' : ']')) {
		scan->depth--;
		scan->at = skip_space(scan->at + 1, scan->end);
	}
	if (scan->depth == 0)
		return true;
	if (scan->at == scan->end || *scan->at != ',')
		return false;
	scan->at = skip_space(scan->at + 1, scan->end);
	return true;
}

/* One value, or the opening bracket of one that is not empty. */
static bool
read_value(struct scan *scan)
{
	if (scan->depth > 0 && in_object(scan) && !read_name(scan))
		return false;
	if (scan->at < scan->end && (*scan->at == '{' || *scan->at == '[')) {
		open_bracket(scan);
		if (scan->at == scan->end || *scan->at != (in_object(scan) ? '}' : ']'))
			return true;
	} else {
		scan->at = read_scalar(scan->at, scan->end);
		if (scan->at == NULL)
			return false;
	}
	return read_ends(scan);
}

enum sw_err
json_span_check(struct arena *arena, const char *text, size_t length)
{
	struct scan scan = {.at = text, .end = text + length};

	if (text == NULL || !utf8_is_valid(text, length))
		return SW_EINPUT;
	scan.at = skip_space(scan.at, scan.end);
	if (scan.at == scan.end || (*scan.at != '{' && *scan.at != '['))
		return SW_EINPUT;
	scan.objects = arena_alloc(arena, length / 8 + 1);
	if (scan.objects == NULL)
		return SW_ENOMEM;
	do {
		if (!read_value(&scan))
			return SW_EINPUT;
	} while (scan.depth > 0);
	return scan.at == scan.end ? SW_OK : SW_EINPUT;
}

char
json_span_kind(struct json_span value)
{
	const char *end = value.text + value.length;
	const char *at = skip_space(value.text, end);

	return at < end ? *at : '\0';
}

/* The byte after a value of a checked text. */
static const char *
skip_value(const char *at, const char *end)
{
	size_t depth = 0;

	do {
		if (*at == '"') {
			at = read_string(at, end);
		} else if (*at == '{' || *at == '[') {
			depth++;
			at++;
		} else if (*at == '}' || *at == ']') {
			depth--;
			at++;
		} else if (depth > 0) {
			at++;
		} else {
			at = read_scalar(at, end);
		}
	} while (depth > 0);
	return at;
}

bool
json_span_next(struct json_span *rest, struct json_span *name, struct json_span *value)
{
	const char *end = rest->text + rest->length;
	const char *at = skip_space(rest->text, end);

	*name = (struct json_span){"", 0};
	if (at == end || (*at != '{' && *at != '[' && *at != ','))
		return false;
	at = skip_space(at + 1, end);
	if (*at == '}' || *at == ']')
		return false;
	*value = (struct json_span){at, (size_t)(skip_value(at, end) - at)};
	at = skip_space(value->text + value->length, end);
	if (at < end && *at == ':') {
		*name = *value;
		at = skip_space(at + 1, end);
		*value = (struct json_span){at, (size_t)(skip_value(at, end) - at)};
		at = value->text + value->length;
	}
	*rest = (struct json_span){at, (size_t)(end - at)};
	return true;
}

static bool
has_name(struct json_span span, const char *name)
{
	size_t length = strlen(name);

	return span.length == length + 2 && memcmp(span.text + 1, name, length) == 0;
}

static bool
is_escaped(struct json_span name)
{
	return memchr(name.text, '\\', name.length) != NULL;
}

struct json_span
json_span_member(struct json_span object, const char *name)
{
	struct json_span member, value, found = {"", 0};

	while (json_span_kind(object) != '[' && json_span_next(&object, &member, &value)) {
		if (!has_name(member, name) && !is_escaped(member))
			continue;
		if (found.length > 0 || is_escaped(member))
			return (struct json_span){"", 0};
		found = value;
	}
	return found;
}

void
json_span_put_members(struct sbuf *out, struct json_span object, const char *const *names)
{
	struct json_span name, value;
	size_t start;

	sbuf_put_char(out, '{');
	start = out->length;
	while (json_span_kind(object) != '[' && json_span_next(&object, &name, &value)) {
		size_t i = 0;

		while (names[i] != NULL && !has_name(name, names[i]))
			i++;
		if (names[i] == NULL && !is_escaped(name))
			continue;
		if (out->length > start)
			sbuf_put_char(out, ',');
		sbuf_put(out, name.text, name.length);
		sbuf_put_char(out, ':');
		sbuf_put(out, value.text, value.length);
	}
	sbuf_put_char(out, '}');
}
