#ifndef SWITCHBOARD_WORKER_QUEUE_H
#define SWITCHBOARD_WORKER_QUEUE_H

#include <stdbool.h>
#include "worker/context.h"

/* How much work of all priorities one process has at a time, without commands. */
#define QUEUE_ROOM 32

/*
 * Claim work that is due, as much of each priority as there is room for, and begin each piece by
 * its kind.  Never before the spool is stored: a refresh whose answer is in it must not run again.
 * Returns how many pieces were claimed.  A round trip for each priority, and those of the
 * beginnings.
 */
int queue_claim(struct worker *worker);

/* Is there room for more work of a priority? */
bool queue_has_room(const struct worker *worker, enum work_priority priority);

#endif
