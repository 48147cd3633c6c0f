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
 * How long a sync of an installation has to wait for the month's budget (SWITCHBOARD_CALL_BUDGET),
 * in ms; 0: it may begin.
 *
 * The budget is shared: an installation that has used less than its share, the budget divided by
 * the installations there are, never waits, whatever others have used.  One beyond its share waits
 * when all together have used as much as the month so far amounts to: what others left of the days
 * that have passed it may have, what is meant for the days to come it may not.  Whoever begins to
 * use a share late gets it nevertheless, so the sum can exceed the budget by what was lent.
 *
 * What a person waits for, a first sync or a click, does not ask, nor does a refresh.  So these go
 * on, and are counted, when everything is used up.
 *
 * Reads the database's totals at most every 30 s, and those of the installation when they matter.
 * While that fails everything counts as used up, and the next look is 5 s later.  Logged hourly.
 */
int64_t usage_wait_ms(struct worker *worker, const char *installation_id);

#endif
