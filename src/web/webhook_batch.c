/*
 * One commit for several webhooks.  What it hides: what is done when that
 * one fails.
 */
#include "web/webhook_batch.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Nothing is begun later than this after the first try: the platform waits for ten seconds. */
#define BEGIN_MS 6000

bool
webhook_batch_is_full(const struct webhook_batch *batch)
{
	return batch->count == WEBHOOK_BATCH_MAX || batch->events >= WEBHOOK_BATCH_EVENTS;
}

void
webhook_batch_add(struct webhook_batch *batch, const struct request *req,
    const struct webhook_body *event, struct response *res)
{
	assert(!webhook_batch_is_full(batch));
	batch->waiting[batch->count++] =
	    (struct webhook_waiting){.req = req, .res = res, .event = *event};
	batch->events += event->event_count;
}

/* "count" of them from "first" on, in one transaction; the same outcome for all. */
static enum sw_err
store(struct webhook_waiting *first, size_t count, struct db *db, bool tell)
{
	struct store_webhook webhooks[WEBHOOK_BATCH_MAX] = {0};
	struct store_ingest done[WEBHOOK_BATCH_MAX];
	enum sw_err err;

	assert(count > 0 && count <= WEBHOOK_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		webhooks[i].installation_id = first[i].event.installed_app_id;
		webhooks[i].events_json = first[i].event.events_json;
	}
	err = store_event_ingest(db, webhooks, count, tell, done);
	if (err == SW_ECONFLICT) /* a deadlock with a link or an uninstall: nothing was stored */
		err = store_event_ingest(db, webhooks, count, tell, done);
	for (size_t i = 0; i < count; i++) {
		first[i].err = err;
		first[i].done = done[i];
	}
	return err;
}

/* Did one of this home take too long already?  Then another will not be quicker. */
static bool
is_stuck(const struct webhook_batch *batch, size_t index)
{
	const char *id = batch->waiting[index].event.installed_app_id;

	for (size_t i = 0; i < index; i++) {
		if (batch->waiting[i].err == SW_ETIMEOUT &&
		    strcmp(batch->waiting[i].event.installed_app_id, id) == 0)
			return true;
	}
	return false;
}

static void
store_alone(struct webhook_batch *batch, struct db *db, int64_t end_ms)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct webhook_waiting *one = &batch->waiting[i];
		bool stuck = is_stuck(batch, i);

		log_set_request(one->req->id);
		if (!stuck && clock_monotonic_ms() < end_ms) {
			(void)store(one, 1, db, false);
			continue;
		}
		one->err = SW_ETIMEOUT;
		log_event(LOG_WARN, "webhook.not_tried", "installation",
		    one->event.installed_app_id, "why", stuck ? "locked" : "late",
		    (const char *)NULL);
	}
}

void
webhook_batch_store(struct webhook_batch *batch, struct db *db, bool tell)
{
	int64_t end_ms = clock_monotonic_ms() + BEGIN_MS;
	enum sw_err err;

	if (batch->count == 0)
		return;
	log_set_request(batch->waiting[0].req->id);
	assert(!tell || batch->count == 1);
	err = store(batch->waiting, batch->count, db, tell);
	if (batch->count > 1 && err != SW_OK && err != SW_EUNAVAILABLE)
		store_alone(batch, db, end_ms);
}
