#ifndef SWITCHBOARD_WEB_PAGE_H
#define SWITCHBOARD_WEB_PAGE_H

#include <stdint.h>

#include "base/err.h"
#include "web/request_context.h"

/* What dashboard.fcgi holds for the life of its process. */
struct dashboard {
	struct program program; /* first: serve_main.h and the handlers share its address */
	int64_t calls_month;    /* API calls of this month, as last read */
	int64_t calls_read_ms;  /* monotonic; 0 = never */
};

/*
 * The pages and the targets of their forms.  Sessions and CSRF tokens are
 * checked before these run; errors they return become a page.  All answer 503
 * when the database cannot be reached.
 */

/* GET /: 200, the switches of the signed-in user; a link to sign in for others. */
SW_MUSTCHECK enum sw_err page_switches(struct request_context *context);

/*
 * POST /switches/{deviceId}/{component}, fields command (on, off, setLevel) and level: 303 to /.
 * 400 not one of the commands; 404 not theirs; 409 the location must be linked again first.
 */
SW_MUSTCHECK enum sw_err page_post_switch(struct request_context *context);

/*
 * POST /switches, fields command (on, off), room (name or id; empty: devices in none) and
 * installation: 303 to /.  400, 404 as above.
 */
SW_MUSTCHECK enum sw_err page_post_many(struct request_context *context);

/* POST /logout: the session ends here and in its other tabs; 303 to /. */
SW_MUSTCHECK enum sw_err page_post_logout(struct request_context *context);

/*
 * GET /disconnect?installation=: 200, asks for confirmation.  404 not theirs; 400 when none is
 * named and they have several.
 */
SW_MUSTCHECK enum sw_err page_disconnect(struct request_context *context);

/* POST /disconnect, field installation: hidden at once, uninstalled by the worker; 303 to /.  404,
 * 400 as above. */
SW_MUSTCHECK enum sw_err page_post_disconnect(struct request_context *context);

/* GET /sessions: 200, the browsers in which this user is signed in. */
SW_MUSTCHECK enum sw_err page_sessions(struct request_context *context);

/*
 * POST /sessions/end, field session: that browser is signed out, its open pages at once; 303 to
 * /sessions.  400 none named; 404 not theirs, or it has ended.
 */
SW_MUSTCHECK enum sw_err page_post_session_end(struct request_context *context);

/* POST /sessions/end-others: the same for all but this one. */
SW_MUSTCHECK enum sw_err page_post_session_end_others(struct request_context *context);

/*
 * POST /invitations: 200 with a new link, which is shown this once.  409 with the reason: people do
 * not come in by invitation here, this person owns no location, or too many of theirs are open.
 */
SW_MUSTCHECK enum sw_err page_post_invitation(struct request_context *context);

/*
 * POST /invitations/withdraw, field invitation: it lets nobody in any more; 303 to /sessions.  400
 * none named; 404 not theirs, or used.
 */
SW_MUSTCHECK enum sw_err page_post_invitation_withdraw(struct request_context *context);

/*
 * GET /join/{code}: 200 with what it is, and for a guest a form.  404 unknown, used, expired or
 * withdrawn, or nobody new may come in; the same page for all.  303 to / where nobody needs one.
 */
SW_MUSTCHECK enum sw_err page_join(struct request_context *context);

/*
 * POST /join/{code}: 200 with a page that goes on to /oauth/start, and a cookie by which the
 * callback knows the invitation; for a person who is signed in 303 to /.  403 without the CSRF
 * token of session_begin_guest(); 404, and 303 to /, as for GET.
 */
SW_MUSTCHECK enum sw_err page_post_join(struct request_context *context);

#endif
