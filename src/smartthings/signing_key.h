#ifndef SWITCHBOARD_SMARTTHINGS_SIGNING_KEY_H
#define SWITCHBOARD_SMARTTHINGS_SIGNING_KEY_H

#include <stdbool.h>
#include "base/sbuf.h"

/* Where the platform keeps the keys that its webhooks are signed with (platform.md "Webhooks"). */

/*
 * Does a keyId name something below the key server, however it is read there (design.md
 * "Security")?  It must match ^/[A-Za-z0-9][A-Za-z0-9/_.-]{0,199}$ without "..", empty segments,
 * segments "." and a "/" at its end, so that no two of them name the same certificate.
 */
bool signing_key_id_is_valid(const char *key_id);

/*
 * Append the address of a certificate: key_url, which has no slash at its end, and a valid keyId
 * as it is.
 */
void signing_key_put_url(struct sbuf *buf, const char *key_url, const char *key_id);

#endif
