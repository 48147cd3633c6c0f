/*
 * Subscription upkeep.  Never deletes all: the platform allows 15 such calls
 * in 15 minutes, and events would be lost in between.
 */
#include "worker/subscriptions.h"

#include <jansson.h>
#include <string.h>

#include "base/failpoint.h"
#include "formats/json.h"
#include "base/log.h"
#include "smartthings/api.h"
#include "store/sync.h"
#include "formats/url.h"
#include "worker/calls.h"
#include "worker/job.h"

/* Lists and deletions share 15 calls in 15 minutes (platform.md "Limits published"). */
#define PAGES_MAX 10
#define DELETES_MAX 10
#define RETRY_FIRST_MS 2000
#define RETRY_MOST_MS 900000
#define BUDGET_DELAY_MS 900000
/* When all of those calls may be made again (pace_take() in sql/). */
#define DELETES_DELAY_MS 906000
/* For the location, which the first device sync finds out with its first call. */
#define LOCATION_WAIT_FIRST_MS 300
#define LOCATION_WAIT_MOST_MS 60000

struct wanted {
	const char *source;
	const char *member; /* of the body, with the detail */
	const char *capability;
	const char *attribute;
	const char *name;
};

static const struct wanted wanted[] = {
    {"CAPABILITY", "capability", "switch", "switch", "switchboard_switch"},
    {"CAPABILITY", "capability", "switchLevel", "level", "switchboard_level"},
    {"DEVICE_LIFECYCLE", "deviceLifecycle", NULL, NULL, "switchboard_lifecycle"},
    {"DEVICE_HEALTH", "deviceHealth", NULL, NULL, "switchboard_health"},
};
#define WANTED_COUNT (sizeof(wanted) / sizeof(wanted[0]))

struct subscriptions {
	struct job job;
	struct store_plan plan;
	const char *next; /* page of the list */
	int pages;
	int lists;      /* how often it was read from its beginning */
	json_t *kept;   /* for store_subscription_replace() */
	json_t *excess; /* ids to be deleted */
	size_t deleted; /* how many of them are */
	bool has[WANTED_COUNT];
	bool conflict;     /* the platform has one that the list did not show */
	enum sw_err worst; /* of the creations */
};

static void step(struct subscriptions *subs);

static void
subscriptions_clear(struct job *job)
{
	struct subscriptions *subs = (struct subscriptions *)job;

	json_decref(subs->kept);
	json_decref(subs->excess);
}

static void
fail(struct subscriptions *subs, enum sw_err err, int64_t delay_ms)
{
	if (delay_ms < 0)
		delay_ms = backoff_ms(subs->job.row.attempts, RETRY_FIRST_MS, RETRY_MOST_MS);
	if (subs->job.worker->stopping)
		delay_ms = 0;
	job_failed(&subs->job, err, delay_ms);
}

static bool
goes_on(struct subscriptions *subs, const struct call_answer *answer)
{
	if (answer->err != SW_OK) {
		fail(subs, answer->err, answer->delay_ms);
		return false;
	}
	return job_keep(&subs->job);
}

/* A string member equals the text; one that is absent, or "*", fits too when "any" says so. */
static bool
fits(const json_t *detail, const char *name, const char *text, bool any)
{
	const char *value = jsonx_string(detail, name);

	if (value == NULL)
		return any;
	return strcmp(value, text) == 0 || (any && strcmp(value, "*") == 0);
}

static bool
is_wanted(const struct subscriptions *subs, const json_t *item, const struct wanted *want)
{
	const json_t *detail = json_object_get(item, want->member);

	if (!fits(item, "sourceType", want->source, false) ||
	    !fits(detail, "locationId", subs->plan.location_id, true))
		return false;
	if (want->capability == NULL)
		return true;
	return fits(detail, "capability", want->capability, false) &&
	       fits(detail, "attribute", want->attribute, false) &&
	       fits(detail, "value", "*", true);
}

/* The first of "wanted" that an item is and no other is yet; WANTED_COUNT: none, too much. */
static size_t
place_of(const struct subscriptions *subs, const json_t *item)
{
	size_t i;

	for (i = 0; i < WANTED_COUNT; i++) {
		if (!subs->has[i] && is_wanted(subs, item, &wanted[i]))
			break;
	}
	return i;
}

