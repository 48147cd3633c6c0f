#ifndef SIMULATOR_DELIVERY_H
#define SIMULATOR_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

/*
 * Signed webhooks to the app's target.  A queue: first tries of one installed
 * app go out one after the other, different installed apps at the same time.
 * 10 s for an answer; 5xx and network errors are tried again after 0.5 s,
 * 1 s, 2 s … up to 10 times.  The queue survives a restart.
 */
void delivery_open(void);
/* Forget the queue; requests in flight are cancelled. */
void delivery_close(void);

/* Queue an EVENT with these events (stolen); dropped while the target is not confirmed. */
void delivery_enqueue(const json_t *installed_app, json_t *events);

/* Queue another kind of message, for one attempt. */
void delivery_post(const char *app_id, const char *kind, const char *body);
/* Whether a message of that kind is still queued. */
bool delivery_is_posting(const char *app_id, const char *kind);

/* Send this body at once, once.  "done" gets the status (0: no answer) and what was answered. */
typedef void delivery_done_fn(void *context, long status, const char *answer);
void delivery_send_now(
    const char *app_id, const char *body, size_t length, delivery_done_fn *done, void *context);

/* To be called when settings changed: sends what may go now. */
void delivery_wake(void);
/* Forget the queue and the log. */
void delivery_reset(void);
/* {"queued","inFlight","dropped","log":[…]}, the caller's. */
json_t *delivery_show(void);

#endif
