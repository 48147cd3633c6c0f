#ifndef SIMULATOR_LOOP_H
#define SIMULATOR_LOOP_H

#include <stdint.h>
#include <curl/curl.h>

/*
 * The one event loop: HTTP server, outgoing webhooks, timers and signals in
 * one thread, so that no data needs a lock.
 */

/* Must come first.  Blocks SIGTERM and SIGINT; they end loop_run(). */
void loop_open(void);
/* Forget all timers. */
void loop_close(void);

/* What is called for each transfer that ended. */
typedef void loop_transfer_fn(CURL *easy, CURLcode result);
/* Set what is called for each transfer that ended. */
void loop_on_transfer(loop_transfer_fn *done);
/* Where transfers are added. */
CURLM *loop_multi(void);

/* Call "fn" once after "ms".  Answers a number for loop_cancel(), never 0. */
typedef void loop_timer_fn(void *context);
uint64_t loop_after(int64_t ms, loop_timer_fn *fn, void *context);
/* Cancel a timer; 0 and a timer that has run are ignored. */
void loop_cancel(uint64_t timer);

/* Runs until a signal asks to stop. */
void loop_run(void);

#endif
