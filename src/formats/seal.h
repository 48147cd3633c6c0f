#ifndef SWITCHBOARD_FORMATS_SEAL_H
#define SWITCHBOARD_FORMATS_SEAL_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Sealing of tokens with AES-256-GCM (NIST SP 800-38D). */
#define SEAL_KEY_BYTES 32
#define SEAL_KEY_ID_MAX 32
#define SEAL_KEYS_MAX 16

/* Keys from SWITCHBOARD_SEAL_KEYS: the first seals, all open. */
struct seal_key {
	char id[SEAL_KEY_ID_MAX + 1];
	uint8_t key[SEAL_KEY_BYTES];
};
struct seal_keys {
	size_t count;
	struct seal_key keys[SEAL_KEYS_MAX];
};

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
seal_key_id(const uint8_t *sealed, size_t sealed_length, char id[static SEAL_KEY_ID_MAX + 1]);

#endif
