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
 * Try again to save what the platform answered while the database could not be reached.  Call it
 * before anything is claimed: the lease of such a command may have ended, and one that was accepted
 * must not be sent again.
 */
void commands_retry_saving(struct worker *worker);

/* Fail the commands that got no answer in time.  One round trip. */
void commands_expire(struct worker *worker);

#endif
