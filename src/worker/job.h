#ifndef SWITCHBOARD_WORKER_JOB_H
#define SWITCHBOARD_WORKER_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "store/work.h"
#include "worker/calls.h"
#include "worker/context.h"
#include "worker/retry.h"

/*
 * A sync, the upkeep of subscriptions or an uninstall: a claimed row of table work, from its claim
 * to its end.  Each kind has a struct job_type and a struct of its own whose first member is a
 * struct job.
 */
struct job;

struct job_type {
	size_t size; /* of the kind's own struct */
	struct backoff backoff;
	bool waits_for_budget; /* of the month's calls, unless a person waits for it: usage.h */
	/* Make the first call, or end the job. */
	void (*begin)(struct job *job);
	/* Release what the kind holds beside the arena; or NULL. */
	void (*clear)(struct job *job);
	/* Show people why it failed ("reason" is a sentence without a full stop); or NULL. */
	void (*show_failure)(struct job *job, const char *reason);
};

struct job {
	struct worker *worker;
	const struct job_type *type;
	struct store_work row; /* its texts are in the arena */
	struct arena arena;    /* lives as long as the job */
	int64_t started_ms;    /* monotonic */
	struct job *next_paused;
	int64_t resume_ms; /* monotonic */
	void (*resume)(struct job *job);
};

/* A job for a claimed row, the rest of its kind's struct all zero; NULL when out of memory. */
struct job *
job_new(struct worker *worker, const struct store_work *row, const struct job_type *type);

/*
 * Start a call for the job's installation (call->installation_id is set here).  "done" gets the
 * job.  When the call does not start, the job has ended with job_retry().
 */
void job_call(struct job *job, const struct call *call, call_done *done);

/* Go on with "resume" after delay_ms (at once when the worker is stopping), from the loop. */
void job_pause(struct job *job, int64_t delay_ms, void (*resume)(struct job *job));

/* Resume the paused jobs that are due.  Returns in how many ms the next one is; -1: there is none.
 */
int jobs_resume(struct worker *worker);

/* Renew the lease.  False: it is lost, or the database is, and the job has ended as dropped. */
SW_MUSTCHECK bool job_renew(struct job *job);

/*
 * What handling an answer begins with: job_renew(), or job_retry() when the call failed.  False:
 * the job has ended.
 */
SW_MUSTCHECK bool job_goes_on(struct job *job, enum sw_err err, int64_t delay_ms);

/* Done, for now or for good.  This and the four below end the job and free it. */
void job_done(struct job *job);

/*
 * Failed: run again after delay_ms or, when it is negative, after the kind's back-off, which is a
 * day for what the platform refuses (SW_EFORBIDDEN, SW_ENOTFOUND, SW_EINPUT) and after 30 failures;
 * at once, by another worker, when this one is stopping.  People are shown why.  With SW_EAUTH it
 * waits for a fresh token, and nothing is shown.
 */
void job_retry(struct job *job, enum sw_err err, int64_t delay_ms);

/* Back into the queue with an error, to run after delay_ms; people are shown nothing. */
void job_put_back(struct job *job, enum sw_err err, int64_t delay_ms);

/* Back into the queue for what it waits for, to look again after delay_ms; nothing has failed. */
void job_wait(struct job *job, int64_t delay_ms);

/* The lease is lost, or the installation removed: nothing is recorded. */
void job_drop(struct job *job);

#endif
