#ifndef SIMULATOR_SIGNING_H
#define SIMULATOR_SIGNING_H

#include <stddef.h>
#include <stdbool.h>

/*
 * The platform's signature: RSA PKCS#1 v1.5 with SHA-256 over
 * "(request-target)", "digest" and "date" (draft-cavage-http-signatures-03).
 * The key and its certificate live in the state; they are made when missing
 * and made again when the certificate has less than a day left.
 */
void signing_open(void);
/* Free the key. */
void signing_close(void);

/* "/pl/useast1/" and the certificate's serial number in hex with dashes.  Borrowed. */
const char *signing_key_id(void);

/*
 * A PEM certificate, the caller's: ours, or one of a misbehaving key server
 * ("expired": same key, outside its dates; "other": another key).
 */
char *signing_certificate(const char *kind);

/* Header values of one signed request; signing_clear() frees them. */
struct signed_headers {
	char *authorization;
	char *digest;
	char *date;
};

/*
 * Sign.  "method" in lower case; "target" is path and query of the request
 * line; "date" and "key_id" may be NULL for now and ours.
 */
void signing_make(const char *method, const char *target, const char *body, size_t length,
    const char *date, const char *key_id, struct signed_headers *out);
/* Free the header values. */
void signing_clear(struct signed_headers *headers);

#endif
