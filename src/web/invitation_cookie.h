#ifndef SWITCHBOARD_WEB_INVITATION_COOKIE_H
#define SWITCHBOARD_WEB_INVITATION_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "formats/config.h"
#include "net/request.h"
#include "net/response.h"

/*
 * The code of an invitation on its way: from the link /join/{code} by a cookie of the browser that
 * accepted it, for an hour, to GET /oauth/callback.  The cookie is "invitation", over https
 * "__Host-invitation".
 */

/* Hash of a code; false: NULL, or not of the form of one (43 characters of base64url). */
bool invitation_hash_code(const char *code, uint8_t hash[static SECRET_SHA256_BYTES]);

/* Let the browser keep a code that has this form. */
void invitation_put_cookie(struct response *res, const struct config *config, const char *code);

/* Hash of the code that this browser has accepted; false when it has none. */
bool invitation_read_cookie(const struct config *config, const struct request *req,
    uint8_t hash[static SECRET_SHA256_BYTES]);

/* Delete the cookie, when the browser has one. */
void invitation_drop_cookie(
    struct response *res, const struct config *config, const struct request *req);

#endif
