#ifndef SWITCHBOARD_FORMATS_BASE64_H
#define SWITCHBOARD_FORMATS_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * Strict base64 (RFC 4648 4) and base64url without padding (RFC 4648 5).
 * No white space, no missing or extra padding, no non-zero trailing bits.
 */
#define BASE64_ENCODED_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Encode; "out" holds at least BASE64_ENCODED_SIZE(length) bytes; NUL-terminated. */
void base64_encode(const void *data, size_t length, char *out);

/* The same in the URL alphabet, without padding. */
void base64url_encode(const void *data, size_t length, char *out);

/*
 * Decode "text" of text_length characters into at most out_size bytes.
 * SW_EINPUT: not base64.  SW_ETOOLARGE: does not fit.
 */
SW_MUSTCHECK enum sw_err base64_decode(
    const char *text, size_t text_length, uint8_t *out, size_t out_size, size_t *out_length);

/* Is every character one of the URL alphabet, [A-Za-z0-9_-]?  An empty text is. */
bool base64url_is_text(const char *text, size_t length);

/*
 * A random text with the entropy of "bytes" random bytes: as long as their base64url (32 bytes: 43
 * characters), NUL-terminated.  SW_EINTERNAL: no random numbers, or out_size too small; "out" is
 * then "".
 */
SW_MUSTCHECK enum sw_err base64url_random(char *out, size_t out_size, size_t bytes);

#endif
