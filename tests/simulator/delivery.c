/* The queue of webhooks. */
#include "delivery.h"

#include <stdlib.h>
#include <string.h>

#include "delivery_log.h"
#include "loop.h"
#include "state.h"
#include "text.h"
#include "webhook.h"

#define ATTEMPTS_MAX 10
#define FIRST_RETRY_MS 500
#define IN_FLIGHT_MAX 16
#define REORDER_WAIT_MS 1000

struct delivery {
	struct delivery *next;
	char *app_id;
	char *installed_app_id; /* "" for what is not an EVENT */
	char *body;
	size_t length;
	json_t *entry; /* of the log */
	int attempts;
	int64_t due_at;         /* monotonic ms */
	struct webhook *flight; /* NULL while it is not being sent */
	delivery_done_fn *done; /* only for delivery_send_now() */
	void *context;
};

static struct delivery *queue;
static struct delivery **queue_end = &queue;
static struct delivery *held; /* "reorder": goes after the next one of its installed app */
static uint64_t held_timer;
static size_t in_flight;
static uint64_t wake_timer;
static json_int_t dropped;

static void delivery_pump(void *unused);

static json_t *
app_of(const char *app_id)
{
	return json_object_get(state_section("apps"), app_id);
}

/* Steals "entry". */
static struct delivery *
delivery_new(const char *app_id, const char *installed_app_id, const char *body, size_t length,
    json_t *entry)
{
	struct delivery *delivery = memory_get(sizeof(*delivery));

	delivery->app_id = text_copy(app_id);
	delivery->installed_app_id = text_copy(installed_app_id);
	delivery->body = memory_get(length + 1);
	memcpy(delivery->body, body, length);
	delivery->length = length;
	delivery->entry = entry;
	return delivery;
}

static void
delivery_free(struct delivery *delivery)
{
	if (delivery == NULL)
		return;
	if (delivery->flight != NULL) {
		webhook_cancel(delivery->flight);
		in_flight--;
	}
	free(delivery->app_id);
	free(delivery->installed_app_id);
	free(delivery->body);
	json_decref(delivery->entry);
	free(delivery);
}

static void
queue_append(struct delivery *delivery)
{
	*queue_end = delivery;
	queue_end = &delivery->next;
}

static void
queue_remove(struct delivery *delivery)
{
	struct delivery **place = &queue;

	while (*place != NULL && *place != delivery)
		place = &(*place)->next;
	if (*place == NULL)
		return;
	*place = delivery->next;
	if (queue_end == &delivery->next)
		queue_end = place;
	delivery->next = NULL;
}

void
delivery_wake(void)
{
	loop_cancel(wake_timer);
	wake_timer = loop_after(0, delivery_pump, NULL);
}

/* Queue the held delivery: its successor went first, or none came in REORDER_WAIT_MS. */
static void
held_release(void *unused)
{
	(void)unused;
	loop_cancel(held_timer);
	held_timer = 0;
	if (held != NULL)
		queue_append(held);
	held = NULL;
	delivery_wake();
}

static void
queue_add(struct delivery *delivery)
{
	state_changed();
	if (held != NULL && (!setting_is_on("reorder") ||
				strcmp(held->installed_app_id, delivery->installed_app_id) != 0))
		held_release(NULL);
	if (!setting_is_on("reorder")) {
		queue_append(delivery);
	} else if (held == NULL) {
		held = delivery;
		held_timer = loop_after(REORDER_WAIT_MS, held_release, NULL);
		return;
	} else {
		queue_append(delivery);
		held_release(NULL);
	}
	delivery_wake();
}

static void delivery_done(void *context, const struct webhook_result *result);

static void
delivery_start(struct delivery *delivery)
{
	const char *url = json_text(app_of(delivery->app_id), "targetUrl");

	delivery->attempts++;
	delivery_log_attempt(delivery->entry, delivery->attempts);
	delivery->flight =
	    webhook_start(url, delivery->body, delivery->length, delivery_done, delivery);
	in_flight++;
}

/* First attempts of one installed app are sent one after another, so that they arrive in order. */
static bool
is_busy(const struct delivery *candidate)
{
	if (*candidate->installed_app_id == '\0' || candidate->attempts > 0)
		return false;
	for (const struct delivery *other = queue; other != candidate; other = other->next) {
		if (other->attempts <= 1 && (other->flight != NULL || other->attempts == 0) &&
		    strcmp(other->installed_app_id, candidate->installed_app_id) == 0)
			return true;
	}
	return false;
}

static void
delivery_pump(void *unused)
{
	int64_t now = time_monotonic_ms();
	int64_t next = INT64_MAX;
	bool hold = setting_is_on("hold");

	(void)unused;
	wake_timer = 0;
	for (struct delivery *delivery = queue; delivery != NULL; delivery = delivery->next) {
		if (in_flight >= IN_FLIGHT_MAX)
			break;
		if (delivery->flight != NULL || (hold && *delivery->installed_app_id != '\0'))
			continue;
		if (delivery->due_at > now) {
			next = delivery->due_at < next ? delivery->due_at : next;
			continue;
		}
		if (!is_busy(delivery))
			delivery_start(delivery);
	}
	if (next != INT64_MAX)
		wake_timer = loop_after(next - now, delivery_pump, NULL);
}

static void
delivery_finish(struct delivery *delivery, const char *state)
{
	delivery_log_end(delivery->entry, state);
	queue_remove(delivery);
	delivery_free(delivery);
	state_changed();
}

