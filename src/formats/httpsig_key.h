#ifndef SWITCHBOARD_FORMATS_HTTPSIG_KEY_H
#define SWITCHBOARD_FORMATS_HTTPSIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "formats/httpsig.h"

/*
 * The keys that sign webhooks: RSA, in X.509 certificates from the platform's key server.
 */
#define HTTPSIG_CERTIFICATE_MAX 16384

/* A public key taken from a certificate, parsed once for many verifications. */
struct httpsig_key;

/*
 * Read a PEM X.509 certificate (the first in the text).  SW_EAUTH: not a
 * certificate, over HTTPSIG_CERTIFICATE_MAX, not RSA or not of 2048 to 8192 bits, or
 * outside its dates at "now" (300 s of skew allowed).  SW_ENOMEM.  *not_after (may be NULL, and
 * untouched on failure) is when it expires.  *out is the caller's, httpsig_key_free(); NULL
 * on failure.
 */
SW_MUSTCHECK enum sw_err httpsig_key_read(
    const char *pem, size_t length, int64_t now, int64_t *not_after, struct httpsig_key **out);

/* NULL is fine. */
void httpsig_key_free(struct httpsig_key *key);

/* Are these the same public key, whatever their certificates say? */
bool httpsig_key_is_same(const struct httpsig_key *a, const struct httpsig_key *b);

/* Verify.  SW_OK only when the signature is that key's over exactly these bytes; else SW_EAUTH. */
SW_MUSTCHECK enum sw_err httpsig_verify(const struct httpsig_key *key, const struct httpsig *sig,
    const char *signing_string, size_t length);

#endif
