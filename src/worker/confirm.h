#ifndef SWITCHBOARD_WORKER_CONFIRM_H
#define SWITCHBOARD_WORKER_CONFIRM_H

#include "worker/context.h"

/*
 * Confirm our webhook address (platform.md "Webhooks"): claim the addresses that the platform gave
 * and GET each, without credentials.  Returns how many were claimed.  One round trip.
 */
int confirmations_claim(struct worker *worker);

#endif
