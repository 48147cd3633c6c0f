/*
 * The life of a job: claimed, its lease renewed while it runs, done or put back.
 */
#include "worker/job.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define ARENA_LIMIT ((size_t)64 << 20)
/* After so many failures in a row the next try is a day away. */
#define TRIES_MAX 30

static const struct backoff daily = {.first_ms = 86400000, .most_ms = 86400000};

struct job *
job_new(struct worker *worker, const struct store_work *row, const struct job_type *type)
{
	struct job *job = calloc(1, type->size);

	if (job == NULL)
		return NULL;
	arena_init(&job->arena, ARENA_LIMIT);
	job->type = type;
	job->row = *row;
	job->row.installation_id = arena_strdup(&job->arena, row->installation_id);
	job->row.subject = ""; /* jobs have none */
	if (job->row.installation_id == NULL) {
		free(job);
		return NULL;
	}
	job->worker = worker;
	job->started_ms = clock_monotonic_ms();
	worker->jobs++;
	worker->running[row->priority]++;
	return job;
}

static void
job_free(struct job *job)
{
	job->worker->jobs--;
	job->worker->running[job->row.priority]--;
	job->worker->has_work = true; /* there is room for the next one */
	if (job->type->clear != NULL)
		job->type->clear(job);
	arena_free(&job->arena);
	free(job);
}

void
job_call(struct job *job, const struct call *call, call_done *done)
{
	struct call own = *call;
	int64_t delay_ms;
	enum sw_err err;

	own.installation_id = job->row.installation_id;
	own.priority = job->row.priority;
	err = call_start(job->worker, &own, done, job, &delay_ms);
	if (err != SW_OK)
		job_retry(job, err, delay_ms);
}

void
job_pause(struct job *job, int64_t delay_ms, void (*resume)(struct job *job))
{
	job->resume_ms = clock_monotonic_ms() + delay_ms;
	job->resume = resume;
	job->next_paused = job->worker->paused;
	job->worker->paused = job;
}

int
jobs_resume(struct worker *worker)
{
	struct job *job = worker->paused;
	int64_t now_ms = clock_monotonic_ms(), next_ms = -1;

	worker->paused = NULL; /* who pauses again meanwhile is not looked at */
	while (job != NULL) {
		struct job *next = job->next_paused;

		if (worker->stopping || job->resume_ms <= now_ms) {
			job->resume(job);
		} else {
			job->next_paused = worker->paused;
			worker->paused = job;
		}
		job = next;
	}
	for (job = worker->paused; job != NULL; job = job->next_paused) {
		if (next_ms < 0 || job->resume_ms - now_ms < next_ms)
			next_ms = job->resume_ms > now_ms ? job->resume_ms - now_ms : 0;
	}
	return (int)next_ms;
}

bool
job_renew(struct job *job)
{
	bool is_ours;

	if (store_work_renew(job->worker->db, &job->worker->scratch, &job->row, &is_ours) ==
		SW_OK &&
	    is_ours)
		return true;
	job_drop(job);
	return false;
}

bool
job_goes_on(struct job *job, enum sw_err err, int64_t delay_ms)
{
	if (err == SW_OK)
		return job_renew(job);
	job_retry(job, err, delay_ms);
	return false;
}

static void
log_end(const struct job *job, enum log_level level, const char *event, const char *err,
    const char *delay)
{
	log_event(level, event, "installation", job->row.installation_id, "kind",
	    work_kind_name(job->row.kind), "ms", log_int(clock_monotonic_ms() - job->started_ms),
	    "err", err, "again_ms", delay, (const char *)NULL);
}

void
job_done(struct job *job)
{
	struct worker *worker = job->worker;
	enum sw_err err = store_work_done(worker->db, &worker->scratch, &job->row);

	log_end(job, LOG_INFO, "job.done", err == SW_OK ? NULL : err_name(err), NULL);
	job_free(job);
}

void
job_put_back(struct job *job, enum sw_err err, int64_t delay_ms)
{
	struct worker *worker = job->worker;

	if (store_work_failed(worker->db, &worker->scratch, &job->row, err_name(err), delay_ms) !=
	    SW_OK) /* the end of the lease puts it back */
		log_end(job, LOG_WARN, "job.unsaved", err_name(err), NULL);
	else
		log_end(job, LOG_WARN, "job.failed", err_name(err), log_int(delay_ms));
	job_free(job);
}

void
job_wait(struct job *job, int64_t delay_ms)
{
	struct worker *worker = job->worker;
	enum sw_err err =
	    store_work_failed(worker->db, &worker->scratch, &job->row, NULL, delay_ms);

	log_end(job, LOG_INFO, "job.waits", err == SW_OK ? NULL : err_name(err), log_int(delay_ms));
	job_free(job);
}

/* Why a job failed, for people. */
static const char *
reason_of(enum sw_err err)
{
	switch (err) {
	case SW_ETIMEOUT:
	case SW_EUNAVAILABLE:
		return "SmartThings did not answer";
	case SW_ELIMIT:
		return "SmartThings asks to wait before the next try";
	case SW_EFORBIDDEN:
		return "SmartThings does not allow reading this location";
	case SW_ENOTFOUND:
		return "SmartThings does not know this location any more";
	case SW_EUPSTREAM:
	case SW_EINPUT:
		return "SmartThings gave an answer that could not be used";
	default:
		return "Something went wrong here";
	}
}

/* When that cannot be recorded, the end of the lease puts it back. */
static void
wait_for_token(struct job *job)
{
	struct worker *worker = job->worker;
	enum sw_err err = store_work_wait_for_token(worker->db, &worker->scratch, &job->row);

	log_end(job, LOG_INFO, "job.waits_for_token", err == SW_OK ? NULL : err_name(err), NULL);
	job_free(job);
}

static bool
is_refusal(enum sw_err err)
{
	return err == SW_EFORBIDDEN || err == SW_ENOTFOUND || err == SW_EINPUT;
}

static int64_t
delay_after(const struct job *job, enum sw_err err, int64_t delay_ms)
{
	if (delay_ms < 0 && (is_refusal(err) || job->row.attempts >= TRIES_MAX))
		return retry_delay_ms(&daily, 0, -1);
	return retry_delay_ms(&job->type->backoff, job->row.attempts, delay_ms);
}

void
job_retry(struct job *job, enum sw_err err, int64_t delay_ms)
{
	if (job->worker->stopping) {
		job_put_back(job, err, 0);
		return;
	}
	if (err == SW_EAUTH) {
		wait_for_token(job);
		return;
	}
	/* SW_ELOCKED: by a webhook or a person, for a moment. */
	if (job->type->show_failure != NULL && err != SW_ELOCKED)
		job->type->show_failure(job, reason_of(err));
	job_put_back(job, err, delay_after(job, err, delay_ms));
}

void
job_drop(struct job *job)
{
	log_end(job, LOG_INFO, "job.dropped", NULL, NULL);
	job_free(job);
}
