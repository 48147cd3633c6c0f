#ifndef SWITCHBOARD_FORMATS_URL_H
#define SWITCHBOARD_FORMATS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"

/* URLs: RFC 3986. */

/* Percent-encode everything but the unreserved characters of RFC 3986 2.3. */
void url_put_encoded(struct sbuf *buf, const char *text);

/*
 * Percent-decode a text once (RFC 3986 2.1) into "out" of at least length + 1 bytes; in a form "+"
 * is a space.  False: a bad escape, or a NUL.  The result need not be UTF-8.
 */
bool url_decode_into(const char *text, size_t length, bool form, char *out, size_t *out_length);

/* The same for a part of a path, in the arena; NULL also when out of memory. */
char *url_decode(struct arena *arena, const char *text, size_t length);

/* An absolute http or https URL, split.  Host is lower case, port always filled in. */
struct url_parts {
	char scheme[6];
	char host[256]; /* without brackets for IPv6 */
	int port;
	/* Inside the text given: all behind host and port, with the query; "" when nothing is. */
	const char *path;
};

/*
 * Split an absolute URL as libcurl reads it.  SW_EINPUT: another scheme, userinfo, an empty or
 * malformed host, an address in other than its usual form, a bad or zero port or one with leading
 * zeros, control or non-ASCII characters, spaces, backslashes, a fragment, over 2048 characters.
 * SW_ENOMEM.  *out is all zero on failure.
 */
SW_MUSTCHECK enum sw_err url_split(const char *text, struct url_parts *out);

/* Same scheme, host and port (RFC 6454 4). */
bool url_same_origin(const struct url_parts *a, const struct url_parts *b);

/* 127.0.0.0/8 in dotted form, ::1 or "localhost". */
bool url_is_loopback(const struct url_parts *parts);

#define URL_ID_MAX 128

/*
 * Is this an id as the platform makes them, safe in a path segment?
 * 1 to URL_ID_MAX characters of [A-Za-z0-9._-], not "." or "..".
 */
bool url_id_is_valid(const char *text);

#endif
