#ifndef SIMULATOR_DELIVERY_H
#define SIMULATOR_DELIVERY_H

#include <stddef.h>
#include <jansson.h>

/*
 * Signed webhooks to the app's target.  A queue: first tries of one installed
 * app go out one after the other, different installed apps at the same time.
 * 10 s for an answer; 5xx and network errors are tried again after 0.5 s,
 * 1 s, 2 s … up to 10 times.  The queue survives a restart.
 */
void delivery_open(void);
void delivery_close(void);

/* Queue an EVENT with these events (stolen); dropped while the target is not confirmed. */
void delivery_enqueue(const json_t *installed_app, json_t *events);

/*
 * Ask the target of every app that is not confirmed for confirmation, and
 * again every 2 s until the confirmation address was fetched.
 */
void delivery_confirm(void);

/* Send this body at once, once.  "done" gets the status (0: no answer) and what was answered. */
typedef void delivery_done_fn(void *context, long status, const char *answer);
void delivery_send_now(
    const char *app_id, const char *body, size_t length, delivery_done_fn *done, void *context);

/* Settings changed: look at the queue again. */
void delivery_wake(void);
/* Forget the queue and the log. */
void delivery_reset(void);
/* {"queued","inFlight","dropped","log":[…]}, the caller's. */
json_t *delivery_show(void);

#endif
