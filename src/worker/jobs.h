#ifndef SWITCHBOARD_WORKER_JOBS_H
#define SWITCHBOARD_WORKER_JOBS_H

#include "worker/context.h"

/*
 * Claim the jobs that are due, as many as there is room for, and begin each by its kind.  Returns
 * how many were claimed.  One round trip, and those of the jobs' beginnings.
 */
int jobs_claim(struct worker *worker);

#endif
