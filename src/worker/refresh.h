#ifndef SWITCHBOARD_WORKER_REFRESH_H
#define SWITCHBOARD_WORKER_REFRESH_H

#include "worker/context.h"

/*
 * Token refresh (RFC 6749 6, design.md "Data"): one at a time for each
 * installation across all workers, its answer in the spool before the
 * database.  Claim what is due and begin it; the count begun.
 */
int refreshes_claim(struct worker *worker);

/* Try again to save answers that neither the spool nor the database took. */
void refreshes_keep_held(struct worker *worker);

#endif
