#ifndef SWITCHBOARD_WEB_OAUTH_CALLBACK_H
#define SWITCHBOARD_WEB_OAUTH_CALLBACK_H

#include "base/err.h"
#include "base/sbuf.h"
#include "web/request_context.h"

/* Name of the cookie that binds a state to a browser; both expire after OAUTH_BROWSER_LIFE_S. */
const char *oauth_browser_cookie(const struct config *config);
#define OAUTH_BROWSER_LIFE_S 600

/* Append the redirect_uri: the public URL with /oauth/callback. */
void oauth_put_redirect_uri(struct sbuf *buf, const struct config *config);

/*
 * GET /oauth/callback (RFC 6749 4.1.2, 4.1.3): the state is used up first, also when the platform
 * reports an error.
 * 303 to / with a new session when the location is linked.  Else a page: 400 state missing, sent
 * twice, unknown, used, too old or of another browser; 400 no code, or the platform refuses it; 403
 * the person declined; 502 another error was reported, our client was refused, or the answer of the
 * platform cannot be used (no installed app id, for example); 503 platform or database cannot be
 * reached; 504 no answer in time.
 * Blocks at most 8 s for the platform, whose code works once, so the exchange is not repeated; and
 * 3 s for the database, which is tried again.
 */
SW_MUSTCHECK enum sw_err oauth_callback(struct request_context *context);

#endif
