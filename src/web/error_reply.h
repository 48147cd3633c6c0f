#ifndef SWITCHBOARD_WEB_ERROR_REPLY_H
#define SWITCHBOARD_WEB_ERROR_REPLY_H

#include "base/err.h"
#include "formats/config.h"
#include "net/request.h"
#include "net/response.h"

/*
 * Answer with an error: JSON for programs (they call /api/, /healthz or /metrics, send the API's
 * CSRF header, or accept JSON and not HTML), a page for browsers.  "message" is for people, without
 * data in it; NULL for the usual one of "err".
 */
void error_reply_put(const struct config *config, const struct request *req, enum sw_err err,
    const char *message, struct response *res);

#endif
