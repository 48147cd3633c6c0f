/*
 * Typed statements on job and worker.
 */
#include "store/job.h"

#include <string.h>

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

/* Fill "job" from a row; false when memory ran out. */
static bool
read_job(struct arena *arena, const struct db_result *result, int row, struct store_job *job)
{
	const char *kind = db_result_text(result, row, 1);

	job->kind = JOB_KIND__MAX;
	for (int i = 0; i < JOB_KIND__MAX; i++) {
		if (strcmp(names[i], kind) == 0)
			job->kind = (enum job_kind)i;
	}
	job->installation_id = arena_strdup(arena, db_result_text(result, row, 0));
	job->generation = db_result_int(result, row, 2);
	job->attempts = db_result_int(result, row, 3);
	job->age_s = db_result_int(result, row, 4);
	return job->installation_id != NULL;
}

static enum sw_err
read_jobs(
    struct arena *arena, const struct db_result *result, struct store_job **out, size_t *count)
{
	int rows = db_result_rows(result);

	*out = arena_alloc(arena, (size_t)rows * sizeof(**out));
	if (*out == NULL)
		return SW_ENOMEM;
	for (int row = 0; row < rows; row++) {
		struct store_job *job = &(*out)[*count];

		if (!read_job(arena, result, row, job))
			return SW_ENOMEM;
		if (job->kind != JOB_KIND__MAX)
			(*count)++;
	}
	return SW_OK;
}

enum sw_err
store_job_claim(struct db *db, struct arena *arena, const char *worker_id, int limit,
    struct store_job **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, limit)),
	};
	struct db_result *result;
	enum sw_err err;

	*out = NULL;
	*count = 0;
	err = db_exec(db, STMT_JOB_CLAIM, params, &result);
	if (err == SW_OK)
		err = read_jobs(arena, result, out, count);
	db_result_free(result);
	return err;
}

enum sw_err
store_job_keep(struct db *db, const char *worker_id, const struct store_job *job, bool *mine)
{
	const struct db_param params[] = {
	    DB_TEXT(job->installation_id),
	    DB_TEXT(job_kind_name(job->kind)),
	    DB_TEXT(worker_id),
	};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_JOB_KEEP, params, &result);

	*mine = err == SW_OK && db_result_rows(result) == 1 && db_result_bool(result, 0, 0);
	db_result_free(result);
	return err;
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
store_job_reconcile(struct db *db, int64_t *homes)
{
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_JOB_RECONCILE, NULL, &result);

	*homes = err == SW_OK ? db_result_int(result, 0, 0) : 0;
	db_result_free(result);
	return err;
}

enum sw_err
store_work_next_ms(struct db *db, int64_t *out)
{
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_WORK_NEXT_MS, NULL, &result);

	*out = INT64_MAX;
	if (err == SW_OK && db_result_rows(result) == 1 && !db_result_is_null(result, 0, 0)) {
		*out = db_result_int(result, 0, 0);
		if (*out < LONG_PAST_MS)
			*out = LONG_PAST_MS;
	}
	db_result_free(result);
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
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_WORKER_RELEASE, params, &result);

	*count = err == SW_OK ? db_result_int(result, 0, 0) : 0;
	db_result_free(result);
	return err;
}
