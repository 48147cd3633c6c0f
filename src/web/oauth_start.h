#ifndef SWITCHBOARD_WEB_OAUTH_START_H
#define SWITCHBOARD_WEB_OAUTH_START_H

#include "base/err.h"
#include "web/request_context.h"

/*
 * GET /oauth/start (RFC 6749 4.1.1): 302 to the platform, with a new state bound to this browser by
 * a cookie.  On another host name than the public URL's, where the browser will not have that
 * cookie when it comes back: 302 to the public URL's own /oauth/start; but once only, for a proxy
 * may give every request another name.  503 when the database cannot be reached.
 */
SW_MUSTCHECK enum sw_err oauth_start(struct request_context *context);

#endif
