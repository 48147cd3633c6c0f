#ifndef SWITCHBOARD_WORKER_COMMANDS_H
#define SWITCHBOARD_WORKER_COMMANDS_H

#include "worker/context.h"

/*
 * Clicks on their way to the platform: one request for each device, at most
 * ten commands in it.  Claim what is due and send it; the count claimed.
 */
int commands_claim(struct worker *worker);

/*
 * Record what the platform said while the database was away.  To be called
 * before anything is claimed: the lease of such a command may have ended, and
 * one that was accepted must not be sent again.
 */
void commands_record_held(struct worker *worker);

/* Fail the commands that got no answer in time. */
void commands_expire(struct worker *worker);

#endif
