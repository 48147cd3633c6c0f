/*
 * Claims jobs and hands each to the file of its kind.
 */
#include "worker/jobs.h"

#include "store/job.h"
#include "worker/subscriptions.h"
#include "worker/sync.h"
#include "worker/uninstall.h"

typedef void job_begin(struct worker *worker, const struct store_job *row);

static job_begin *const begins[] = {
    [JOB_DEVICE_SYNC] = sync_begin,
    [JOB_SUBSCRIPTION_SYNC] = subscriptions_begin,
    [JOB_UNINSTALL] = uninstall_begin,
};
_Static_assert(sizeof(begins) / sizeof(begins[0]) == JOB_KIND__MAX, "a beginning for every kind");

int
jobs_claim(struct worker *worker)
{
	struct store_job *rows;
	size_t count;

	if (worker->jobs >= WORKER_JOBS_MAX)
		return 0;
	if (store_job_claim(worker->db, &worker->scratch, worker->id,
		WORKER_JOBS_MAX - worker->jobs, &rows, &count) != SW_OK)
		return 0;
	for (size_t i = 0; i < count; i++)
		begins[rows[i].kind](worker, &rows[i]);
	return (int)count;
}
