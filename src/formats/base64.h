#ifndef SWITCHBOARD_FORMATS_BASE64_H
#define SWITCHBOARD_FORMATS_BASE64_H

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

/* Lower-case hex, 2*length+1 bytes. */
void hex_encode(const void *data, size_t length, char *out);

#endif
