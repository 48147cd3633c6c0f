#ifndef SWITCHBOARD_WORKER_SYNC_H
#define SWITCHBOARD_WORKER_SYNC_H

#include "worker/job.h"

/*
 * The job device_sync: read the location's name, the rooms, and all devices with their status and
 * health, and make the database agree.  One call per page of devices, one for each device of a page
 * that carries no status, and at most three others.
 */
extern const struct job_type sync_job;

#endif
