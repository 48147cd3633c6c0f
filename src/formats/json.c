/*
 * The strict JSON loader (RFC 8259) and the only writer of JSON.  What it hides: Jansson's flags
 * and its ways of reporting a failure.
 */
#include "formats/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ESCAPE_SLASH | JSON_ENCODE_ANY)

/* The byte after the string that starts at "at" (its opening quote). */
static const char *
skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++) {
		if (*at == '\\')
			at++;
	}
	return at < end ? at + 1 : end;
}

/*
 * Jansson recurses once per level, so the nesting is counted before it sees
 * the text.  Brackets that do not match are left for Jansson to refuse.
 */
static bool
depth_is_allowed(const char *data, size_t length)
{
	const char *at = data, *end = data + length;
	int depth = 0;

	while (at < end) {
		switch (*at) {
		case '"':
			at = skip_string(at, end);
			continue;
		case '{':
		case '[':
			if (++depth > JSONX_DEPTH_MAX)
				return false;
			break;
		case '}':
		case ']':
			depth--;
			break;
		default:
			break;
		}
		at++;
	}
	return true;
}

enum sw_err
jsonx_load(const char *data, size_t length, json_t **out)
{
	json_error_t error;

	*out = NULL;
	if (data == NULL || length == 0 || !depth_is_allowed(data, length))
		return SW_EINPUT;
	/* Jansson reports most allocation failures as bad syntax; errno distinguishes them. */
	errno = 0;
	*out = json_loadb(data, length, JSON_REJECT_DUPLICATES, &error);
	if (*out != NULL)
		return SW_OK;
	return errno == ENOMEM ? SW_ENOMEM : SW_EINPUT;
}

const char *
jsonx_string(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

char *
jsonx_strdup(struct arena *arena, const json_t *object, const char *name)
{
	return arena_strdup(arena, jsonx_string(object, name));
}

json_t *
jsonx_path(const json_t *root, ...)
{
	const json_t *at = root;
	const char *name;
	va_list names;

	va_start(names, root);
	while (at != NULL && (name = va_arg(names, const char *)) != NULL)
		at = json_object_get(at, name);
	va_end(names);
	return (json_t *)at;
}

int64_t
jsonx_int(const json_t *object, const char *name, int64_t fallback)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

/*
 * Jansson leaves "<" and DEL as they are.  Outside strings JSON has neither, so they can be
 * replaced wherever they stand.
 */
static int
dump_chunk(const char *chunk, size_t size, void *context)
{
	struct sbuf *buf = context;
	size_t from = 0;

	for (size_t i = 0; i < size; i++) {
		if (chunk[i] != '<' && chunk[i] != 0x7f)
			continue;
		sbuf_put(buf, chunk + from, i - from);
		sbuf_put(buf, chunk[i] == '<' ? "\\u003c" : "\\u007f", 6);
		from = i + 1;
	}
	sbuf_put(buf, chunk + from, size - from);
	return sbuf_failed(buf) ? -1 : 0;
}

static void
put_dump(struct sbuf *buf, const json_t *value)
{
	if (json_dump_callback(value, dump_chunk, buf, DUMP_FLAGS) != 0)
		buf->failed = true;
}

/*
 * 15 digits write 21.3 as it is read by a person, and 17 as 21.300000000000001: the shorter form is
 * used where it reads back as the same double.
 */
static size_t
real_digits(double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	return strtod(text, NULL) == value ? 15 : 17;
}

static void
put_real(struct sbuf *buf, const json_t *value)
{
	size_t flags = DUMP_FLAGS | JSON_REAL_PRECISION(real_digits(json_real_value(value)));

	if (json_dump_callback(value, dump_chunk, buf, flags) != 0)
		buf->failed = true;
}

void
jsonx_put(struct sbuf *buf, const json_t *value)
{
	if (value == NULL) {
		buf->failed = true;
		return;
	}
	switch (json_typeof(value)) {
	case JSON_STRING:
		jsonx_put_string(buf, json_string_value(value));
		break;
	case JSON_INTEGER:
		sbuf_put_int(buf, json_integer_value(value));
		break;
	case JSON_REAL:
		put_real(buf, value);
		break;
	case JSON_TRUE:
		sbuf_put(buf, "true", 4);
		break;
	case JSON_FALSE:
		sbuf_put(buf, "false", 5);
		break;
	case JSON_NULL:
		sbuf_put(buf, "null", 4);
		break;
	default:
		put_dump(buf, value);
		break;
	}
}

/* Length of the text when it needs no escape at all, else SIZE_MAX. */
static size_t
plain_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (; *at != '\0'; at++) {
		if (*at < 0x20 || *at > 0x7e || *at == '"' || *at == '\\' || *at == '/' ||
		    *at == '<')
			return SIZE_MAX;
	}
	return (size_t)(at - (const unsigned char *)text);
}

/* The text may be a token, and Jansson does not cleanse what it frees. */
static void
put_escaped(struct sbuf *buf, const char *text)
{
	json_t *value = json_string(text);

	if (value == NULL) {
		buf->failed = true;
		return;
	}
	put_dump(buf, value);
	secret_cleanse((char *)json_string_value(value), json_string_length(value));
	json_decref(value);
}

void
jsonx_put_string(struct sbuf *buf, const char *text)
{
	size_t length;

	if (text == NULL) {
		sbuf_put(buf, "null", 4);
		return;
	}
	length = plain_length(text);
	if (length == SIZE_MAX) {
		put_escaped(buf, text);
		return;
	}
	sbuf_put_char(buf, '"');
	sbuf_put(buf, text, length);
	sbuf_put_char(buf, '"');
}