/* 5xx and a missing answer are tried again, ATTEMPTS_MAX times in all. */
static bool
deserves_retry(const struct delivery *delivery, long status)
{
	return (status == 0 || status >= 500) && delivery->attempts < ATTEMPTS_MAX &&
	       *delivery->installed_app_id != '\0';
}

static void
delivery_done(void *context, const struct webhook_result *result)
{
	struct delivery *delivery = context;

	delivery->flight = NULL;
	in_flight--;
	delivery_log_result(delivery->entry, result);
	if (delivery->done != NULL)
		delivery->done(delivery->context, result->status, result->answer);
	if (deserves_retry(delivery, result->status)) {
		delivery->due_at =
		    time_monotonic_ms() + ((int64_t)FIRST_RETRY_MS << (delivery->attempts - 1));
		json_put_text(delivery->entry, "state", "waiting");
	} else {
		bool good = result->status >= 200 && result->status < 300;

		delivery_finish(delivery, good ? "delivered" : "failed");
	}
	delivery_wake();
}

static void
enqueue_body(const char *app_id, const char *installed_app_id, const json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);
	const json_t *events = json_object_get(json_object_get(body, "eventData"), "events");
	json_t *entry = delivery_log_start("EVENT", installed_app_id, events);

	if (text == NULL)
		die("out of memory (webhook)");
	queue_add(delivery_new(app_id, installed_app_id, text, strlen(text), entry));
	free(text);
}

void
delivery_enqueue(const json_t *installed_app, json_t *events)
{
	const char *app_id = json_text(installed_app, "appId");
	const char *id = json_text(installed_app, "installedAppId");
	json_t *body;

	if (strcmp(json_text(app_of(app_id), "targetStatus"), "CONFIRMED") != 0) {
		dropped++;
		json_decref(events);
		return;
	}
	body = json_pack("{s:s, s:{s:{s:s, s:s}, s:o}}", "messageType", "EVENT", "eventData",
	    "installedApp", "installedAppId", id, "locationId",
	    json_text(installed_app, "locationId"), "events", events);
	for (int copies = setting_is_on("duplicate") ? 2 : 1; copies > 0; copies--)
		enqueue_body(app_id, id, body);
	json_decref(body);
}

void
delivery_send_now(
    const char *app_id, const char *body, size_t length, delivery_done_fn *done, void *context)
{
	json_t *entry = delivery_log_start("DIRECT", "", NULL);
	struct delivery *delivery;

	delivery = delivery_new(app_id, "", body, length, entry);
	delivery->done = done;
	delivery->context = context;
	queue_append(delivery);
	delivery_start(delivery);
}

void
delivery_post(const char *app_id, const char *kind, const char *body)
{
	json_t *entry = delivery_log_start(kind, "", NULL);

	queue_append(delivery_new(app_id, "", body, strlen(body), entry));
	delivery_wake();
}

bool
delivery_is_posting(const char *app_id, const char *kind)
{
	for (const struct delivery *one = queue; one != NULL; one = one->next) {
		if (strcmp(one->app_id, app_id) == 0 &&
		    strcmp(json_text(one->entry, "kind"), kind) == 0)
			return true;
	}
	return false;
}

/* Undelivered events go into the state file; after a restart they start with their first attempt.
 */
static void
queue_export(void)
{
	json_t *waiting = json_array();

	for (const struct delivery *one = queue; one != NULL; one = one->next) {
		if (*one->installed_app_id != '\0')
			json_array_append_new(waiting,
			    json_pack("{s:s, s:s, s:s%}", "appId", one->app_id, "installedAppId",
				one->installed_app_id, "body", one->body, one->length));
	}
	if (held != NULL)
		json_array_append_new(
		    waiting, json_pack("{s:s, s:s, s:s%}", "appId", held->app_id, "installedAppId",
				 held->installed_app_id, "body", held->body, held->length));
	json_put(state_section("queue"), "waiting", waiting);
}

static void
queue_import(void)
{
	json_t *waiting = json_incref(json_object_get(state_section("queue"), "waiting"));
	size_t i;
	json_t *one;

	json_array_foreach(waiting, i, one)
	{
		json_t *body = json_loads(json_text(one, "body"), 0, NULL);

		if (body != NULL)
			enqueue_body(
			    json_text(one, "appId"), json_text(one, "installedAppId"), body);
		json_decref(body);
	}
	json_decref(waiting);
}

void
delivery_open(void)
{
	webhook_open();
	queue_import();
	state_before_save(queue_export);
}

void
delivery_reset(void)
{
	while (queue != NULL) {
		struct delivery *delivery = queue;

		if (delivery->done != NULL)
			delivery->done(delivery->context, 0, "");
		queue_remove(delivery);
		delivery_free(delivery);
	}
	delivery_free(held);
	held = NULL;
	loop_cancel(held_timer);
	held_timer = 0;
	delivery_log_clear();
	dropped = 0;
	state_changed();
}

void
delivery_close(void)
{
	delivery_reset();
}

json_t *
delivery_show(void)
{
	json_int_t count = held != NULL;

	for (const struct delivery *one = queue; one != NULL; one = one->next)
		count++;
	return json_pack("{s:I, s:I, s:I, s:o}", "queued", count, "inFlight", (json_int_t)in_flight,
	    "dropped", dropped, "log", delivery_log_show());
}
