/*
 * The certificates that sign webhooks, and the check of a signature with their key.  What it hides:
 * OpenSSL's X.509 and EVP, its error queue, and that everything a verification needs is fetched
 * once, when the key is read.
 */
#include "formats/httpsig_key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/secret.h"

#define KEY_BITS_MIN 2048
#define KEY_BITS_MAX (HTTPSIG_SIGNATURE_MAX * 8)

struct httpsig_key {
	EVP_PKEY_CTX *verify; /* ready for EVP_PKEY_verify(), as often as wanted */
};

/* Without this OpenSSL would read the password of an encrypted PEM block from the terminal. */
static int
refuse_password(char *buf, int size, int writing, void *context)
{
	(void)buf, (void)size, (void)writing, (void)context;
	return -1;
}

/* OpenSSL does not always report that memory ran out; errno, cleared before, does. */
static enum sw_err
failure_reason(void)
{
	return errno == ENOMEM ? SW_ENOMEM : SW_EAUTH;
}

static bool
asn1_time_at(const ASN1_TIME *time, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

static bool
certificate_is_current(const X509 *certificate, int64_t now, int64_t *not_after)
{
	int64_t not_before;

	return asn1_time_at(X509_get0_notBefore(certificate), &not_before) &&
	       asn1_time_at(X509_get0_notAfter(certificate), not_after) &&
	       now >= not_before - HTTPSIG_DATE_SKEW_S && now <= *not_after + HTTPSIG_DATE_SKEW_S;
}

/* EVP_PKEY_verify() may be called many times on a context that was set up once. */
static EVP_PKEY_CTX *
prepare_verify(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *verify = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (verify != NULL && EVP_PKEY_verify_init(verify) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(verify, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(verify, EVP_sha256()) == 1)
		return verify;
	EVP_PKEY_CTX_free(verify);
	return NULL;
}

static enum sw_err
key_from_certificate(X509 *certificate, struct httpsig_key **out)
{
	EVP_PKEY *pkey = X509_get0_pubkey(certificate);
	struct httpsig_key *key;

	if (pkey == NULL)
		return failure_reason();
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA || EVP_PKEY_get_bits(pkey) < KEY_BITS_MIN ||
	    EVP_PKEY_get_bits(pkey) > KEY_BITS_MAX)
		return SW_EAUTH;
	key = malloc(sizeof(*key));
	if (key == NULL)
		return SW_ENOMEM;
	key->verify = prepare_verify(pkey);
	if (key->verify == NULL) {
		free(key);
		return failure_reason();
	}
	*out = key;
	return SW_OK;
}

static X509 *
read_certificate(const char *pem, size_t length)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)length);
	X509 *certificate = NULL;

	if (bio != NULL)
		certificate = PEM_read_bio_X509(bio, NULL, refuse_password, NULL);
	BIO_free(bio);
	return certificate;
}

enum sw_err
httpsig_key_read(
    const char *pem, size_t length, int64_t now, int64_t *not_after, struct httpsig_key **out)
{
	X509 *certificate;
	int64_t ends_at = 0;
	enum sw_err err = SW_EAUTH;

	*out = NULL;
	if (pem == NULL || length == 0 || length > HTTPSIG_CERTIFICATE_MAX)
		return SW_EAUTH;
	ERR_clear_error();
	errno = 0;
	certificate = read_certificate(pem, length);
	if (certificate == NULL)
		err = failure_reason();
	else if (certificate_is_current(certificate, now, &ends_at))
		err = key_from_certificate(certificate, out);
	X509_free(certificate);
	ERR_clear_error();
	if (err == SW_OK && not_after != NULL)
		*not_after = ends_at;
	return err;
}

void
httpsig_key_free(struct httpsig_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_CTX_free(key->verify);
	free(key);
}

bool
httpsig_key_is_same(const struct httpsig_key *a, const struct httpsig_key *b)
{
	return EVP_PKEY_eq(EVP_PKEY_CTX_get0_pkey(a->verify), EVP_PKEY_CTX_get0_pkey(b->verify)) ==
	       1;
}

enum sw_err
httpsig_verify(const struct httpsig_key *key, const struct httpsig *sig, const char *signing_string,
    size_t length)
{
	uint8_t digest[SECRET_SHA256_BYTES];
	int verdict;

	secret_sha256(signing_string, length, digest);
	ERR_clear_error();
	verdict = EVP_PKEY_verify(
	    key->verify, sig->signature, sig->signature_length, digest, sizeof(digest));
	ERR_clear_error();
	return verdict == 1 ? SW_OK : SW_EAUTH;
}
