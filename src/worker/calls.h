#ifndef SWITCHBOARD_WORKER_CALLS_H
#define SWITCHBOARD_WORKER_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "smartthings/api.h"
#include "worker/context.h"

/*
 * Calls to the platform on behalf of an installation: opens its access token
 * for the moment of sending, remembers whom the platform asked to wait or
 * refused, counts and logs every call.
 */
SW_MUSTCHECK enum sw_err calls_new(struct calls **out);

/* NULL is fine. */
void calls_free(struct calls *calls);

struct call {
	const char *installation_id;
	enum platform_call what;
	const char *id; /* see platform_put_url() */
	const char *second_id;
	const char *url;  /* instead of them: the next page, as the platform gave it */
	const char *body; /* JSON, or NULL */
	size_t body_length;
	long timeout_ms; /* of the whole call, when less than usual for its kind; 0: as usual */
};

/* What came of it; borrowed for the time of the callback. */
struct call_answer {
	enum sw_err err;  /* of platform_classify() */
	int64_t delay_ms; /* with SW_ELIMIT and SW_EAUTH: when to try again; else -1 */
	const char *body;
	size_t length;
	int64_t generation; /* of the token it was made with */
};
typedef void call_done(void *context, const struct call_answer *answer);

/*
 * Start a call; everything in "call" is copied, "done" is called once from the
 * loop.  When it does not start, "done" is not called and *delay_ms tells when
 * to try again (-1: not known).  SW_EAUTH: the token was refused or has expired; its refresh is
 * under way.  SW_ELIMIT: the platform allows no more such calls now.  SW_ENOTFOUND: no token.
 * SW_EFORBIDDEN: no key opens it.  SW_EUPSTREAM: "url" leads elsewhere.  SW_EUNAVAILABLE: database
 * away, or stopping.  SW_ENOMEM, SW_EINTERNAL.
 */
SW_MUSTCHECK enum sw_err call_start(struct worker *worker, const struct call *call, call_done *done,
    void *context, int64_t *delay_ms);

/*
 * Count and log a call that was not made with call_start(); installation_id may be NULL, device_id
 * too unless it is of a command.  When the platform asked to wait, all workers are told.
 */
void calls_note(struct worker *worker, const char *installation_id, const char *device_id,
    enum platform_call what, const struct client_reply *reply,
    const struct platform_outcome *outcome);

/* Write the counts of calls that ended; those that cannot be written now are kept. */
void calls_flush(struct worker *worker);

/* Is the month's budget of calls used up?  Then only commands and refreshes go.  Logged hourly. */
bool calls_are_over_budget(struct worker *worker);

/* Forget installations that were not called for an hour. */
void calls_sweep(struct worker *worker);

#endif
