/*
 * Secrets through OpenSSL.  SHA-256 is fetched once per process: a fetch takes longer than the
 * digest of a short text.  Every failure empties OpenSSL's error queue, which its later users would
 * otherwise take for their own.
 */
#include "base/secret.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

void
secret_cleanse(void *data, size_t length)
{
	if (data != NULL && length > 0)
		OPENSSL_cleanse(data, length);
}

void
secret_free(void *data, size_t length)
{
	secret_cleanse(data, length);
	free(data);
}

void
secret_free_text(char *text)
{
	if (text != NULL)
		secret_free(text, strlen(text));
}

enum sw_err
secret_random(void *out, size_t length)
{
	if (length == 0)
		return SW_OK;
	if (length <= INT_MAX && RAND_bytes(out, (int)length) == 1)
		return SW_OK;
	ERR_clear_error();
	memset(out, 0, length);
	return SW_EINTERNAL;
}

void
secret_sha256(const void *data, size_t length, uint8_t out[static SECRET_SHA256_BYTES])
{
	static EVP_MD *sha256;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int digest_length = 0;

	if (sha256 == NULL)
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (sha256 == NULL || EVP_Digest(data, length, digest, &digest_length, sha256, NULL) != 1 ||
	    digest_length != SECRET_SHA256_BYTES)
		abort();
	memcpy(out, digest, SECRET_SHA256_BYTES);
}

bool
secret_equal(const void *a, size_t a_length, const void *b, size_t b_length)
{
	if (a_length != b_length)
		return false;
	return a_length == 0 || CRYPTO_memcmp(a, b, a_length) == 0;
}
