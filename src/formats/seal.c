/*
 * Sealing through OpenSSL's EVP.  What it hides: the layout of a sealed value, the text form of the
 * keys, and that every failure empties OpenSSL's error queue.
 */
#include "formats/seal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/secret.h"
#include "formats/base64.h"

#define SEAL_VERSION 1
#define SEAL_NONCE_BYTES 12
#define SEAL_TAG_BYTES 16
#define SEAL_PLAIN_MAX ((size_t)16 * 1024 * 1024)

/* The parts of a sealed value, all borrowed from it. */
struct sealed_parts {
	const uint8_t *key_id;
	size_t key_id_length;
	const uint8_t *nonce;
	const uint8_t *cipher;
	size_t cipher_length;
	const uint8_t *tag;
};

static const EVP_CIPHER *
aes_256_gcm(void)
{
	static EVP_CIPHER *cipher;

	if (cipher == NULL)
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	return cipher;
}

static bool
is_key_id(const uint8_t *id, size_t length)
{
	return length > 0 && length <= SEAL_KEY_ID_MAX &&
	       base64url_is_text((const char *)id, length);
}

static const struct seal_key *
find_key(const struct seal_keys *keys, const uint8_t *id, size_t length)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (strlen(keys->keys[i].id) == length && memcmp(keys->keys[i].id, id, length) == 0)
			return &keys->keys[i];
	}
	return NULL;
}

static bool
add_key(struct seal_keys *keys, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	size_t id_length = colon != NULL ? (size_t)(colon - line) : 0;
	struct seal_key *key;
	size_t key_length;

	if (keys->count == SEAL_KEYS_MAX || !is_key_id((const uint8_t *)line, id_length))
		return false;
	if (find_key(keys, (const uint8_t *)line, id_length) != NULL)
		return false;
	key = &keys->keys[keys->count];
	if (base64_decode(colon + 1, length - id_length - 1, key->key, sizeof(key->key),
		&key_length) != SW_OK ||
	    key_length != SEAL_KEY_BYTES)
		return false;
	memcpy(key->id, line, id_length);
	keys->count++;
	return true;
}

enum sw_err
seal_keys_parse(const char *text, struct seal_keys *out)
{
	seal_keys_clear(out);
	while (text != NULL && *text != '\0') {
		size_t length = strcspn(text, "\n");
		bool blank = strspn(text, " \t") >= length;

		if (!blank && *text != '#' && !add_key(out, text, length)) {
			seal_keys_clear(out);
			return SW_EINPUT;
		}
		text += length;
		if (*text == '\n')
			text++;
	}
	return out->count > 0 ? SW_OK : SW_EINPUT;
}

void
seal_keys_clear(struct seal_keys *keys)
{
	if (keys != NULL)
		secret_cleanse(keys, sizeof(*keys));
}

/* The first steps of sealing and opening: key and nonce, then the context as associated data. */
static bool
start_cipher(EVP_CIPHER_CTX *ctx, const struct seal_key *key, const uint8_t *nonce,
    const char *context, bool encrypt)
{
	int written = 0;

	return aes_256_gcm() != NULL &&
	       EVP_CipherInit_ex2(ctx, aes_256_gcm(), key->key, nonce, encrypt, NULL) == 1 &&
	       EVP_CipherUpdate(
		   ctx, NULL, &written, (const uint8_t *)context, (int)strlen(context)) == 1;
}

static bool
encrypt(const struct seal_key *key, const char *context, const void *plain, size_t plain_length,
    const uint8_t *nonce, uint8_t *cipher, uint8_t *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int written = 0, rest = 0;
	bool done;

	done = ctx != NULL && start_cipher(ctx, key, nonce, context, true);
	if (done && plain_length > 0)
		done = EVP_CipherUpdate(ctx, cipher, &written, plain, (int)plain_length) == 1;
	done = done && EVP_CipherFinal_ex(ctx, tag, &rest) == 1 && rest == 0 &&
	       (size_t)written == plain_length &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return done;
}

