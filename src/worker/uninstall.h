#ifndef SWITCHBOARD_WORKER_UNINSTALL_H
#define SWITCHBOARD_WORKER_UNINSTALL_H

#include "worker/job.h"

/*
 * The job uninstall: uninstall at the platform with the token that was left for that, then erase
 * the installation, which the page does not show any more.  After a day of failures it is erased
 * although the platform still has it.
 */
extern const struct job_type uninstall_job;

#endif
