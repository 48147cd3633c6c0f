#ifndef SWITCHBOARD_FORMATS_JSON_SPAN_H
#define SWITCHBOARD_FORMATS_JSON_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"

/*
 * Parts of a JSON text, found without building values: for texts that jsonx_load() refuses because
 * of one value that is JSON by the grammar and that Jansson or PostgreSQL cannot hold (an integer
 * beyond 64 bits, an escaped NUL or lone surrogate, a doubled member, a nesting without end).
 * Spans point into the text, which must outlive them and have passed json_span_check().
 */
struct json_span {
	const char *text;
	size_t length;
};

/*
 * Is it one object or array by the grammar of RFC 8259 2-7, all of it UTF-8, at any depth?  The
 * arena gives a bit for each byte.  SW_EINPUT: it is not.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err json_span_check(struct arena *arena, const char *text, size_t length);

/* The first character that is no white space: what kind of value it is. */
char json_span_kind(struct json_span value);

/*
 * Walk an object or array: "*rest" is the whole value at first (of another kind it has no
 * members).  False: there are no more.  The name comes with its quotes, and has none in an array.
 */
bool json_span_next(struct json_span *rest, struct json_span *name, struct json_span *value);

/*
 * The member of that name.  Of no length when there is none, when it is doubled, and when the
 * object has a name that is spelled with escapes, for that may be the same one.
 */
struct json_span json_span_member(struct json_span object, const char *name);

/*
 * Append an object with the members that have one of these names (NULL ends them) and those whose
 * names are spelled with escapes, as they stand: jsonx_load() finds what is doubled.
 */
void json_span_put_members(struct sbuf *out, struct json_span object, const char *const *names);

#endif
