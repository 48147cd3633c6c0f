#ifndef SWITCHBOARD_TESTS_FAILING_H
#define SWITCHBOARD_TESTS_FAILING_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/*
 * Memory that runs out on demand.  A program that links this with
 * --wrap=malloc,calloc,realloc,free has its own and the library's allocations
 * counted and refused here.
 */

/* Refuse nothing any more, until the next run. */
void failing_stop(void);

/* Does the whole job and gives everything back; SW_ENOMEM when memory ran out on the way. */
typedef enum sw_err failing_job_fn(void *context);

/*
 * Do the job with its first, second, third ... allocation failing until none
 * fails any more: that run must end with "expected", the others with
 * SW_ENOMEM, or "expected" when "or_expected".  Nothing may be left allocated.
 * The number of runs that failed.
 */
long failing_run(failing_job_fn *job, void *context, enum sw_err expected, bool or_expected);

#endif
