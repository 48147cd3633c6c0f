#ifndef SWITCHBOARD_WEB_OAUTH_CALLBACK_H
#define SWITCHBOARD_WEB_OAUTH_CALLBACK_H

#include "base/err.h"
#include "base/sbuf.h"
#include "web/request_context.h"

/* Name of the cookie that binds a state to a browser, and how long both live. */
const char *oauth_browser_cookie(const struct config *config);
#define OAUTH_BROWSER_LIFE_S 600

/* {public}/oauth/callback */
void oauth_put_redirect_uri(struct sbuf *buf, const struct config *config);

/*
 * GET /oauth/callback (RFC 6749 4.1.2, 4.1.3): the state is used up before anything else is
 * looked at, also when the platform reports an error.
 * 303 to / with a new session when the location is linked.  Else a page: 400 state missing, sent
 * twice, unknown, used, too old or another browser's; 400 no code, or the platform no longer
 * takes it; 403 the person declined; 502 another error was reported, our client was refused, or
 * the platform's answer cannot be used (no installed app id, say); 503 platform or database
 * cannot be reached; 504 no answer in time.
 * Blocks at most 8 s for the platform; the exchange is never repeated (a code works once), but
 * its outcome is offered to the database for 3 s.
 */
SW_MUSTCHECK enum sw_err oauth_callback(struct request_context *context);

#endif
