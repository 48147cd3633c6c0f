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
 * SW_OK: yes, at "now" (seconds UTC).  Blocks for an unknown keyId only: 3 s at most for the
 * key server or for the process that asks it, besides the database.
 * SW_EAUTH: no: a header missing, malformed or sent twice; digest, date, key or signature
 * wrong; the key server has no such certificate.
 * SW_EUNAVAILABLE: cannot be told now: key server away, too many keyIds never seen before, or
 * the database away.  SW_ENOMEM, SW_EINTERNAL.  Logs what was wrong.
 */
SW_MUSTCHECK enum sw_err
webhook_verify(struct webhook_keys *keys, const struct request *req, int64_t now);

#endif
