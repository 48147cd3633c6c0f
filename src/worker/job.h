#ifndef SWITCHBOARD_WORKER_JOB_H
#define SWITCHBOARD_WORKER_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "store/job.h"
#include "worker/context.h"

/*
 * One job of table job: its beginning, its lease and its end.  Each kind puts a
 * struct job first in a struct of its own.
 */
struct job {
	struct worker *worker;
	struct store_job row;           /* its texts are in the arena */
	struct arena arena;             /* lives as long as the job */
	int64_t started_ms;             /* monotonic */
	void (*clear)(struct job *job); /* releases what the kind holds beside the arena; or NULL */
};

/* A job of "size" bytes (its struct job first) for a claimed row; NULL when out of memory. */
void *job_new(struct worker *worker, const struct store_job *row, size_t size);

/* Renew the lease.  False: it is lost, or the database is; the job has then been dropped. */
SW_MUSTCHECK bool job_keep(struct job *job);

/* A job ends, and is freed.  Here: done, and out of the queue. */
void job_done(struct job *job);

/* Failed: run again after delay_ms.  Frees it. */
void job_failed(struct job *job, enum sw_err err, int64_t delay_ms);

/* Not ours any more: nothing is recorded.  Frees it. */
void job_drop(struct job *job);

/* The delay of the next try: "first_ms" doubled for each attempt up to "most_ms", a quarter of
 * chance. */
int64_t backoff_ms(int64_t attempts, int64_t first_ms, int64_t most_ms);

#endif
