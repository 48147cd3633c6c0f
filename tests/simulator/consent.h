#ifndef SIMULATOR_CONSENT_H
#define SIMULATOR_CONSENT_H

#include "http.h"

/*
 * GET /oauth/authorize: 200 the consent page; 302 back to the app with an
 * error for a wrong response_type or scope; 400 page for an unknown client or
 * redirect URI (never a redirect then, RFC 6749 4.1.2.1).
 */
void consent_show(struct exchange *x);

/*
 * POST /oauth/authorize (account, location, decision=allow|deny, and the
 * request's own parameters again): 302 back to the app with a code or with
 * error=access_denied; 400 page for what the page could not have sent.
 */
void consent_decide(struct exchange *x);

#endif
