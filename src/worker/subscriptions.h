#ifndef SWITCHBOARD_WORKER_SUBSCRIPTIONS_H
#define SWITCHBOARD_WORKER_SUBSCRIPTIONS_H

#include "store/job.h"
#include "worker/context.h"

/*
 * The job subscription_sync: compare what the platform sends webhooks for with
 * what it should (platform.md "Subscriptions"), delete what is too much one by
 * one, create what is missing.  One call when all is well.
 */
void subscriptions_begin(struct worker *worker, const struct store_job *row);

#endif
