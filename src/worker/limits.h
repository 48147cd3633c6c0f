#ifndef SWITCHBOARD_WORKER_LIMITS_H
#define SWITCHBOARD_WORKER_LIMITS_H

#include <stdint.h>
#include "base/err.h"
#include "smartthings/api.h"
#include "worker/context.h"

/*
 * How often the platform may be called (platform.md "Limits published"), for all workers together:
 * pauses and counts are rows of the database, so that a pause that one worker was asked for keeps
 * all workers from claiming such work.
 */

/*
 * The platform answered such a call with 429: no more of its kind before the delay has passed.
 * device_id is that of a command, else NULL.  Without an installation (NULL) nothing happens.
 * When the database cannot be reached the pause is saved later; out of memory it is lost (logged).
 */
void limits_pause(struct worker *worker, const char *installation_id, const char *device_id,
    enum platform_call what, int64_t delay_ms);

/*
 * Save the pauses that could not be saved before, each when it is due.  Call it before anything is
 * claimed.  Returns in how many ms to call it again, -1: nothing is left.
 */
int limits_retry_saving(struct worker *worker);

/* Drop those that are still unsaved, when the worker ends. */
void limits_drop_unsaved(struct worker *worker);

/*
 * Ask to make one such call now; a call that is allowed is counted.  SW_ELIMIT: not before
 * *delay_ms have passed.  Else the errors of db_exec().  One round trip for kinds that are counted.
 */
SW_MUSTCHECK enum sw_err limits_take(
    struct worker *worker, const char *installation_id, enum platform_call what, int64_t *delay_ms);

#endif
