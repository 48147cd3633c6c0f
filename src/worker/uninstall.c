/*
 * Uninstalling at the platform, which otherwise goes on sending events.
 */
#include "worker/uninstall.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "smartthings/api.h"
#include "store/installation.h"
#include "worker/calls.h"
#include "worker/spool.h"

#define GIVE_UP_S 86400

/*
 * Erase the installation, and with it this job.  Linking it again took the job out of the queue:
 * then nothing is erased.
 */
static void
erase(struct job *job, const char *why)
{
	struct worker *worker = job->worker;
	enum sw_err err = store_installation_uninstalled(
	    worker->db, &worker->scratch, job->row.installation_id, job->row.claim);

	if (err == SW_ENOTFOUND) {
		job_drop(job);
		return;
	}
	if (err != SW_OK) {
		job_put_back(job, err, job->type->backoff.first_ms);
		return;
	}
	spool_remove_all(worker->spool, job->row.installation_id);
	log_event(LOG_INFO, "installation.erased", "installation", job->row.installation_id,
	    "after", why, (const char *)NULL);
	notify_add_page(&worker->notify, job->row.installation_id);
	job_done(job);
}

/* It does not wait for a token, which may never come. */
static void
retry_for_a_day(struct job *job, enum sw_err err, int64_t delay_ms)
{
	if (job->row.age_s > GIVE_UP_S)
		erase(job, "a day of failures");
	else if (err == SW_EAUTH)
		job_put_back(
		    job, err, retry_delay_ms(&job->type->backoff, job->row.attempts, delay_ms));
	else
		job_retry(job, err, delay_ms);
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
	case SW_ENOTFOUND: /* uninstalled in the SmartThings app */
	case SW_EFORBIDDEN:
		erase(job, err_name(answer->err));
		break;
	default:
		/* After a 401 the token is refreshed; when that fails for good, no token is left.
		 */
		retry_for_a_day(job, answer->err, answer->delay_ms);
	}
}

static void
begin(struct job *job)
{
	const struct call call = {
	    .installation_id = job->row.installation_id,
	    .what = PLATFORM_DELETE_INSTALLED_APP,
	    .id = job->row.installation_id,
	};
	int64_t delay_ms;
	enum sw_err err = call_start(job->worker, &call, on_answer, job, &delay_ms);

	if (err == SW_ENOTFOUND)
		erase(job, "no token is left");
	else if (err != SW_OK)
		retry_for_a_day(job, err, delay_ms);
}

const struct job_type uninstall_job = {
    .size = sizeof(struct job),
    .backoff = {.first_ms = 1000, .most_ms = 300000},
    .begin = begin,
};
