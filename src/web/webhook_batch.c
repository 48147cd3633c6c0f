/*
 * One commit for several webhooks.  What it hides: what happens when that commit fails, and that an
 * installation whose row is locked is waited for once, not by every batch.
 */
#include "web/webhook_batch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* No statement begins later than this after the first one: the platform waits 10 s for an answer.
 */
#define BEGIN_MS 6000
/* Each wait for a lock takes DB_LOCK_TIMEOUT_MS, and the others of the batch wait with it. */
#define LOCK_WAITS_MAX 2

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

void
webhook_batch_clear(struct webhook_batch *batch)
{
	batch->count = 0;
	batch->events = 0;
}

/*
 * Installations whose rows were locked
 */

static char *
find_locked(struct webhook_batch *batch, const char *installation_id)
{
	for (size_t i = 0; i < WEBHOOK_LOCKED_MAX; i++) {
		if (strcmp(batch->locked[i], installation_id) == 0)
			return batch->locked[i];
	}
	return NULL;
}

/* In place of the one that was remembered first, which the next batch may wait for once more. */
static void
remember_locked(struct webhook_batch *batch, const char *installation_id)
{
	if (find_locked(batch, installation_id) != NULL)
		return;
	snprintf(
	    batch->locked[batch->next_locked], sizeof(batch->locked[0]), "%s", installation_id);
	batch->next_locked = (batch->next_locked + 1) % WEBHOOK_LOCKED_MAX;
}

static void
forget_locked(struct webhook_batch *batch, const char *installation_id)
{
	char *place = find_locked(batch, installation_id);

	if (place != NULL)
		place[0] = '\0';
}

static bool
has_remembered(struct webhook_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (find_locked(batch, batch->deferred[i].event.installed_app_id) != NULL)
			return true;
	}
	return false;
}

static void
put_webhooks(const struct webhook_deferred *first, size_t count, struct store_webhook *out)
{
	assert(count > 0 && count <= WEBHOOK_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		out[i].installation_id = first[i].event.installed_app_id;
		out[i].events_json = first[i].event.events_json;
	}
}

/* Bring those that are not locked to the front, in their order; returns how many they are. */
static size_t
sort_by_lock(struct webhook_batch *batch, size_t count, const bool *locked)
{
	struct webhook_deferred behind[WEBHOOK_BATCH_MAX];
	size_t free = 0, left = 0;

	for (size_t i = 0; i < count; i++) {
		if (locked[i])
			behind[left++] = batch->deferred[i];
		else
			batch->deferred[free++] = batch->deferred[i];
	}
	memcpy(&batch->deferred[free], behind, left * sizeof(behind[0]));
	return free;
}

/*
 * Of the first "count", those whose rows are locked now get SW_ELOCKED and go to the end; returns
 * how many are left.
 */
static size_t
leave_out_locked(struct webhook_batch *batch, size_t count, struct db *db)
{
	struct store_webhook webhooks[WEBHOOK_BATCH_MAX];
	bool locked[WEBHOOK_BATCH_MAX];

	put_webhooks(batch->deferred, count, webhooks);
	if (store_event_locked(db, webhooks, count, locked) != SW_OK)
		return count;
	for (size_t i = 0; i < count; i++) {
		const char *id = batch->deferred[i].event.installed_app_id;

		if (locked[i]) {
			batch->deferred[i].err = SW_ELOCKED;
			remember_locked(batch, id);
		} else {
			forget_locked(batch, id);
		}
	}
	return sort_by_lock(batch, count, locked);
}

/*
 * Storing
 */

/* "count" of them from "first" on, in one transaction; the same outcome for all. */
static enum sw_err
store(struct webhook_deferred *first, size_t count, struct db *db, bool notify)
{
	struct store_webhook webhooks[WEBHOOK_BATCH_MAX];
	struct store_ingest done[WEBHOOK_BATCH_MAX];
	enum sw_err err;

	put_webhooks(first, count, webhooks);
	err = store_event_ingest(db, webhooks, count, notify, done);
	if (err == SW_ECONFLICT) /* a deadlock with a link or an uninstall: nothing was stored */
		err = store_event_ingest(db, webhooks, count, notify, done);
	for (size_t i = 0; i < count; i++) {
		first[i].err = err;
		first[i].done = done[i];
	}
	return err;
}

/*
 * SW_ETIMEOUT or SW_ELOCKED when another webhook of this installation met that: then this one would
 * too.  Else SW_OK.
 */
static enum sw_err
blocked_by(const struct webhook_batch *batch, size_t index)
{
	const char *id = batch->deferred[index].event.installed_app_id;

	for (size_t i = 0; i < index; i++) {
		const struct webhook_deferred *earlier = &batch->deferred[i];

		if ((earlier->err == SW_ETIMEOUT || earlier->err == SW_ELOCKED) &&
		    strcmp(earlier->event.installed_app_id, id) == 0)
			return earlier->err;
	}
	return SW_OK;
}

/* Why it cannot be tried now, or SW_OK. */
static enum sw_err
not_tried_for(const struct webhook_batch *batch, size_t index, int lock_waits, int64_t end_ms)
{
	enum sw_err blocked = blocked_by(batch, index);

	if (blocked != SW_OK)
		return blocked;
	if (lock_waits >= LOCK_WAITS_MAX)
		return SW_ELOCKED;
	return clock_monotonic_ms() < end_ms ? SW_OK : SW_ETIMEOUT;
}

/* The first "count", each in a transaction of its own. */
static void
store_alone(struct webhook_batch *batch, size_t count, struct db *db, int64_t end_ms)
{
	int lock_waits = 0;

	for (size_t i = 0; i < count; i++) {
		struct webhook_deferred *one = &batch->deferred[i];
		enum sw_err why = not_tried_for(batch, i, lock_waits, end_ms);

		log_set_request(one->req->id);
		if (why == SW_OK) {
			lock_waits += store(one, 1, db, false) == SW_ELOCKED;
			continue;
		}
		one->err = why;
		log_event(LOG_WARN, "webhook.not_tried", "installation",
		    one->event.installed_app_id, "why", err_name(why), (const char *)NULL);
	}
}

void
webhook_batch_store(struct webhook_batch *batch, struct db *db, bool notify)
{
	int64_t end_ms = clock_monotonic_ms() + BEGIN_MS;
	size_t count = batch->count;
	enum sw_err err;

	if (count == 0)
		return;
	log_set_request(batch->deferred[0].req->id);
	assert(!notify || count == 1);
	if (has_remembered(batch))
		count = leave_out_locked(batch, count, db);
	if (count == 0)
		return;
	err = store(batch->deferred, count, db, notify);
	if (err == SW_ELOCKED) {
		size_t free = leave_out_locked(batch, count, db);

		if (free > 0 && free < count)
			err = store(batch->deferred, free, db, false);
		count = free;
	}
	if (count > 1 && err != SW_OK && err != SW_EUNAVAILABLE)
		store_alone(batch, count, db, end_ms);
}
