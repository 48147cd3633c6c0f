#ifndef SWITCHBOARD_FORMATS_JSON_TOLERANT_H
#define SWITCHBOARD_FORMATS_JSON_TOLERANT_H

#include <stddef.h>
#include "base/err.h"
#include "formats/json.h"

/* A value that was read as null; "path" is for a log: "items.3.profileVersion". */
typedef void json_tolerant_odd(void *context, const char *path);

/*
 * Load JSON of which a single value may be odd.  What jsonx_load() accepts comes out as from there.
 * Else each of these counts as null, and "odd" (which may be NULL) is called for it: a number
 * beyond 64 bits or the range of a double, or written as JSON has it not; a word that is none of
 * JSON's; a string with NUL, a lone surrogate, invalid UTF-8 or a bad escape; what is nested deeper
 * than JSONX_DEPTH_MAX; and a member that an object has twice.  A member whose name is such a
 * string is left out.  Takes time in proportion to the length, and does not recurse.
 * *out is the caller's, json_decref() it; NULL on failure.
 * SW_EINPUT: the brackets, commas, colons and quotes are not those of JSON, or it is no object or
 * array.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err json_tolerant_load(
    const char *data, size_t length, json_tolerant_odd *odd, void *context, json_t **out);

#endif
