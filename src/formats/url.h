#ifndef SWITCHBOARD_FORMATS_URL_H
#define SWITCHBOARD_FORMATS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"

/*
 * URLs and forms: RFC 3986, and application/x-www-form-urlencoded as in the
 * WHATWG URL standard 5.1.
 */

struct url_pair {
	const char *name;
	const char *value;
};
struct url_query {
	size_t count;
	const struct url_pair *pairs;
};

/* Percent-encode everything but the unreserved characters of RFC 3986 2.3. */
void url_put_encoded(struct sbuf *buf, const char *text);

/*
 * A text percent-decoded once (RFC 3986 2.1), in the arena; "+" stays as it is.  NULL: a bad
 * escape, a decoded NUL, or out of memory.  It need not be UTF-8.
 */
char *url_decode(struct arena *arena, const char *text, size_t length);

/*
 * Parse a query string or form body: "+" is a space, %XX decoded once.
 * At most 64 pairs.  Everything is in the arena.  SW_EINPUT: bad percent
 * escape, a decoded NUL, control character CR or LF in a name, invalid UTF-8, too many pairs.
 * SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
url_parse_query(struct arena *arena, const char *text, size_t length, struct url_query *out);

/*
 * The value of a name; NULL when absent.  A name given twice counts as
 * absent and sets *twice to true (may be NULL; never set to false, so that
 * one variable serves several calls): ambiguous input is refused.
 */
const char *url_query_get(const struct url_query *query, const char *name, bool *twice);

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

/*
 * Is this an id as the platform makes them, safe in a path segment?
 * 1 to 128 characters of [A-Za-z0-9._-], not "." or "..".
 */
bool url_id_is_valid(const char *text);

#endif
