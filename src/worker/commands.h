#ifndef SWITCHBOARD_WORKER_COMMANDS_H
#define SWITCHBOARD_WORKER_COMMANDS_H

#include "worker/context.h"

/*
 * Clicks on their way to the platform: one request for each device, with at most ten commands in
 * it.  Claim the commands that are due and send them; returns how many were claimed.  One round
 * trip, and one or two for each device.
 */
int commands_claim(struct worker *worker);

/*
 * Try again to save what the platform answered while the database could not be reached, or while a
 * row was locked: each when it is due, whatever became of the others.  Call it before anything is
 * claimed: the lease of such a command may have ended, and one that was accepted must not be sent
 * again.  Returns in how many ms to call it again, -1: nothing is left.
 */
int commands_retry_saving(struct worker *worker);

/*
 * End the commands that got no answer in time.  Each installation is a transaction of its own; one
 * whose row is locked is left for the next time.  True: the rest is to be done at once, for this
 * had taken 100 ms.  One round trip, and one for each installation with such commands.
 */
bool commands_expire(struct worker *worker);

#endif
