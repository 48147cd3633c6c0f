/*
 * Device sync (design.md "Data"): one call after the other.  Only a complete list of devices is
 * applied, because devices that two in a row lack are removed.
 */
#include "worker/sync.h"

#include <jansson.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "formats/json.h"
#include "formats/json_tolerant.h"
#include "formats/url.h"
#include "smartthings/api.h"
#include "smartthings/device.h"
#include "smartthings/installed_app.h"
#include "store/installation.h"
#include "store/sync.h"
#include "store/token.h"
#include "worker/calls.h"
#include "worker/sync_status.h"

#define PAGES_MAX 100
#define RETRY_MOST_MS 3600000
/* At most this long: subscription_replace() in sql/ makes the sync due at once. */
#define SUBSCRIBING_DELAY_MS 1000
/*
 * The rooms may be read 50 times an hour (platform.md "Limits published").  sync_plan() in sql/
 * leaves them out for as long.
 */
#define ROOMS_AGAIN_S 120
/* Between two readings of the status of single devices. */
#define STATUS_PAUSE_MS 50

struct sync {
	struct job job;
	struct store_plan plan;
	const char *location_name; /* read now; else NULL */
	json_t *rooms;             /* read now; else NULL */
	bool rooms_requested;      /* in this run, whatever the answer was */
	json_t *devices;
	struct device_notes notes; /* what of the lists could not be used */
	struct sync_status status; /* of devices whose page had none */
	const char *next;          /* page of the list being read; NULL is its first */
	int pages;
};

static void step(struct sync *sync);

static void
sync_clear(struct job *job)
{
	struct sync *sync = (struct sync *)job;

	json_decref(sync->rooms);
	json_decref(sync->devices);
	sync_status_clear(&sync->status);
}

/* "running", or "failed" with a reason, on the pages of the location; the sync goes on without. */
static void
show(struct sync *sync, const char *state, const char *reason)
{
	struct worker *worker = sync->job.worker;
	const char *id = sync->job.row.installation_id;
	int64_t found = (int64_t)json_array_size(sync->devices);

	if (store_sync_progress(worker->db, &worker->scratch, id, state, found, reason) == SW_OK)
		notify_add_page(&worker->notify, id);
}

static void
show_failure(struct job *job, const char *reason)
{
	show((struct sync *)job, "failed", reason);
}

/* REVOKED or DISABLED: only linking again helps. */
static void
end_revoked(struct sync *sync, const struct call_answer *answer, const char *status)
{
	struct worker *worker = sync->job.worker;
	bool was_current;

	log_event(LOG_WARN, "installation.revoked", "installation", sync->job.row.installation_id,
	    "status", status, (const char *)NULL);
	if (store_token_dead(worker->db, &worker->scratch, sync->job.row.installation_id,
		answer->generation, status, &was_current) == SW_OK)
		notify_add_page(&worker->notify, sync->job.row.installation_id);
	job_put_back(&sync->job, SW_EFORBIDDEN, RETRY_MOST_MS);
}

static enum sw_err
take_installed_app(struct sync *sync, const json_t *app)
{
	struct worker *worker = sync->job.worker;
	const char *id = sync->job.row.installation_id;
	const char *location_id = jsonx_string(app, "locationId");
	const char *owner_id = installed_app_owner(app);
	enum sw_err err;

	if (location_id == NULL || !url_id_is_valid(location_id))
		return SW_EUPSTREAM;
	sync->plan.location_id = arena_strdup(&sync->job.arena, location_id);
	if (sync->plan.location_id == NULL)
		return SW_ENOMEM;
	err = store_installation_set_location(worker->db, id, location_id);
	if (err == SW_OK && owner_id != NULL)
		err = store_installation_set_owner(worker->db, id, owner_id);
	worker->has_work = true; /* the subscriptions wait for the location */
	return err;
}

/* A change between a first reading and the subscriptions would never be seen: no event comes. */
static void
wait_for_subscriptions(struct sync *sync)
{
	job_wait(&sync->job, SUBSCRIBING_DELAY_MS);
}

static void
on_installed_app(void *context, const struct call_answer *answer)
{
	struct sync *sync = context;
	const char *status;
	json_t *app;
	enum sw_err err;

	if (!job_goes_on(&sync->job, answer->err, answer->delay_ms))
		return;
	err = json_tolerant_load(answer->body, answer->length, NULL, NULL, &app);
	if (err != SW_OK) {
		job_retry(&sync->job, err == SW_ENOMEM ? err : SW_EUPSTREAM, -1);
		return;
	}
	status = jsonx_string(app, "installedAppStatus");
	if (status != NULL && (strcmp(status, "REVOKED") == 0 || strcmp(status, "DISABLED") == 0)) {
		end_revoked(sync, answer, status);
	} else {
		err = take_installed_app(sync, app);
		if (err == SW_OK && sync->plan.subscribing)
			wait_for_subscriptions(sync);
		else if (err == SW_OK)
			step(sync);
		else
			job_retry(&sync->job, err, -1);
	}
	json_decref(app);
}

