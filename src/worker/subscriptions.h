#ifndef SWITCHBOARD_WORKER_SUBSCRIPTIONS_H
#define SWITCHBOARD_WORKER_SUBSCRIPTIONS_H

#include "worker/job.h"

/*
 * The job subscription_sync: compare the subscriptions the platform has with those it should have
 * (subscription_set.h), delete superfluous ones one by one, create missing ones.  One call when
 * nothing has to change.
 */
extern const struct job_type subscriptions_job;

#endif
