/* RSA key, certificate and HTTP signatures. */
#include "signing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "state.h"
#include "text.h"

#define CERTIFICATE_DAYS 30
#define DAY_S 86400L

static EVP_PKEY *key;

static char *
bio_take(BIO *bio)
{
	char *data;
	long length = BIO_get_mem_data(bio, &data);
	char *copy = memory_get((size_t)length + 1);

	memcpy(copy, data, (size_t)length);
	BIO_free(bio);
	return copy;
}

static EVP_PKEY *
key_make(void)
{
	EVP_PKEY *made = EVP_RSA_gen(2048);

	if (made == NULL)
		die("cannot make an RSA key");
	return made;
}

static void
add_extension(X509 *certificate, int which, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, which, value);

	if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
		die("cannot make a certificate");
	X509_EXTENSION_free(extension);
}

static void
set_serial(X509 *certificate)
{
	BIGNUM *serial = BN_new();

	/* 20 bytes with the top bit clear: a positive serial of full length (RFC 5280 4.1.2.2). */
	if (serial == NULL || BN_rand(serial, 157, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
	    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) == NULL)
		die("cannot make a serial number");
	BN_free(serial);
}

static char *
certificate_make(EVP_PKEY *with, long from_s, long until_s)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	BIO *bio = BIO_new(BIO_s_mem());

	X509_set_version(certificate, X509_VERSION_3);
	set_serial(certificate);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
	X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
	X509_set_pubkey(certificate, with);
	X509_NAME_add_entry_by_txt(
	    name, "O", MBSTRING_ASC, (const unsigned char *)"Simulated platform", -1, -1, 0);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"key.smartthings.com", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	add_extension(certificate, NID_key_usage, "digitalSignature");
	add_extension(certificate, NID_subject_alt_name, "DNS:key.smartthings.com");
	if (X509_sign(certificate, with, EVP_sha256()) == 0 ||
	    PEM_write_bio_X509(bio, certificate) != 1)
		die("cannot sign a certificate");
	X509_free(certificate);
	return bio_take(bio);
}

static X509 *
certificate_read(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return certificate;
}

static char *
key_id_of(const char *pem)
{
	X509 *certificate = certificate_read(pem);
	struct text id = {0};
	const ASN1_INTEGER *serial;
	const unsigned char *bytes;

	if (certificate == NULL)
		die("the certificate in the state file is damaged");
	serial = X509_get0_serialNumber(certificate);
	bytes = ASN1_STRING_get0_data(serial);
	text_puts(&id, "/pl/useast1/");
	for (int i = 0; i < ASN1_STRING_length(serial); i++)
		text_printf(&id, i == 0 ? "%02x" : "-%02x", bytes[i]);
	X509_free(certificate);
	return id.data;
}

static void
key_renew(json_t *stored)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *private_key;
	char *certificate;
	char *key_id;

	EVP_PKEY_free(key);
	key = key_make();
	if (PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		die("cannot write a key");
	private_key = bio_take(bio);
	certificate = certificate_make(key, -3600, CERTIFICATE_DAYS * DAY_S);
	key_id = key_id_of(certificate);
	json_put_text(stored, "privateKey", private_key);
	json_put_text(stored, "certificate", certificate);
	json_put_text(stored, "keyId", key_id);
	json_put(stored, "expiresAt",
	    json_integer(time_now_ms() + CERTIFICATE_DAYS * DAY_S * INT64_C(1000)));
	state_changed();
	free(private_key);
	free(certificate);
	free(key_id);
}

static bool
is_fresh(const json_t *stored)
{
	int64_t end = json_integer_value(json_object_get(stored, "expiresAt"));

	return end - time_now_ms() > DAY_S * INT64_C(1000);
}

/* Checked before each use: a simulator may run longer than its certificate is valid. */
static json_t *
key_current(void)
{
	json_t *stored = state_section("key");

	if (!is_fresh(stored))
		key_renew(stored);
	return stored;
}

void
signing_open(void)
{
	json_t *stored = state_section("key");

	if (is_fresh(stored)) {
		BIO *bio = BIO_new_mem_buf(json_text(stored, "privateKey"), -1);

		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		BIO_free(bio);
		if (key == NULL)
			die("the key in the state file is damaged");
	}
	key_current();
}

void
signing_close(void)
{
	EVP_PKEY_free(key);
	key = NULL;
}

const char *
signing_key_id(void)
{
	return json_text(key_current(), "keyId");
}

char *
signing_certificate(const char *kind)
{
	json_t *stored = key_current();
	EVP_PKEY *other;
	char *pem;

	if (strcmp(kind, "expired") == 0)
		return certificate_make(key, -60 * DAY_S, -30 * DAY_S);
	if (strcmp(kind, "other") != 0)
		return text_copy(json_text(stored, "certificate"));
	other = key_make();
	pem = certificate_make(other, -3600, CERTIFICATE_DAYS * DAY_S);
	EVP_PKEY_free(other);
	return pem;
}

static char *
digest_of(const char *body, size_t length)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int hash_length = 0;
	char *encoded;
	char *value;

	if (EVP_Digest(body, length, hash, &hash_length, EVP_sha256(), NULL) != 1)
		die("cannot hash");
	encoded = base64_encode(hash, hash_length);
	value = text_format("SHA256=%s", encoded);
	free(encoded);
	return value;
}

static char *
signature_of(const char *message)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[1024];
	size_t length = sizeof(signature);

	if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(
		context, signature, &length, (const unsigned char *)message, strlen(message)) != 1)
		die("cannot sign");
	EVP_MD_CTX_free(context);
	return base64_encode(signature, length);
}

void
signing_make(const char *method, const char *target, const char *body, size_t length,
    const char *date, const char *key_id, struct signed_headers *out)
{
	char *message;
	char *signature;

	key_current();
	out->digest = digest_of(body, length);
	out->date = date != NULL ? text_copy(date) : time_http_utc(time_now_ms());
	message = text_format("(request-target): %s %s\ndigest: %s\ndate: %s", method, target,
	    out->digest, out->date);
	signature = signature_of(message);
	out->authorization = text_format("Signature keyId=\"%s\",signature=\"%s\","
					 "headers=\"(request-target) digest date\","
					 "algorithm=\"rsa-sha256\"",
	    key_id != NULL ? key_id : signing_key_id(), signature);
	free(message);
	free(signature);
}

void
signing_clear(struct signed_headers *headers)
{
	free(headers->authorization);
	free(headers->digest);
	free(headers->date);
	memset(headers, 0, sizeof(*headers));
}
