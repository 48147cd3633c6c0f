#ifndef SWITCHBOARD_WORKER_UNINSTALL_H
#define SWITCHBOARD_WORKER_UNINSTALL_H

#include "store/job.h"
#include "worker/context.h"

/*
 * The job uninstall: tell the platform with the token that was kept for it,
 * then forget the installation.  The page has hidden it already.  After a day
 * of failures it is forgotten all the same.
 */
void uninstall_begin(struct worker *worker, const struct store_job *row);

#endif
