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

/* Write the counts, one statement for each call; stops when the database cannot be reached. */
void usage_write(struct worker *worker);

/*
 * Is the month's budget (SWITCHBOARD_CALL_BUDGET) used up?  Then only commands and refreshes are
 * sent.  Reads the database at most every 30 s; logged hourly.
 */
bool usage_is_over_budget(struct worker *worker);

#endif
