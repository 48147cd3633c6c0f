#ifndef SWITCHBOARD_WORKER_CONFIRM_H
#define SWITCHBOARD_WORKER_CONFIRM_H

#include "worker/context.h"

/*
 * Answer the platform's requests to confirm our webhook address (platform.md
 * "Webhooks"): GET what it gave, without credentials.  The count begun.
 */
int confirms_claim(struct worker *worker);

#endif
