/*
 * Subscription upkeep.  It never deletes all at once and creates them again: events would be lost
 * in between.
 */
#include "worker/subscriptions.h"

#include <jansson.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "db/policy.h"
#include "formats/json.h"
#include "formats/url.h"
#include "smartthings/api.h"
#include "store/sync.h"
#include "worker/calls.h"
#include "worker/subscription_set.h"

/*
 * Lists and deletions share POLICY_SUBSCRIPTION_OTHERS calls: one run makes at most this many of
 * each.
 */
#define PAGES_MAX 10
#define DELETES_MAX 10
/* After this all of them are allowed again (pace_take() in sql/). */
#define DELETES_DELAY_MS (POLICY_SUBSCRIPTION_WINDOW_MS + 1000)

/*
 * The wait for the location's id, which the first call of the first device sync finds out: that
 * queues this job, so that it waits only when something else queued it before.
 */
static const struct backoff location_wait = {.first_ms = 300, .most_ms = 60000};

struct subscriptions {
	struct job job;
	struct store_plan plan;
	const char *next; /* page of the list */
	int pages;
	int lists;       /* how often the list was read from its first page */
	json_t *present; /* rows for store_subscription_replace() */
	json_t *excess;  /* ids to be deleted */
	size_t deleted;  /* how many of those are */
	struct subscription_set set;
	bool conflict;     /* the platform has one that the list did not show */
	enum sw_err worst; /* of the creations */
};

static void step(struct subscriptions *subs);

static void
subscriptions_clear(struct job *job)
{
	struct subscriptions *subs = (struct subscriptions *)job;

	json_decref(subs->present);
	json_decref(subs->excess);
}

static enum sw_err
add_present(struct subscriptions *subs, size_t wanted, const char *id)
{
	return json_array_append_new(subs->present, subscription_row(wanted, id)) == 0 ? SW_OK
										       : SW_ENOMEM;
}

static enum sw_err
take_item(struct subscriptions *subs, const json_t *item)
{
	const char *id = jsonx_string(item, "id");
	size_t wanted;

	if (id == NULL || !url_id_is_valid(id))
		return SW_OK; /* without an id it can be neither stored nor deleted */
	wanted = subscription_set_find(&subs->set, item, subs->plan.location_id);
	if (wanted == SUBSCRIPTIONS_WANTED)
		return json_array_append_new(subs->excess, json_string(id)) == 0 ? SW_OK
										 : SW_ENOMEM;
	subs->set.has[wanted] = true;
	return add_present(subs, wanted, id);
}

static enum sw_err
take_page(struct subscriptions *subs, const struct call_answer *answer)
{
	json_t *list, *items, *item;
	enum sw_err err = jsonx_load(answer->body, answer->length, &list);
	size_t i;

	if (err != SW_OK)
		return err == SW_ENOMEM ? err : SW_EUPSTREAM;
	items = json_object_get(list, "items");
	err = json_is_array(items) ? platform_next_link(&subs->job.arena, list, &subs->next)
				   : SW_EUPSTREAM;
	json_array_foreach(items, i, item)
	{
		if (err == SW_OK)
			err = take_item(subs, item);
	}
	json_decref(list);
	return err;
}

static void
on_list(void *context, const struct call_answer *answer)
{
	struct subscriptions *subs = context;
	enum sw_err err;

	if (!job_goes_on(&subs->job, answer->err, answer->delay_ms))
		return;
	err = take_page(subs, answer);
	if (err == SW_OK)
		step(subs);
	else
		job_retry(&subs->job, err, -1);
}

static void
on_deleted(void *context, const struct call_answer *answer)
{
	struct subscriptions *subs = context;
	/* One that is not there any more counts as deleted. */
	enum sw_err err = answer->err == SW_ENOTFOUND ? SW_OK : answer->err;

	if (!job_goes_on(&subs->job, err, answer->delay_ms))
		return;
	subs->deleted++;
	step(subs);
}

static enum sw_err
take_created(struct subscriptions *subs, const struct call_answer *answer, size_t wanted)
{
	json_t *made;
	const char *id;
	enum sw_err err = jsonx_load(answer->body, answer->length, &made);

	if (err == SW_ENOMEM)
		return err;
	id = jsonx_string(made, "id");
	if (id != NULL && url_id_is_valid(id))
		err = add_present(subs, wanted, id);
	else
		subs->conflict = true; /* it was created: reading the list again shows its id */
	json_decref(made);
	return err == SW_ENOMEM ? err : SW_OK;
}

