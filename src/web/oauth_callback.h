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
 * 303 to / when the location is linked, with a new session for its owner; without one when another
 * person is signed in who sees it already.  200 with the question of oauth_choose.h when they do
 * not.  Else a page: 400 state missing, sent twice, unknown, used, too old or of another browser;
 * 400 no code, or the platform refuses it; 403 the person declined, or may not sign up
 * (SWITCHBOARD_SIGN_UP, and this browser has accepted no invitation that is open): then it is
 * uninstalled at once and nothing is stored; 502 another error was reported (the page says what to
 * do about max_installs_exceeded, invalid_scope and those of the client, and what the platform
 * said), our client was
 * refused, or the answer of the platform cannot be used (no installed app id, no person as its
 * owner, for example); 503 platform or database cannot be reached; 504 no answer in time. Blocks at
 * most 8 s for the exchange, which is not repeated, because a code works once; 6 s for the owner
 * when the reply does not name one, or to uninstall (oauth_owner.h); and 3 s for the database,
 * which is tried again.
 */
SW_MUSTCHECK enum sw_err oauth_callback(struct request_context *context);

#endif
