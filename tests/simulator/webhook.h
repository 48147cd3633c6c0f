#ifndef SIMULATOR_WEBHOOK_H
#define SIMULATOR_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One signed POST to an app's target, driven by the loop. */
struct webhook;

struct webhook_result {
	long status;        /* 0: no answer */
	const char *error;  /* NULL, or why there was none */
	const char *answer; /* body, at most 64 KB */
	int64_t ms;
	bool set_cookie; /* the app set a cookie, which it should not */
};

/* Called at the end; everything in "result" is borrowed for the call. */
typedef void webhook_done_fn(void *context, const struct webhook_result *result);

/* To be called once, before the first webhook. */
void webhook_open(void);

/*
 * Sign and send.  "body" is borrowed until "done" was called.  Ends after 10 s at the latest.  The
 * webhook frees itself after "done".
 */
struct webhook *webhook_start(
    const char *url, const char *body, size_t length, webhook_done_fn *done, void *context);
/* Stop without calling "done".  NULL is ignored. */
void webhook_cancel(struct webhook *webhook);

#endif
