#ifndef SWITCHBOARD_WORKER_CONFIRM_H
#define SWITCHBOARD_WORKER_CONFIRM_H

#include "worker/context.h"

/*
 * Confirm our webhook address (platform.md "Webhooks"): GET the address that the platform gave,
 * without credentials.  Begin one that was claimed.
 */
void confirmation_begin(struct worker *worker, const struct store_work *row);

#endif
