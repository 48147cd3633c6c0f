#ifndef SWITCHBOARD_FORMATS_URL_QUERY_H
#define SWITCHBOARD_FORMATS_URL_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/err.h"

/* Query strings and forms: application/x-www-form-urlencoded as in the WHATWG URL standard 5.1. */

struct url_pair {
	const char *name;
	const char *value;
};
struct url_query {
	size_t count;
	const struct url_pair *pairs;
};

/*
 * Parse a query string or form body: "+" is a space, %XX decoded once.
 * At most 64 pairs.  Everything is in the arena.  SW_EINPUT: bad percent
 * escape, a decoded NUL, control character CR or LF in a name, invalid UTF-8, too many pairs.
 * SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
url_query_parse(struct arena *arena, const char *text, size_t length, struct url_query *out);

/*
 * The value of a name; NULL when absent.  A name given twice counts as
 * absent and sets *twice to true (may be NULL; never set to false, so that
 * one variable serves several calls): ambiguous input is refused.
 */
const char *url_query_get(const struct url_query *query, const char *name, bool *twice);

#endif
