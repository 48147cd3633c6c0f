#ifndef SWITCHBOARD_WEB_OAUTH_CHOOSE_H
#define SWITCHBOARD_WEB_OAUTH_CHOOSE_H

#include "base/err.h"
#include "store/installation.h"
#include "web/request_context.h"

/*
 * The question after a location was linked while another person is signed in: show it to them, or
 * sign in as its owner?  "offer" is the word whose hash was stored with the link.  Status 200.
 */
void oauth_choose_put(const struct program *program, const struct store_linked *linked,
    const char *offer, struct response *res);

/*
 * POST /oauth/choose, form "offer" and "choice" (here or owner): 303 to /, for "owner" with a new
 * session in place of this browser's.  The word is good once, in the browser that was asked, for
 * ten minutes, and so guards against forged requests: else 400.  503 when the database is away.
 */
SW_MUSTCHECK enum sw_err oauth_choose(struct request_context *context);

#endif
