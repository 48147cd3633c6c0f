#ifndef SWITCHBOARD_WEB_OAUTH_START_H
#define SWITCHBOARD_WEB_OAUTH_START_H

#include "base/err.h"
#include "web/request_context.h"

/*
 * GET /oauth/start (RFC 6749 4.1.1): 302 to the platform, with a new state bound to this browser by
 * a cookie.  503 when the database cannot be reached.
 */
SW_MUSTCHECK enum sw_err oauth_start(struct request_context *context);

#endif