static enum sw_err
keep(struct subscriptions *subs, const char *id, const struct wanted *want)
{
	json_t *row = json_pack("{s:s, s:s, s:s?, s:s?, s:s}", "id", id, "source", want->source,
	    "capability", want->capability, "attribute", want->attribute, "name", want->name);

	return json_array_append_new(subs->kept, row) == 0 ? SW_OK : SW_ENOMEM;
}

static enum sw_err
take_item(struct subscriptions *subs, const json_t *item)
{
	const char *id = jsonx_string(item, "id");
	size_t place;

	if (id == NULL || !url_id_is_valid(id))
		return SW_OK; /* nothing can be done about it */
	place = place_of(subs, item);
	if (place == WANTED_COUNT)
		return json_array_append_new(subs->excess, json_string(id)) == 0 ? SW_OK
										 : SW_ENOMEM;
	subs->has[place] = true;
	return keep(subs, id, &wanted[place]);
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

	if (!goes_on(subs, answer))
		return;
	err = take_page(subs, answer);
	if (err == SW_OK)
		step(subs);
	else
		fail(subs, err, -1);
}

static void
on_deleted(void *context, const struct call_answer *answer)
{
	struct subscriptions *subs = context;
	struct call_answer seen = *answer;

	if (seen.err == SW_ENOTFOUND) /* as good as deleted */
		seen.err = SW_OK;
	if (!goes_on(subs, &seen))
		return;
	subs->deleted++;
	step(subs);
}

/* The one that is being created: the first that is missing. */
static size_t
first_missing(const struct subscriptions *subs)
{
	size_t i = 0;

	while (i < WANTED_COUNT && subs->has[i])
		i++;
	return i;
}

static enum sw_err
take_created(struct subscriptions *subs, const struct call_answer *answer, size_t place)
{
	json_t *made;
	const char *id;
	enum sw_err err = jsonx_load(answer->body, answer->length, &made);

	if (err == SW_ENOMEM)
		return err;
	id = jsonx_string(made, "id");
	if (id != NULL && url_id_is_valid(id))
		err = keep(subs, id, &wanted[place]);
	else
		subs->conflict = true; /* it is there, the list will show its id */
	json_decref(made);
	return err == SW_ENOMEM ? err : SW_OK;
}

static void
on_created(void *context, const struct call_answer *answer)
{
	struct subscriptions *subs = context;
	struct call_answer seen = *answer;
	size_t place = first_missing(subs);

	FAILPOINT("subscription.created");
	if (answer->err == SW_ECONFLICT) {
		subs->conflict = true;
		seen.err = SW_OK;
	} else if (answer->err == SW_EFORBIDDEN || answer->err == SW_EINPUT ||
		   answer->err == SW_ENOTFOUND) {
		/* The platform wants this one not; the others may work. */
		subs->worst = answer->err;
		seen.err = SW_OK;
	} else if (answer->err == SW_OK) {
		seen.err = take_created(subs, answer, place);
	}
	if (!goes_on(subs, &seen))
		return;
	subs->has[place] = true;
	step(subs);
}

static enum sw_err
put_body(const struct subscriptions *subs, const struct wanted *want, struct sbuf *out)
{
	json_t *detail = json_pack(
	    "{s:s, s:s}", "locationId", subs->plan.location_id, "subscriptionName", want->name);
	json_t *body;

	if (want->capability != NULL &&
	    (json_object_set_new(detail, "capability", json_string(want->capability)) != 0 ||
		json_object_set_new(detail, "attribute", json_string(want->attribute)) != 0 ||
		json_object_set_new(detail, "value", json_string("*")) != 0 ||
		json_object_set_new(detail, "stateChangeOnly", json_true()) != 0)) {
		json_decref(detail);
		return SW_ENOMEM;
	}
	body = json_pack("{s:s, s:o}", "sourceType", want->source, want->member, detail);
	if (body == NULL)
		return SW_ENOMEM;
	jsonx_put(out, body);
	json_decref(body);
	return sbuf_failed(out) ? SW_ENOMEM : SW_OK;
}

