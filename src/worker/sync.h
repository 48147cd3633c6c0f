#ifndef SWITCHBOARD_WORKER_SYNC_H
#define SWITCHBOARD_WORKER_SYNC_H

#include "store/job.h"
#include "worker/context.h"

/*
 * The job device_sync: read the location's name, rooms, and all devices with
 * their status and health, and bring the database to that.  Costs one call
 * per page of devices and at most three others.
 */
void sync_begin(struct worker *worker, const struct store_job *row);

#endif
