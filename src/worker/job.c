/*
 * The life of a job: claimed, kept while it runs, done or put back.
 */
#include "worker/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

#define ARENA_LIMIT ((size_t)64 << 20)

int64_t
backoff_ms(int64_t attempts, int64_t first_ms, int64_t most_ms)
{
	int64_t delay_ms = first_ms;
	uint32_t chance;

	while (attempts-- > 0 && delay_ms < most_ms)
		delay_ms *= 2;
	if (delay_ms > most_ms)
		delay_ms = most_ms;
	if (secret_random(&chance, sizeof(chance)) != SW_OK)
		return delay_ms;
	return delay_ms - delay_ms / 8 + (int64_t)(chance % (uint64_t)(delay_ms / 4 + 1));
}

void *
job_new(struct worker *worker, const struct store_job *row, size_t size)
{
	struct job *job = calloc(1, size);

	if (job == NULL)
		return NULL;
	arena_init(&job->arena, ARENA_LIMIT);
	job->row = *row;
	job->row.installation_id = arena_strdup(&job->arena, row->installation_id);
	if (job->row.installation_id == NULL) {
		free(job);
		return NULL;
	}
	job->worker = worker;
	job->started_ms = clock_monotonic_ms();
	worker->jobs++;
	return job;
}

static void
job_free(struct job *job)
{
	job->worker->jobs--;
	job->worker->has_work = true; /* there is room for the next one */
	if (job->clear != NULL)
		job->clear(job);
	arena_free(&job->arena);
	free(job);
}

bool
job_keep(struct job *job)
{
	bool mine;

	if (store_job_renew(job->worker->db, job->worker->id, &job->row, &mine) == SW_OK && mine)
		return true;
	job_drop(job);
	return false;
}

static void
log_end(const struct job *job, enum log_level level, const char *event, const char *err,
    const char *delay)
{
	log_event(level, event, "installation", job->row.installation_id, "kind",
	    job_kind_name(job->row.kind), "ms", log_int(clock_monotonic_ms() - job->started_ms),
	    "err", err, "again_ms", delay, (const char *)NULL);
}

void
job_done(struct job *job)
{
	struct worker *worker = job->worker;
	enum sw_err err = store_job_done(worker->db, &worker->scratch, worker->id, &job->row);

	log_end(job, LOG_INFO, "job.done", err == SW_OK ? NULL : err_name(err), NULL);
	job_free(job);
}

void
job_failed(struct job *job, enum sw_err err, int64_t delay_ms)
{
	struct worker *worker = job->worker;

	if (store_job_failed(worker->db, &worker->scratch, worker->id, &job->row, err_name(err),
		delay_ms) != SW_OK)
		log_end(job, LOG_WARN, "job.lost", err_name(err), NULL);
	else
		log_end(job, LOG_WARN, "job.failed", err_name(err), log_int(delay_ms));
	job_free(job);
}

void
job_drop(struct job *job)
{
	log_end(job, LOG_INFO, "job.dropped", NULL, NULL);
	job_free(job);
}
