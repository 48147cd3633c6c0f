#ifndef SWITCHBOARD_WORKER_USAGE_H
#define SWITCHBOARD_WORKER_USAGE_H

#include <stdbool.h>
#include "base/err.h"
#include "smartthings/api.h"
#include "worker/context.h"

/*
 * How many calls were made (the platform charges by call volume), and the month's budget of them.
 * Counts are collected in memory and written after the results of the calls, so that counting does
 * not delay a click.
 */
SW_MUSTCHECK enum sw_err usage_new(struct usage **out);

/* What was not written is lost.  NULL is fine. */
void usage_free(struct usage *usage);

/*
 * Count a call; installation_id may be NULL, "status" is 0 when no answer came.  At most 20 000
 * calls are kept for a database that is down: then the oldest are dropped.
 */
void
usage_add(struct usage *usage, const char *installation_id, enum platform_call what, int status);

/*
 * Write the counts, at most once a second or "at_once"; stops when the database cannot be reached.
 * Returns in how many ms to call it again, -1: when there are more.
 */
int usage_write(struct worker *worker, bool at_once);

/*
 * How long work that the month's budget (SWITCHBOARD_CALL_BUDGET) bounds has to wait, in ms; 0: it
 * may begin.  Reads the database at most every 30 s.  While that fails the budget counts as used
 * up, and the next look is 5 s later.  Commands and refreshes do not ask.  Logged hourly.
 */
int64_t usage_wait_ms(struct worker *worker);

#endif
