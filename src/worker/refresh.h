#ifndef SWITCHBOARD_WORKER_REFRESH_H
#define SWITCHBOARD_WORKER_REFRESH_H

#include "worker/context.h"

/*
 * Token refresh (RFC 6749 6, design.md "Data"): one at a time for each installation across all
 * workers, its answer in the spool before it is in the database.  Begin one that was claimed.
 */
void refresh_begin(struct worker *worker, const struct store_work *row);

/* Try again to save answers that neither the spool nor the database took, each when it is due. */
void refreshes_retry_saving(struct worker *worker);

#endif
