#ifndef SWITCHBOARD_WEB_WEBHOOK_VERIFY_H
#define SWITCHBOARD_WEB_WEBHOOK_VERIFY_H

#include <stdint.h>

#include "base/err.h"
#include "net/request.h"
#include "web/webhook_key.h"

/*
 * Is a request signed by the platform (platform.md "Webhooks", design.md
 * "Security")?  Checked over the raw bytes, cheapest first; the body is not parsed.
 *
 * SW_OK: it is, at "now" (seconds UTC).  Blocks for an unknown keyId only, for the database.
 * *awaited, NULL otherwise: the key is being fetched, SW_ECONFLICT; call again (serve.h), and it is
 * decided within 6 s.
 * SW_EAUTH: it is not: a header missing, malformed or sent twice; digest, date, key or signature
 * wrong; the key server has no such certificate.
 * SW_EUNAVAILABLE: not known now: key server or database cannot be reached, or too many unknown
 * keyIds.  SW_ENOMEM, SW_EINTERNAL.  Logs which check failed.
 */
SW_MUSTCHECK enum sw_err webhook_verify(
    struct webhook_keys *keys, const struct request *req, int64_t now, const void **awaited);

#endif
