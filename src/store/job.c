/*
 * Typed statements on job and worker.
 */
#include "store/job.h"

#include <string.h>

#include "store/query.h"

#define LONG_PAST_MS INT64_C(-1000000000)

static const char *const names[] = {
    [JOB_DEVICE_SYNC] = "device_sync",
    [JOB_SUBSCRIPTION_SYNC] = "subscription_sync",
    [JOB_UNINSTALL] = "uninstall",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == JOB_KIND__MAX, "a name for every kind");

const char *
job_kind_name(enum job_kind kind)
{
	return names[kind];
}

static enum job_kind
kind_from_name(const char *name)
{
	int kind = 0;

	while (kind < JOB_KIND__MAX && strcmp(names[kind], name) != 0)
		kind++;
	return (enum job_kind)kind;
}

static void
read_job(struct store_row *row, void *out)
{
	struct store_job *job = out;

	job->installation_id = store_row_text(row, 0);
	job->kind = kind_from_name(db_result_text(row->result, row->index, 1));
	job->generation = store_row_int(row, 2);
	job->attempts = store_row_int(row, 3);
	job->age_s = store_row_int(row, 4);
	row->is_skipped = job->kind == JOB_KIND__MAX;
}

enum sw_err
store_job_claim(struct db *db, struct arena *arena, const char *worker_id, int limit,
    struct store_job **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, limit)),
	};
	struct store_list list;
	enum sw_err err =
	    store_query_list(db, arena, STMT_JOB_CLAIM, params, read_job, sizeof(**out), &list);

	*out = list.elements;
	*count = list.count;
	return err;
}

enum sw_err
store_job_renew(struct db *db, const char *worker_id, const struct store_job *job, bool *mine)
{
	const struct db_param params[] = {
	    DB_TEXT(job->installation_id),
	    DB_TEXT(job_kind_name(job->kind)),
	    DB_TEXT(worker_id),
	};

	return store_query_bool(db, STMT_JOB_KEEP, params, mine);
}

enum sw_err
store_job_done(
    struct db *db, struct arena *arena, const char *worker_id, const struct store_job *job)
{
	const struct db_param params[] = {
	    DB_TEXT(job->installation_id),
	    DB_TEXT(job_kind_name(job->kind)),
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, job->generation)),
	};

	return db_exec(db, STMT_JOB_DONE, params, NULL);
}

enum sw_err
store_job_failed(struct db *db, struct arena *arena, const char *worker_id,
    const struct store_job *job, const char *error, int64_t delay_ms)
{
	const struct db_param params[] = {
	    DB_TEXT(job->installation_id),
	    DB_TEXT(job_kind_name(job->kind)),
	    DB_TEXT(worker_id),
	    DB_TEXT(error),
	    DB_TEXT(db_int_text(arena, delay_ms)),
	};

	return db_exec(db, STMT_JOB_FAILED, params, NULL);
}

enum sw_err
store_job_put(struct db *db, struct arena *arena, const char *installation_id, enum job_kind kind,
    int64_t delay_s)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(job_kind_name(kind)),
	    DB_TEXT(db_int_text(arena, delay_s)),
	};

	return db_exec(db, STMT_JOB_PUT, params, NULL);
}

enum sw_err
store_job_reconcile(struct db *db, int64_t *installations)
{
	return store_query_int(db, STMT_JOB_RECONCILE, NULL, 0, installations);
}

enum sw_err
store_work_next_ms(struct db *db, int64_t *out)
{
	enum sw_err err = store_query_int(db, STMT_WORK_NEXT_MS, NULL, INT64_MAX, out);

	if (*out < LONG_PAST_MS)
		*out = LONG_PAST_MS;
	return err;
}

enum sw_err
store_worker_seen(
    struct db *db, struct arena *arena, const char *worker_id, const char *host, int64_t pid)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(host),
	    DB_TEXT(db_int_text(arena, pid)),
	};

	return db_exec(db, STMT_WORKER_SEEN, params, NULL);
}

static struct db_param
bool_param(bool value)
{
	return DB_TEXT(value ? "t" : "f");
}

enum sw_err
store_worker_release(struct db *db, const char *worker_id, const struct store_claims *claims,
    bool dead, int64_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    bool_param(claims->jobs),
	    bool_param(claims->refreshes),
	    bool_param(claims->commands),
	    bool_param(claims->confirmations),
	    bool_param(dead),
	};

	return store_query_int(db, STMT_WORKER_RELEASE, params, 0, count);
}
