/*
 * Claims work and begins each piece by its kind.
 */
#include "worker/queue.h"

#include "store/work.h"
#include "worker/confirm.h"
#include "worker/job.h"
#include "worker/refresh.h"
#include "worker/subscriptions.h"
#include "worker/sync.h"
#include "worker/uninstall.h"
#include "worker/usage.h"

/*
 * How much of each priority one process works on at a time: whoever waits finds room whatever
 * upkeep does.
 */
static const int rooms[] = {
    [WORK_WAITED_FOR] = 16,
    [WORK_BY_EVENT] = 8,
    [WORK_UPKEEP] = QUEUE_ROOM - 16 - 8,
};
_Static_assert(sizeof(rooms) / sizeof(rooms[0]) == WORK_PRIORITY__MAX, "room for every priority");

static const struct job_type *const types[] = {
    [WORK_DEVICE_SYNC] = &sync_job,
    [WORK_SUBSCRIPTION_SYNC] = &subscriptions_job,
    [WORK_UNINSTALL] = &uninstall_job,
};

bool
queue_has_room(const struct worker *worker, enum work_priority priority)
{
	return worker->running[priority] < rooms[priority];
}

static void
wait_for_budget(struct job *job, int64_t wait_ms)
{
	if (job->type->show_failure != NULL)
		job->type->show_failure(
		    job, "This location's share of the month's calls to SmartThings is used up");
	job_put_back(job, SW_ELIMIT, wait_ms);
}

static void
begin_job(struct worker *worker, const struct store_work *row)
{
	const struct job_type *type = types[row->kind];
	struct job *job = job_new(worker, row, type);
	int64_t wait_ms = 0;

	if (job == NULL)
		return; /* out of memory: the end of the lease puts it back */
	if (type->waits_for_budget && row->priority != WORK_WAITED_FOR)
		wait_ms = usage_wait_ms(worker, row->installation_id);
	if (wait_ms > 0)
		wait_for_budget(job, wait_ms);
	else
		type->begin(job);
}

static void
begin(struct worker *worker, const struct store_work *row)
{
	switch (row->kind) {
	case WORK_REFRESH:
		refresh_begin(worker, row);
		break;
	case WORK_CONFIRMATION:
		confirmation_begin(worker, row);
		break;
	default:
		begin_job(worker, row);
	}
}

static int
claim_priority(struct worker *worker, enum work_priority priority)
{
	struct store_work *rows;
	size_t count;

	if (!queue_has_room(worker, priority))
		return 0;
	if (store_work_claim(worker->db, &worker->scratch, worker->id, priority,
		rooms[priority] - worker->running[priority], &rows, &count) != SW_OK)
		return 0;
	for (size_t i = 0; i < count; i++)
		begin(worker, &rows[i]);
	return (int)count;
}

int
queue_claim(struct worker *worker)
{
	int count = 0;

	for (int priority = 0; priority < WORK_PRIORITY__MAX; priority++)
		count += claim_priority(worker, (enum work_priority)priority);
	return count;
}
