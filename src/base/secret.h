#ifndef SWITCHBOARD_BASE_SECRET_H
#define SWITCHBOARD_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * Secrets: random numbers, digests, constant-time comparison and wiping, through OpenSSL.  Sealing
 * is formats/seal.h.
 */
#define SECRET_SHA256_BYTES 32

/* Overwrite memory so that the compiler cannot drop it.  NULL/0 is fine. */
void secret_cleanse(void *data, size_t length);

/* free() after cleansing "length" bytes, or the whole string.  NULL is fine. */
void secret_free(void *data, size_t length);

/* The same for a NUL-terminated string. */
void secret_free_text(char *text);

/* Fill with random bytes.  SW_EINTERNAL: the generator failed; "out" is then all zero. */
SW_MUSTCHECK enum sw_err secret_random(void *out, size_t length);

/* SHA-256.  Cannot fail short of a broken library (then it aborts). */
void secret_sha256(const void *data, size_t length, uint8_t out[static SECRET_SHA256_BYTES]);

/* Equal, in time that depends only on the lengths. */
bool secret_equal(const void *a, size_t a_length, const void *b, size_t b_length);

#endif