static enum sw_err
start_list(struct subscriptions *subs, int64_t *delay_ms)
{
	struct call call = {
	    .installation_id = subs->job.row.installation_id,
	    .what = PLATFORM_GET_SUBSCRIPTIONS,
	    .id = subs->job.row.installation_id,
	    .url = subs->next,
	};

	if (subs->next == NULL) {
		subs->lists++;
		subs->conflict = false;
		memset(subs->has, 0, sizeof(subs->has));
		json_array_clear(subs->kept);
		json_array_clear(subs->excess);
		subs->deleted = 0;
	}
	if (++subs->pages > PAGES_MAX)
		return SW_EUPSTREAM;
	return call_start(subs->job.worker, &call, on_list, subs, delay_ms);
}

static enum sw_err
start_delete(struct subscriptions *subs, int64_t *delay_ms)
{
	const struct call call = {
	    .installation_id = subs->job.row.installation_id,
	    .what = PLATFORM_DELETE_SUBSCRIPTION,
	    .id = subs->job.row.installation_id,
	    .second_id = json_string_value(json_array_get(subs->excess, subs->deleted)),
	};

	return call_start(subs->job.worker, &call, on_deleted, subs, delay_ms);
}

static enum sw_err
start_create(struct subscriptions *subs, int64_t *delay_ms)
{
	struct call call = {
	    .installation_id = subs->job.row.installation_id,
	    .what = PLATFORM_POST_SUBSCRIPTION,
	    .id = subs->job.row.installation_id,
	};
	struct sbuf body = {0};
	enum sw_err err = put_body(subs, &wanted[first_missing(subs)], &body);

	call.body = sbuf_text(&body);
	call.body_length = body.length;
	if (err == SW_OK)
		err = call_start(subs->job.worker, &call, on_created, subs, delay_ms);
	sbuf_clear(&body);
	return err;
}

static void
end(struct subscriptions *subs)
{
	struct sbuf kept = {0};
	enum sw_err err = SW_ENOMEM;

	jsonx_put(&kept, subs->kept);
	if (!sbuf_failed(&kept))
		err = store_subscription_replace(
		    subs->job.worker->db, subs->job.row.installation_id, sbuf_text(&kept));
	sbuf_clear(&kept);
	if (err == SW_OK)
		err = subs->worst;
	if (err != SW_OK)
		fail(subs, err, -1);
	else if (subs->deleted < json_array_size(subs->excess))
		fail(subs, SW_ELIMIT, DELETES_DELAY_MS);
	else
		job_done(&subs->job);
}

/* The next call; too much goes before what is missing comes, because names are unique. */
static void
step(struct subscriptions *subs)
{
	size_t deletes = json_array_size(subs->excess);
	int64_t delay_ms = -1;
	enum sw_err err;

	if (subs->lists == 0 || subs->next != NULL ||
	    (first_missing(subs) == WANTED_COUNT && subs->conflict && subs->lists == 1)) {
		err = start_list(subs, &delay_ms);
	} else if (subs->deleted < deletes && subs->deleted < DELETES_MAX) {
		err = start_delete(subs, &delay_ms);
	} else if (first_missing(subs) < WANTED_COUNT) {
		err = start_create(subs, &delay_ms);
	} else {
		end(subs);
		return;
	}
	if (err != SW_OK)
		fail(subs, err, delay_ms);
}

static void
wait_for_location(struct subscriptions *subs)
{
	job_failed(&subs->job, SW_ENOTFOUND,
	    backoff_ms(subs->job.row.attempts / 4, LOCATION_WAIT_FIRST_MS, LOCATION_WAIT_MOST_MS));
}

void
subscriptions_begin(struct worker *worker, const struct store_job *row)
{
	struct subscriptions *subs = job_new(worker, row, sizeof(*subs));
	enum sw_err err;

	if (subs == NULL)
		return;
	subs->job.clear = subscriptions_clear;
	if (calls_are_over_budget(worker)) {
		job_failed(&subs->job, SW_ELIMIT, BUDGET_DELAY_MS);
		return;
	}
	subs->kept = json_array();
	subs->excess = json_array();
	err = store_sync_plan(
	    worker->db, &subs->job.arena, subs->job.row.installation_id, &subs->plan);
	if (err == SW_ENOTFOUND)
		job_done(&subs->job);
	else if (err != SW_OK || subs->kept == NULL || subs->excess == NULL)
		fail(subs, err != SW_OK ? err : SW_ENOMEM, -1);
	else if (subs->plan.location_id == NULL)
		wait_for_location(subs);
	else
		step(subs);
}
