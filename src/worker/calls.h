#ifndef SWITCHBOARD_WORKER_CALLS_H
#define SWITCHBOARD_WORKER_CALLS_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "net/client_message.h"
#include "smartthings/api.h"
#include "worker/context.h"

/*
 * Calls to the platform.  Every call is counted (usage.h) and logged, its outcome is classified
 * (platform_classify()), and a 429 becomes a pause that all workers keep (limits.h).
 */
struct call {
	const char *installation_id;
	enum platform_call what;
	const char *id; /* see platform_put_url() */
	const char *second_id;
	const char *url;  /* the platform's link to a next page: see platform_put_next_url() */
	const char *body; /* JSON, or NULL */
	size_t body_length;
	long timeout_ms; /* of the whole call, when shorter than usual for its kind; 0: as usual */
	enum work_priority priority; /* of what it is for: its token's refresh is as urgent */
};

/* The outcome of a call; borrowed for the time of the callback. */
struct call_answer {
	enum sw_err err;      /* of platform_classify() */
	int64_t delay_ms;     /* with SW_ELIMIT: when to try again; else -1 */
	enum sw_err transfer; /* SW_OK: a whole answer came, whatever its status */
	int status;           /* HTTP; 0 when no answer came */
	const char *body;
	size_t length;
	int64_t generation; /* of the access token it was made with */
};
typedef void call_done(void *context, const struct call_answer *answer);

/*
 * Start a call with the installation's access token, which is opened for the moment of sending.
 * Everything in "call" is copied; "done" is called once, from the loop.  When the call does not
 * start, "done" is not called and *delay_ms is when to try again (-1: not known).
 * SW_EAUTH: the token was refused or has expired, and its refresh is requested: wait for it with
 * store_work_wait_for_token().  SW_ELIMIT: the
 * platform allows no more such calls now.  SW_ENOTFOUND: no token.  SW_EFORBIDDEN: no key opens it.
 * SW_EUPSTREAM: "url" leads to another host.  SW_EUNAVAILABLE: the database cannot be reached, or
 * the worker is stopping.  SW_ENOMEM, SW_EINTERNAL.  One or two round trips to the database.
 */
SW_MUSTCHECK enum sw_err call_start(struct worker *worker, const struct call *call, call_done *done,
    void *context, int64_t *delay_ms);

/*
 * Start a call without an access token: "request" (copied) has its URL, credentials and body.
 * installation_id may be NULL: no pause follows a 429 then.  "done" as above, with generation 0.
 * SW_ENOMEM, and the errors of client_pool_start().
 */
SW_MUSTCHECK enum sw_err call_start_request(struct worker *worker, const char *installation_id,
    enum platform_call what, const struct client_request *request, call_done *done, void *context);

#endif
