#ifndef SWITCHBOARD_WORKER_LOOP_H
#define SWITCHBOARD_WORKER_LOOP_H

#include "base/err.h"
#include "worker/context.h"

/*
 * Run until SIGTERM or SIGINT, read from the signalfd "signals", then until the transfers in flight
 * have ended and their results are saved, for at most 20 s.  It starts, and goes on, without a
 * database.  It ends in the same way when worker->misconfigured is set.  SW_EINTERNAL: it cannot
 * wait for events.
 */
SW_MUSTCHECK enum sw_err loop_run(struct worker *worker, int signals);

#endif