enum sw_err
seal_close(const struct seal_keys *keys, const char *context, const void *plain,
    size_t plain_length, uint8_t **out, size_t *out_length)
{
	const struct seal_key *key = &keys->keys[0];
	uint8_t *sealed, *nonce;
	size_t id_length, length;

	*out = NULL;
	*out_length = 0;
	if (keys->count == 0 || plain_length > SEAL_PLAIN_MAX || strlen(context) > INT_MAX)
		return SW_EINTERNAL;
	id_length = strlen(key->id);
	length = 2 + id_length + SEAL_NONCE_BYTES + plain_length + SEAL_TAG_BYTES;
	sealed = malloc(length);
	if (sealed == NULL)
		return SW_ENOMEM;
	sealed[0] = SEAL_VERSION;
	sealed[1] = (uint8_t)id_length;
	memcpy(sealed + 2, key->id, id_length);
	nonce = sealed + 2 + id_length;
	if (secret_random(nonce, SEAL_NONCE_BYTES) != SW_OK ||
	    !encrypt(key, context, plain, plain_length, nonce, nonce + SEAL_NONCE_BYTES,
		sealed + length - SEAL_TAG_BYTES)) {
		ERR_clear_error();
		secret_free(sealed, length);
		return SW_EINTERNAL;
	}
	*out = sealed;
	*out_length = length;
	return SW_OK;
}

static bool
split_sealed(const uint8_t *sealed, size_t length, struct sealed_parts *out)
{
	size_t overhead;

	if (sealed == NULL || length < 2 || sealed[0] != SEAL_VERSION)
		return false;
	out->key_id_length = sealed[1];
	overhead = 2 + out->key_id_length + SEAL_NONCE_BYTES + SEAL_TAG_BYTES;
	if (length < overhead || length - overhead > SEAL_PLAIN_MAX)
		return false;
	out->key_id = sealed + 2;
	out->nonce = out->key_id + out->key_id_length;
	out->cipher = out->nonce + SEAL_NONCE_BYTES;
	out->cipher_length = length - overhead;
	out->tag = out->cipher + out->cipher_length;
	return is_key_id(out->key_id, out->key_id_length);
}

/* SW_EINPUT: the tag is not that of these bytes.  SW_EINTERNAL: the library failed. */
static enum sw_err
decrypt(const struct seal_key *key, const char *context, const struct sealed_parts *parts,
    uint8_t *plain)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t tag[SEAL_TAG_BYTES], none[SEAL_TAG_BYTES];
	int written = 0, rest = 0;
	bool authentic = false, done;

	memcpy(tag, parts->tag, SEAL_TAG_BYTES);
	done = ctx != NULL && start_cipher(ctx, key, parts->nonce, context, false) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_BYTES, tag) == 1;
	if (done && parts->cipher_length > 0)
		done = EVP_CipherUpdate(
			   ctx, plain, &written, parts->cipher, (int)parts->cipher_length) == 1;
	if (done)
		authentic = EVP_CipherFinal_ex(ctx, none, &rest) == 1;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	if (!done)
		return SW_EINTERNAL;
	return authentic ? SW_OK : SW_EINPUT;
}

enum sw_err
seal_open(const struct seal_keys *keys, const char *context, const uint8_t *sealed,
    size_t sealed_length, char **out, size_t *out_length)
{
	const struct seal_key *key;
	struct sealed_parts parts;
	enum sw_err err;
	char *plain;

	*out = NULL;
	*out_length = 0;
	if (!split_sealed(sealed, sealed_length, &parts) || strlen(context) > INT_MAX)
		return SW_EINPUT;
	key = find_key(keys, parts.key_id, parts.key_id_length);
	if (key == NULL)
		return SW_ENOTFOUND;
	plain = malloc(parts.cipher_length + 1);
	if (plain == NULL)
		return SW_ENOMEM;
	err = decrypt(key, context, &parts, (uint8_t *)plain);
	if (err != SW_OK) {
		secret_free(plain, parts.cipher_length);
		return err;
	}
	plain[parts.cipher_length] = '\0';
	*out = plain;
	*out_length = parts.cipher_length;
	return SW_OK;
}

enum sw_err
seal_key_id(const uint8_t *sealed, size_t sealed_length, char id[static SEAL_KEY_ID_MAX + 1])
{
	struct sealed_parts parts;

	id[0] = '\0';
	if (!split_sealed(sealed, sealed_length, &parts))
		return SW_EINPUT;
	memcpy(id, parts.key_id, parts.key_id_length);
	id[parts.key_id_length] = '\0';
	return SW_OK;
}