static void
on_location(void *context, const struct call_answer *answer)
{
	struct sync *sync = context;
	json_t *location = NULL;

	/* The sync goes on without the location's name. */
	if (answer->err == SW_EFORBIDDEN || answer->err == SW_ENOTFOUND) {
		sync->plan.want_location = false;
		step(sync);
		return;
	}
	if (!job_goes_on(&sync->job, answer->err, answer->delay_ms))
		return;
	if (json_tolerant_load(answer->body, answer->length, NULL, NULL, &location) == SW_OK)
		sync->location_name = jsonx_strdup(&sync->job.arena, location, "name");
	json_decref(location);
	sync->plan.want_location = false;
	step(sync);
}

/* The sync goes on without the names of the rooms. */
static void
skip_rooms(struct sync *sync)
{
	json_decref(sync->rooms);
	sync->rooms = NULL;
	sync->next = NULL;
	sync->plan.want_rooms = false;
	step(sync);
}

static void
on_rooms(void *context, const struct call_answer *answer)
{
	struct sync *sync = context;
	enum sw_err err;

	if (answer->err == SW_EFORBIDDEN || answer->err == SW_ENOTFOUND) {
		skip_rooms(sync);
		return;
	}
	if (!job_goes_on(&sync->job, answer->err, answer->delay_ms))
		return;
	err = device_parse_rooms(
	    &sync->job.arena, answer->body, answer->length, sync->rooms, &sync->notes, &sync->next);
	if (err == SW_EUPSTREAM) {
		skip_rooms(sync);
		return;
	}
	if (err != SW_OK) {
		job_retry(&sync->job, err, -1);
		return;
	}
	if (sync->next == NULL) {
		sync->plan.want_rooms = false;
		sync->pages = 0;
	}
	step(sync);
}

/* One line for all of a sync: odd values come again with each. */
static void
log_notes(const struct sync *sync)
{
	const struct device_notes *notes = &sync->notes;

	if (notes->left_out + notes->odd > 0)
		log_event(LOG_WARN, "sync.odd", "installation", sync->job.row.installation_id,
		    "left_out", log_int((long long)notes->left_out), "values",
		    log_int((long long)notes->odd), "member", notes->member, (const char *)NULL);
}

