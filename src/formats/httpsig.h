#ifndef SWITCHBOARD_FORMATS_HTTPSIG_H
#define SWITCHBOARD_FORMATS_HTTPSIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/sbuf.h"

/*
 * HTTP signatures as the platform makes them (draft-cavage-http-signatures-03 and later): RSA
 * PKCS#1 v1.5 with SHA-256 over "(request-target)", "digest" and "date".
 */
#define HTTPSIG_KEY_ID_MAX 201
#define HTTPSIG_SIGNATURE_MAX 1024 /* RSA up to 8192 bits */
#define HTTPSIG_HEADERS_MAX 16
#define HTTPSIG_DATE_SKEW_S 300

struct httpsig {
	char key_id[HTTPSIG_KEY_ID_MAX + 1]; /* as sent, between its quotes */
	uint8_t signature[HTTPSIG_SIGNATURE_MAX];
	size_t signature_length;
	size_t header_count;
	char headers[HTTPSIG_HEADERS_MAX][64]; /* lower case, in signing order */
};

/*
 * Parse the value of an Authorization header.  The scheme "Signature" is
 * case-insensitive; parameters are name="value" separated by commas and
 * optional spaces; unknown parameters are ignored.  SW_EAUTH for: another scheme, a missing,
 * empty or repeated keyId, signature or headers; algorithm present and not
 * rsa-sha256 (or hs2019); headers that lack one of the three names or name one
 * twice; bad base64; anything too long.  What a keyId may be is not decided here: see
 * smartthings/signing_key.h.
 */
SW_MUSTCHECK enum sw_err httpsig_parse(const char *authorization, struct httpsig *out);

/*
 * Is the Digest header ("SHA-256=" or the platform's "SHA256=", RFC 3230) that of this body?
 * Compared in constant time.  SW_EAUTH: malformed, another algorithm, several values, or another
 * body.
 */
SW_MUSTCHECK enum sw_err httpsig_check_digest(const char *digest, const void *body, size_t length);

/* Is the Date header within HTTPSIG_DATE_SKEW_S of "now" (seconds)?  SW_EAUTH: no, or malformed. */
SW_MUSTCHECK enum sw_err httpsig_check_date(const char *date, int64_t now);

/* Gives the value of a header by lower-case name, or NULL; "context" is the caller's. */
typedef const char *httpsig_header_fn(void *context, const char *name);

/*
 * Build the signing string: one line per name, joined by "\n".  "method" is
 * put in lower case; "target" is the raw request target.  What *out held is
 * dropped.  SW_EAUTH: a named header is missing, or a value has a line break
 * (it could pass for another header's line).  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err httpsig_build_string(const struct httpsig *sig, const char *method,
    const char *target, httpsig_header_fn *header, void *context, struct sbuf *out);

#endif
