#ifndef SWITCHBOARD_WORKER_LIMITS_H
#define SWITCHBOARD_WORKER_LIMITS_H

#include <stdint.h>
#include "base/err.h"
#include "smartthings/api.h"
#include "worker/context.h"

/*
 * How often the platform may be called (platform.md "Limits published"), for
 * all workers together: what it asked one of them to wait with, no other
 * claims, and calls that it counts are counted in the database.
 */

/*
 * It answered such a call with 429: no more of its kind before the delay has passed.  device_id is
 * that of a command, else NULL.  Nothing happens to a call that is for no installation (NULL).
 * When the database is away the pause is held; short of memory it is lost, and logged.
 */
void limits_pause(struct worker *worker, const char *installation_id, const char *device_id,
    enum platform_call what, int64_t delay_ms);

/* Store the pauses that are held; to be called before anything is claimed. */
void limits_store_held(struct worker *worker);

/* Forget them, at the end. */
void limits_drop_held(struct worker *worker);

/*
 * Leave to make one such call now, which is counted.  SW_ELIMIT: not before *delay_ms have passed.
 * Errors as db_exec().
 */
SW_MUSTCHECK enum sw_err limits_take(
    struct worker *worker, const char *installation_id, enum platform_call what, int64_t *delay_ms);

#endif
