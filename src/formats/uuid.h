#ifndef SWITCHBOARD_FORMATS_UUID_H
#define SWITCHBOARD_FORMATS_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/secret.h"

/* UUIDs, RFC 9562. */
#define UUID_BYTES 16
#define UUID_TEXT_SIZE 37

/*
 * The 8-4-4-4-12 hex digits of section 4, in either case, to bytes; false (and
 * *out of no meaning) when the text is anything else.
 */
bool uuid_parse(const char *text, uint8_t out[static UUID_BYTES]);

/* Lower-case text, NUL-terminated. */
void uuid_format(const uint8_t uuid[static UUID_BYTES], char out[static UUID_TEXT_SIZE]);

/*
 * The 100 ns clock inside a version-1 UUID (5.1), as 100 ns units since 1970
 * UTC; false and *out untouched when it is of another version or before 1970.
 */
bool uuid_tick(const uint8_t uuid[static UUID_BYTES], int64_t *out);

/*
 * The version-8 UUID (5.8) that stands for a SHA-256 digest and an index: the
 * start of SHA-256 over the digest and the index as four bytes, most
 * significant first.  The same input gives the same id in every process.
 */
void uuid_derive(
    const uint8_t hash[static SECRET_SHA256_BYTES], uint32_t index, uint8_t out[static UUID_BYTES]);

#endif
