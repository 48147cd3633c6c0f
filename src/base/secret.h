#ifndef SWITCHBOARD_BASE_SECRET_H
#define SWITCHBOARD_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * Secrets: random numbers, digests, constant-time comparison, wiping, and
 * sealing with AES-256-GCM (NIST SP 800-38D) through OpenSSL EVP.  This file
 * and httpsig are the only ones that include OpenSSL.
 */
#define SECRET_SHA256_BYTES 32
#define SECRET_KEY_BYTES 32
#define SECRET_KEY_ID_MAX 32
#define SECRET_KEYS_MAX 16

/* Keys from SWITCHBOARD_SEAL_KEYS: the first seals, all open. */
struct seal_key {
	char id[SECRET_KEY_ID_MAX + 1];
	uint8_t key[SECRET_KEY_BYTES];
};
struct seal_keys {
	size_t count;
	struct seal_key keys[SECRET_KEYS_MAX];
};

/* Overwrite memory so that the compiler cannot drop it.  NULL/0 is fine. */
void secret_cleanse(void *data, size_t length);

/* free() after cleansing "length" bytes, or the whole string.  NULL is fine. */
void secret_free(void *data, size_t length);

/* The same for a NUL-terminated string. */
void secret_free_text(char *text);

/* Fill with random bytes.  SW_EINTERNAL when the generator has none: refuse to serve. */
SW_MUSTCHECK enum sw_err secret_random(void *out, size_t length);

/*
 * A random text with as much chance in it as "bytes" random bytes: as long as their unpadded
 * base64url (32 bytes: 43 characters of [A-Za-z0-9_-]), NUL-terminated.
 * SW_EINTERNAL: no random numbers, or out_size too small; "out" is then "".
 */
SW_MUSTCHECK enum sw_err secret_random_token(char *out, size_t out_size, size_t bytes);

/* SHA-256.  Cannot fail short of a broken library (then it aborts). */
void secret_sha256(const void *data, size_t length, uint8_t out[static SECRET_SHA256_BYTES]);

/* Equal, in time that depends only on the lengths. */
bool secret_equal(const void *a, size_t a_length, const void *b, size_t b_length);

/*
 * Parse lines "id:base64(32 bytes)" (id: 1-32 of [A-Za-z0-9_-], unique; blank
 * lines and lines starting with # skipped).  SW_EINPUT for anything else or
 * for no key at all; *out is then all zero.
 */
SW_MUSTCHECK enum sw_err seal_keys_parse(const char *text, struct seal_keys *out);

/* Cleanse; all zero afterwards. */
void seal_keys_clear(struct seal_keys *keys);

/*
 * Seal "plain" under the first key, bound to "context" (associated data: the
 * row's identity, e.g. "token:<installation>:access").  Output layout: version 1, length of
 * key id, key id, 12-byte random nonce, ciphertext, 16-byte tag.  *out is the
 * caller's (free()).  SW_EINTERNAL, SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err seal_close(const struct seal_keys *keys, const char *context,
    const void *plain, size_t plain_length, uint8_t **out, size_t *out_length);

/*
 * Open a sealed value.  *out is the caller's, NUL-terminated beyond
 * *out_length: secret_free(*out, *out_length).  SW_EINPUT: not a sealed
 * value, tampered with, or bound to another context.  SW_ENOTFOUND: sealed
 * with a key that is not among "keys".
 */
SW_MUSTCHECK enum sw_err seal_open(const struct seal_keys *keys, const char *context,
    const uint8_t *sealed, size_t sealed_length, char **out, size_t *out_length);

/* Key id a value was sealed with, into "id"; SW_EINPUT when it is no sealed value. */
SW_MUSTCHECK enum sw_err
seal_key_id(const uint8_t *sealed, size_t sealed_length, char id[static SECRET_KEY_ID_MAX + 1]);

#endif
