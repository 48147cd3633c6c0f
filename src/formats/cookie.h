#ifndef SWITCHBOARD_FORMATS_COOKIE_H
#define SWITCHBOARD_FORMATS_COOKIE_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/sbuf.h"

/* Cookies, RFC 6265. */

/*
 * Value of the cookie called "name" in a Cookie header (4.2.1), copied into
 * "out".  The first match counts.  SW_ENOTFOUND: none.  SW_EINPUT: it does
 * not fit or has characters outside cookie-octet.  A NULL header is empty.
 */
SW_MUSTCHECK enum sw_err
cookie_get(const char *header, const char *name, char *out, size_t out_size);

/*
 * A Set-Cookie value: HttpOnly, SameSite=Lax, Path=/, Secure when "secure".
 * "max_age_s" 0 or less deletes the cookie.  "value" must be cookie-octets (our own
 * base64url); anything else marks the buffer as failed.
 */
void
cookie_put(struct sbuf *buf, const char *name, const char *value, int64_t max_age_s, bool secure);

#endif
