/*
 * Uninstalling at the platform: it keeps sending events until it is told.
 */
#include "worker/uninstall.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "smartthings/api.h"
#include "store/installation.h"
#include "worker/calls.h"
#include "worker/job.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 300000
#define GIVE_UP_S 86400

/* Forget it; the job goes with the rest.  Unless it was linked again: then the job is gone already.
 */
static void
erase(struct job *job, const char *why)
{
	struct worker *worker = job->worker;
	enum sw_err err;

	if (!job_keep(job))
		return;
	err = store_installation_erase(worker->db, job->row.installation_id);
	if (err != SW_OK) {
		job_failed(job, err, RETRY_FIRST_MS);
		return;
	}
	log_event(LOG_INFO, "installation.erased", "installation", job->row.installation_id,
	    "after", why, (const char *)NULL);
	notify_add_page(&worker->notify, job->row.installation_id);
	notify_add_sessions(&worker->notify);
	job_done(job);
}

static void
try_again(struct job *job, enum sw_err err, int64_t delay_ms)
{
	if (job->row.age_s > GIVE_UP_S) {
		erase(job, "a day of failures");
		return;
	}
	if (delay_ms < 0)
		delay_ms = backoff_ms(job->row.attempts, RETRY_FIRST_MS, RETRY_MOST_MS);
	job_failed(job, err, job->worker->stopping ? 0 : delay_ms);
}

static void
on_answer(void *context, const struct call_answer *answer)
{
	struct job *job = context;

	FAILPOINT("uninstall.answered");
	switch (answer->err) {
	case SW_OK:
		erase(job, "uninstalled");
		break;
	case SW_ENOTFOUND: /* uninstalled at the other end */
	case SW_EFORBIDDEN:
		erase(job, err_name(answer->err));
		break;
	default:
		/* After a 401 the refresh decides: a dead token erases it as well. */
		try_again(job, answer->err, answer->delay_ms);
	}
}

void
uninstall_begin(struct worker *worker, const struct store_job *row)
{
	struct job *job = job_new(worker, row, sizeof(*job));
	struct call call = {.what = PLATFORM_DELETE_INSTALLED_APP};
	int64_t delay_ms;
	enum sw_err err;

	if (job == NULL)
		return;
	call.installation_id = job->row.installation_id;
	call.id = job->row.installation_id;
	err = call_start(worker, &call, on_answer, job, &delay_ms);
	if (err == SW_ENOTFOUND)
		erase(job, "no token is left");
	else if (err != SW_OK)
		try_again(job, err, delay_ms);
}