static void
on_created(void *context, const struct call_answer *answer)
{
	struct subscriptions *subs = context;
	size_t wanted = subscription_set_missing(&subs->set); /* the one that start_create() took */
	enum sw_err err = answer->err;

	FAILPOINT("subscription.created");
	if (err == SW_ECONFLICT) {
		subs->conflict = true;
		err = SW_OK;
	} else if (err == SW_EFORBIDDEN || err == SW_EINPUT || err == SW_ENOTFOUND) {
		/* The platform refuses this one; the others may be accepted. */
		subs->worst = err;
		err = SW_OK;
	} else if (err == SW_OK) {
		err = take_created(subs, answer, wanted);
	}
	if (!job_goes_on(&subs->job, err, answer->delay_ms))
		return;
	subs->set.has[wanted] = true;
	step(subs);
}

static void
start_list(struct subscriptions *subs)
{
	const struct call call = {
	    .what = PLATFORM_GET_SUBSCRIPTIONS,
	    .id = subs->job.row.installation_id,
	    .url = subs->next,
	};

	if (subs->next == NULL) {
		subs->lists++;
		subs->conflict = false;
		memset(&subs->set, 0, sizeof(subs->set));
		json_array_clear(subs->present);
		json_array_clear(subs->excess);
		subs->deleted = 0;
	}
	if (++subs->pages > PAGES_MAX)
		job_retry(&subs->job, SW_EUPSTREAM, -1);
	else
		job_call(&subs->job, &call, on_list);
}

static void
start_delete(struct subscriptions *subs)
{
	const struct call call = {
	    .what = PLATFORM_DELETE_SUBSCRIPTION,
	    .id = subs->job.row.installation_id,
	    .second_id = json_string_value(json_array_get(subs->excess, subs->deleted)),
	};

	job_call(&subs->job, &call, on_deleted);
}

static void
start_create(struct subscriptions *subs)
{
	struct call call = {
	    .what = PLATFORM_POST_SUBSCRIPTION,
	    .id = subs->job.row.installation_id,
	};
	struct sbuf body = {0};
	enum sw_err err = subscription_put_body(
	    &body, subscription_set_missing(&subs->set), subs->plan.location_id);

	call.body = sbuf_text(&body);
	call.body_length = body.length;
	if (err == SW_OK)
		job_call(&subs->job, &call, on_created);
	else
		job_retry(&subs->job, err, -1);
	sbuf_clear(&body);
}

static void
end(struct subscriptions *subs)
{
	struct sbuf present = {0};
	enum sw_err err = SW_ENOMEM;

	jsonx_put(&present, subs->present);
	if (!sbuf_failed(&present))
		err = store_subscription_replace(
		    subs->job.worker->db, subs->job.row.installation_id, sbuf_text(&present));
	sbuf_clear(&present);
	if (err == SW_OK)
		err = subs->worst;
	if (err != SW_OK)
		job_retry(&subs->job, err, -1);
	else if (subs->deleted < json_array_size(subs->excess))
		job_retry(&subs->job, SW_ELIMIT, DELETES_DELAY_MS);
	else
		job_done(&subs->job);
}

/* The next call.  Superfluous ones are deleted before others are created: names are unique. */
static void
step(struct subscriptions *subs)
{
	bool complete = subscription_set_missing(&subs->set) == SUBSCRIPTIONS_WANTED;

	if (subs->lists == 0 || subs->next != NULL ||
	    (complete && subs->conflict && subs->lists == 1))
		start_list(subs);
	else if (subs->deleted < json_array_size(subs->excess) && subs->deleted < DELETES_MAX)
		start_delete(subs);
	else if (!complete)
		start_create(subs);
	else
		end(subs);
}

static void
wait_for_location(struct job *job)
{
	job_wait(job, retry_delay_ms(&location_wait, job->row.age_s / 2, -1));
}

static void
begin(struct job *job)
{
	struct subscriptions *subs = (struct subscriptions *)job;
	enum sw_err err =
	    store_sync_plan(job->worker->db, &job->arena, job->row.installation_id, &subs->plan);

	subs->present = json_array();
	subs->excess = json_array();
	if (err == SW_ENOTFOUND)
		job_done(job);
	else if (err != SW_OK || subs->present == NULL || subs->excess == NULL)
		job_retry(job, err != SW_OK ? err : SW_ENOMEM, -1);
	else if (subs->plan.location_id == NULL)
		wait_for_location(job);
	else
		step(subs);
}

const struct job_type subscriptions_job = {
    .size = sizeof(struct subscriptions),
    .backoff = {.first_ms = 2000, .most_ms = 3600000},
    .waits_for_budget = true,
    .begin = begin,
    .clear = subscriptions_clear,
};
