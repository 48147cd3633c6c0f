#ifndef SWITCHBOARD_FORMATS_JSON_H
#define SWITCHBOARD_FORMATS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"

/*
 * The one strict JSON loader and small accessors.  Strict means: duplicate
 * keys, trailing bytes, NUL, invalid UTF-8 and nesting beyond
 * JSONX_DEPTH_MAX are refused (checked before Jansson recurses).
 */
#define JSONX_DEPTH_MAX 64

/*
 * *out is the caller's, json_decref() it; NULL on failure.
 * SW_EINPUT: not strict JSON, or not an object/array at the top.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err jsonx_load(const char *data, size_t length, json_t **out);

/*
 * A string member; NULL when the member is absent, null or not a string
 * (borrowed from the object, dead after its decref).
 */
const char *jsonx_string(const json_t *object, const char *name);

/* Copy of a string member in the arena; NULL when absent or not a string or out of memory. */
char *jsonx_strdup(struct arena *arena, const json_t *object, const char *name);

/* Follow object members by name ("a", "b", NULL); NULL when one is missing. */
json_t *jsonx_path(const json_t *root, ...) __attribute__((sentinel));

/* An integer member (5.0 does not count); "fallback" when absent or another type. */
int64_t jsonx_int(const json_t *object, const char *name, int64_t fallback);

/*
 * Append the value as compact JSON: printable ASCII only, "/" and "<" escaped, so that it
 * is safe inside SSE and HTML script data.  Numbers read back as the same
 * double.  Marks the buffer as failed when memory runs out.
 */
void jsonx_put(struct sbuf *buf, const json_t *value);

/*
 * The same for text, with its quotes; NULL gives null.  Text that is not valid
 * UTF-8 marks the buffer as failed.  Copies it needs on the way are cleansed.
 */
void jsonx_put_string(struct sbuf *buf, const char *text);

#endif
