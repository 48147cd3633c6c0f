/*
 * JSON with odd values (RFC 8259): the structure is read here, each string, number and word by
 * Jansson, so that one that it refuses costs nothing but itself.
 */
#include "formats/json_tolerant.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/sbuf.h"
#include "formats/json.h"

/* An object or array that is being read; it belongs to the one around it. */
struct level {
	json_t *container;
	json_t *key; /* of the member being read; NULL in an array */
	size_t count;
};

struct reader {
	const char *at, *end;
	json_tolerant_odd *odd;
	void *context;
	json_t *root;
	struct level levels[JSONX_DEPTH_MAX];
	int depth; /* levels in use */
	enum sw_err err;
};

static bool
fail(struct reader *reader, enum sw_err err)
{
	reader->err = err;
	return false;
}

/* The next byte that is not white space; 0 at the end. */
static char
peek(struct reader *reader)
{
	while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4) != NULL)
		reader->at++;
	return reader->at < reader->end ? *reader->at : '\0';
}

/* Where the reader is, as in "items.3.profileVersion". */
static void
put_path(const struct reader *reader, struct sbuf *path)
{
	for (int i = 0; i < reader->depth; i++) {
		const struct level *level = &reader->levels[i];

		if (i > 0)
			sbuf_put_char(path, '.');
		if (json_is_array(level->container))
			sbuf_printf(path, "%zu", level->count - 1);
		else
			sbuf_put_text(
			    path, level->key != NULL ? json_string_value(level->key) : "?");
	}
}

static bool
report(struct reader *reader)
{
	struct sbuf path = {0};

	if (reader->odd == NULL)
		return true;
	put_path(reader, &path);
	if (sbuf_failed(&path))
		fail(reader, SW_ENOMEM);
	else
		reader->odd(reader->context, sbuf_text(&path));
	sbuf_clear(&path);
	return reader->err == SW_OK;
}

/* Pass a string, whatever is in it.  False: it does not end. */
static bool
skip_string(struct reader *reader)
{
	bool escaped = false;

	for (reader->at++; reader->at < reader->end; reader->at++) {
		if (!escaped && *reader->at == '"') {
			reader->at++;
			return true;
		}
		escaped = !escaped && *reader->at == '\\';
	}
	return fail(reader, SW_EINPUT);
}

/* Pass a string, number or word.  False: there is none. */
static bool
skip_scalar(struct reader *reader)
{
	const char *from = reader->at;

	if (from < reader->end && *from == '"')
		return skip_string(reader);
	while (reader->at < reader->end && memchr(" \t\r\n{}[],:\"", *reader->at, 11) == NULL)
		reader->at++;
	return reader->at > from || fail(reader, SW_EINPUT);
}

/* Pass a whole value; of what is nested in it only the brackets are counted. */
static bool
skip_value(struct reader *reader)
{
	size_t depth = 0;

	do {
		char c = peek(reader);

		if (c == '{' || c == '[') {
			depth++;
			reader->at++;
		} else if (depth > 0 && (c == '}' || c == ']')) {
			depth--;
			reader->at++;
		} else if (depth > 0 && (c == ',' || c == ':')) {
			reader->at++;
		} else if (!skip_scalar(reader)) {
			return false;
		}
	} while (depth > 0);
	return true;
}

/* Read a string, number or word.  *out is NULL for an odd one. */
static bool
read_scalar(struct reader *reader, json_t **out)
{
	const char *from = reader->at;
	json_error_t error;

	*out = NULL;
	if (!skip_scalar(reader))
		return false;
	if (memchr(from, '\0', (size_t)(reader->at - from)) != NULL) /* its end for Jansson */
		return true;
	errno = 0; /* as in jsonx_load() */
	*out = json_loadb(from, (size_t)(reader->at - from), JSON_DECODE_ANY, &error);
	return *out != NULL || errno != ENOMEM || fail(reader, SW_ENOMEM);
}

/* Put a value where the reader is; it is taken over. */
static bool
attach(struct reader *reader, json_t *value)
{
	struct level *level = reader->depth > 0 ? &reader->levels[reader->depth - 1] : NULL;
	bool done = true;

	if (level == NULL)
		reader->root = value;
	else if (json_is_array(level->container))
		done = json_array_append_new(level->container, value) == 0;
	else
		done = json_object_set_new_nocheck(
			   level->container, json_string_value(level->key), value) == 0;
	return (done && value != NULL) || fail(reader, SW_ENOMEM);
}

static bool
attach_odd(struct reader *reader)
{
	return report(reader) && attach(reader, json_null());
}

static bool
open_level(struct reader *reader, json_t *container)
{
	if (!attach(reader, container))
		return false;
	reader->at++;
	reader->levels[reader->depth++] = (struct level){.container = container};
	return true;
}

static void
close_level(struct reader *reader)
{
	reader->at++;
	json_decref(reader->levels[--reader->depth].key);
}

static bool
read_value(struct reader *reader)
{
	char c = peek(reader);
	json_t *value;

	if ((c == '{' || c == '[') && reader->depth < JSONX_DEPTH_MAX)
		return open_level(reader, c == '{' ? json_object() : json_array());
	if (c == '{' || c == '[')
		return skip_value(reader) && attach_odd(reader);
	if (reader->depth == 0)
		return fail(reader, SW_EINPUT);
	if (!read_scalar(reader, &value))
		return false;
	return value != NULL ? attach(reader, value) : attach_odd(reader);
}

/* Read a name and its colon; level->key is NULL for an odd one. */
static bool
read_key(struct reader *reader, struct level *level)
{
	json_decref(level->key);
	level->key = NULL;
	if (peek(reader) != '"')
		return fail(reader, SW_EINPUT);
	if (!read_scalar(reader, &level->key))
		return false;
	if (peek(reader) != ':')
		return fail(reader, SW_EINPUT);
	reader->at++;
	return true;
}

static bool
read_member(struct reader *reader, struct level *level)
{
	if (!read_key(reader, level))
		return false;
	if (level->key == NULL)
		return skip_value(reader) && report(reader);
	if (json_object_get(level->container, json_string_value(level->key)) != NULL)
		return skip_value(reader) && attach_odd(reader);
	return read_value(reader);
}

/* The next element or member, or the end of the innermost object or array. */
static bool
read_next(struct reader *reader)
{
	struct level *level = &reader->levels[reader->depth - 1];
	bool is_object = json_is_object(level->container);
	char c = peek(reader);

	if (c == (is_object ? '}' : ']')) {
		close_level(reader);
		return true;
	}
	if (level->count++ > 0) {
		if (c != ',')
			return fail(reader, SW_EINPUT);
		reader->at++;
	}
	return is_object ? read_member(reader, level) : read_value(reader);
}

static enum sw_err
read_all(struct reader *reader)
{
	bool going = read_value(reader);

	while (going && reader->depth > 0)
		going = read_next(reader);
	if (going && (peek(reader) != '\0' || reader->at < reader->end))
		fail(reader, SW_EINPUT);
	while (reader->depth > 0)
		close_level(reader);
	return reader->err;
}

enum sw_err
json_tolerant_load(
    const char *data, size_t length, json_tolerant_odd *odd, void *context, json_t **out)
{
	struct reader reader = {.at = data, .end = data, .odd = odd, .context = context};
	enum sw_err err = jsonx_load(data, length, out);

	if (err != SW_EINPUT || data == NULL)
		return err;
	reader.end = data + length;
	err = read_all(&reader);
	if (err == SW_OK)
		*out = reader.root;
	else
		json_decref(reader.root);
	return err;
}