/* Of two numbers of seconds the smaller one; a negative one is none. */
static int64_t
sooner(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* In how many seconds what could not be read of the devices' status should be; -1: need not. */
static int64_t
status_again_s(const struct sync *sync)
{
	if (!sync->status.stopped || sync->status.delay_ms < 0)
		return -1;
	return (sync->status.delay_ms + 999) / 1000;
}

/*
 * The reading of a second sync tells whether what this one missed is gone; and a device may have
 * come into a room after the rooms were read last.
 */
static void
end_applied(struct sync *sync)
{
	struct worker *worker = sync->job.worker;
	const char *id = arena_strdup(&worker->scratch, sync->job.row.installation_id);
	int64_t again_s = -1;
	enum sw_err err = SW_ENOMEM;

	log_event(LOG_INFO, "sync.applied", "installation", id, "devices",
	    log_int((long long)json_array_size(sync->devices)), "pages", log_int(sync->pages),
	    "statuses", sync->status.asked > 0 ? log_int((long long)sync->status.asked) : NULL,
	    "failed", sync->status.failed > 0 ? log_int((long long)sync->status.failed) : NULL,
	    (const char *)NULL);
	log_notes(sync);
	notify_add_page(&worker->notify, sync->job.row.installation_id);
	if (id != NULL)
		err = store_sync_again(worker->db, &worker->scratch, id, sync->rooms_requested,
		    ROOMS_AGAIN_S, &again_s);
	again_s = sooner(again_s, status_again_s(sync));
	job_done(&sync->job);
	if (err == SW_OK && again_s >= 0)
		err = store_work_put(
		    worker->db, &worker->scratch, id, WORK_DEVICE_SYNC, WORK_UPKEEP, again_s);
	if (err != SW_OK)
		log_event(LOG_WARN, "sync.again", "installation", id, (const char *)NULL);
}

static void
apply(struct sync *sync)
{
	struct store_synced synced = {
	    .started_at = sync->plan.started_at,
	    .location_id = sync->plan.location_id,
	    .location_name = sync->location_name,
	};
	struct sbuf devices = {0}, rooms = {0};
	enum sw_err err = SW_ENOMEM;

	FAILPOINT("sync.read");
	sync_status_drop_empty(sync->devices);
	jsonx_put(&devices, sync->devices);
	if (sync->rooms != NULL)
		jsonx_put(&rooms, sync->rooms);
	if (!sbuf_failed(&devices) && !sbuf_failed(&rooms)) {
		synced.devices = sbuf_text(&devices);
		synced.rooms = sync->rooms != NULL ? sbuf_text(&rooms) : NULL;
		err =
		    store_sync_apply(sync->job.worker->db, sync->job.row.installation_id, &synced);
	}
	sbuf_clear(&devices);
	sbuf_clear(&rooms);
	FAILPOINT("sync.applied");
	if (err == SW_OK)
		end_applied(sync);
	else if (err == SW_ENOTFOUND)
		job_drop(&sync->job);
	else
		job_retry(&sync->job, err, -1);
}

static void read_statuses(struct job *job);

static void
on_status(void *context, const struct call_answer *answer)
{
	struct sync *sync = context;
	enum sw_err err = sync_status_take(&sync->status, answer, &sync->notes);

	if (job_goes_on(&sync->job, err, answer->delay_ms))
		job_pause(&sync->job, STATUS_PAUSE_MS, read_statuses);
}

/* Read the status of the devices that lack it, one after the other, then apply the list. */
static void
read_statuses(struct job *job)
{
	struct sync *sync = (struct sync *)job;
	struct call call = {
	    .what = PLATFORM_GET_DEVICE_STATUS, .id = sync_status_next(&sync->status)};

	if (call.id != NULL)
		job_call(job, &call, on_status);
	else
		apply(sync);
}

static enum sw_err
take_page(struct sync *sync, const struct call_answer *answer)
{
	size_t before = json_array_size(sync->devices);
	struct device_page page;
	enum sw_err err = device_parse_page(
	    &sync->job.arena, answer->body, answer->length, sync->devices, &sync->notes, &page);

	if (err != SW_OK)
		return err;
	sync->next = page.next;
	if (!page.has_status && !sync_status_add(&sync->status, sync->devices, before))
		return SW_ENOMEM;
	return SW_OK;
}

static void
on_devices(void *context, const struct call_answer *answer)
{
	struct sync *sync = context;
	enum sw_err err;

	if (!job_goes_on(&sync->job, answer->err, answer->delay_ms))
		return;
	err = take_page(sync, answer);
	if (err == SW_OK && sync->next == NULL && sync_status_next(&sync->status) == NULL) {
		apply(sync);
		return;
	}
	if (err != SW_OK) {
		job_retry(&sync->job, err, -1);
		return;
	}
	show(sync, "running", NULL);
	if (sync->next != NULL)
		step(sync);
	else
		read_statuses(&sync->job);
}

/* The next call of this sync. */
static void
step(struct sync *sync)
{
	struct call call = {.id = sync->plan.location_id, .url = sync->next};
	call_done *done;

	if (sync->plan.location_id == NULL) {
		call.what = PLATFORM_GET_INSTALLED_APP;
		call.id = sync->job.row.installation_id;
		done = on_installed_app;
	} else if (sync->plan.want_location) {
		call.what = PLATFORM_GET_LOCATION;
		done = on_location;
	} else if (sync->plan.want_rooms) {
		call.what = PLATFORM_GET_ROOMS;
		done = on_rooms;
		sync->pages++;
	} else {
		call.what = PLATFORM_GET_DEVICES;
		done = on_devices;
		sync->pages++;
	}
	if (sync->pages <= PAGES_MAX)
		job_call(&sync->job, &call, done);
	else
		job_retry(&sync->job, SW_EUPSTREAM, -1);
}

static enum sw_err
prepare(struct sync *sync)
{
	sync->devices = json_array();
	if (sync->devices == NULL)
		return SW_ENOMEM;
	sync->rooms_requested = sync->plan.want_rooms;
	if (sync->plan.want_rooms) {
		sync->rooms = json_array();
		if (sync->rooms == NULL)
			return SW_ENOMEM;
	}
	show(sync, "running", NULL);
	return SW_OK;
}

static void
begin(struct job *job)
{
	struct sync *sync = (struct sync *)job;
	enum sw_err err =
	    store_sync_plan(job->worker->db, &job->arena, job->row.installation_id, &sync->plan);

	if (err == SW_ENOTFOUND) {
		job_done(job);
		return;
	}
	if (err == SW_OK && sync->plan.subscribing && sync->plan.location_id != NULL) {
		wait_for_subscriptions(sync);
		return;
	}
	if (err == SW_OK)
		err = prepare(sync);
	if (err == SW_OK)
		step(sync);
	else
		job_retry(job, err, -1);
}

const struct job_type sync_job = {
    .size = sizeof(struct sync),
    .backoff = {.first_ms = 2000, .most_ms = RETRY_MOST_MS},
    .waits_for_budget = true,
    .begin = begin,
    .clear = sync_clear,
    .show_failure = show_failure,
};
