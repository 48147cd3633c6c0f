/* One commit for several webhooks.  What it hides: what happens when that commit fails. */
#include "web/webhook_batch.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* No statement begins later than this after the first one: the platform waits 10 s for an answer.
 */
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
	batch->deferred[batch->count++] =
	    (struct webhook_deferred){.req = req, .res = res, .event = *event};
	batch->events += event->event_count;
}

/* "count" of them from "first" on, in one transaction; the same outcome for all. */
static enum sw_err
store(struct webhook_deferred *first, size_t count, struct db *db, bool notify)
{
	struct store_webhook webhooks[WEBHOOK_BATCH_MAX] = {0};
	struct store_ingest done[WEBHOOK_BATCH_MAX];
	enum sw_err err;

	assert(count > 0 && count <= WEBHOOK_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		webhooks[i].installation_id = first[i].event.installed_app_id;
		webhooks[i].events_json = first[i].event.events_json;
	}
	err = store_event_ingest(db, webhooks, count, notify, done);
	if (err == SW_ECONFLICT) /* a deadlock with a link or an uninstall: nothing was stored */
		err = store_event_ingest(db, webhooks, count, notify, done);
	for (size_t i = 0; i < count; i++) {
		first[i].err = err;
		first[i].done = done[i];
	}
	return err;
}

/* Has another webhook of this installation timed out, probably on a lock?  Then this one would too.
 */
static bool
is_blocked(const struct webhook_batch *batch, size_t index)
{
	const char *id = batch->deferred[index].event.installed_app_id;

	for (size_t i = 0; i < index; i++) {
		if (batch->deferred[i].err == SW_ETIMEOUT &&
		    strcmp(batch->deferred[i].event.installed_app_id, id) == 0)
			return true;
	}
	return false;
}

static void
store_alone(struct webhook_batch *batch, struct db *db, int64_t end_ms)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct webhook_deferred *one = &batch->deferred[i];
		bool blocked = is_blocked(batch, i);

		log_set_request(one->req->id);
		if (!blocked && clock_monotonic_ms() < end_ms) {
			(void)store(one, 1, db, false);
			continue;
		}
		one->err = SW_ETIMEOUT;
		log_event(LOG_WARN, "webhook.not_tried", "installation",
		    one->event.installed_app_id, "why", blocked ? "locked" : "late",
		    (const char *)NULL);
	}
}

void
webhook_batch_store(struct webhook_batch *batch, struct db *db, bool notify)
{
	int64_t end_ms = clock_monotonic_ms() + BEGIN_MS;
	enum sw_err err;

	if (batch->count == 0)
		return;
	log_set_request(batch->deferred[0].req->id);
	assert(!notify || batch->count == 1);
	err = store(batch->deferred, batch->count, db, notify);
	if (batch->count > 1 && err != SW_OK && err != SW_EUNAVAILABLE)
		store_alone(batch, db, end_ms);
}
