#ifndef SWITCHBOARD_WORKER_RETRY_H
#define SWITCHBOARD_WORKER_RETRY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

/* The delays between tries of one thing: first_ms, doubled after each failure up to most_ms. */
struct backoff {
	int64_t first_ms;
	int64_t most_ms;
};

/*
 * Milliseconds until the next try.  "required_ms" is what the platform asked for and counts when
 * it is not negative; else "failures" earlier failures (0: first_ms) decide, and a quarter of the
 * delay is random jitter.
 */
int64_t retry_delay_ms(const struct backoff *backoff, int64_t failures, int64_t required_ms);

/*
 * Can the same statement succeed later?  True for a database that cannot be reached
 * (SW_EUNAVAILABLE), and then no other statement succeeds now; and for a timeout, a conflict and a
 * lock that somebody else holds, where others may.  False for what it refuses for good.
 */
bool retry_may_help(enum sw_err err);

/* The shorter of a wait of a_ms, -1 for none, and one of b_ms. */
int retry_earlier(int a_ms, int64_t b_ms);

#endif
