/*
 * Claims jobs and begins each by its kind.
 */
#include "worker/jobs.h"

#include "store/job.h"
#include "worker/job.h"
#include "worker/subscriptions.h"
#include "worker/sync.h"
#include "worker/uninstall.h"
#include "worker/usage.h"

static const struct job_type *const types[] = {
    [JOB_DEVICE_SYNC] = &sync_job,
    [JOB_SUBSCRIPTION_SYNC] = &subscriptions_job,
    [JOB_UNINSTALL] = &uninstall_job,
};
_Static_assert(sizeof(types) / sizeof(types[0]) == JOB_KIND__MAX, "a type for every kind");

static void
wait_for_budget(struct job *job, int64_t wait_ms)
{
	if (job->type->show_failure != NULL)
		job->type->show_failure(job, "This month's calls to SmartThings are used up");
	job_put_back(job, SW_ELIMIT, wait_ms);
}

static void
begin(struct worker *worker, const struct store_job *row)
{
	const struct job_type *type = types[row->kind];
	struct job *job = job_new(worker, row, type);
	int64_t wait_ms;

	if (job == NULL)
		return; /* out of memory: the end of the lease puts it back */
	wait_ms = type->waits_for_budget ? usage_wait_ms(worker) : 0;
	if (wait_ms > 0)
		wait_for_budget(job, wait_ms);
	else
		type->begin(job);
}

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
		begin(worker, &rows[i]);
	return (int)count;
}
