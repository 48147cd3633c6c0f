/* The webhook queue. */
#include "delivery.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <curl/curl.h>

#include "http.h"
#include "loop.h"
#include "signing.h"
#include "state.h"
#include "text.h"

#define ATTEMPTS_MAX 10
#define FIRST_RETRY_MS 500
#define ANSWER_TIMEOUT_MS 10000L
#define IN_FLIGHT_MAX 16
#define LOG_LENGTH 2000
#define ANSWER_MAX 65536
#define CONFIRM_RETRY_MS 2000
#define REORDER_WAIT_MS 1000

struct delivery {
	struct delivery *next;
	char *app_id;
	char *installed_app_id; /* "" for what is not an EVENT */
	char *body;
	size_t length;
	json_t *entry; /* its line in the log */
	int attempts;
	int64_t due_at; /* monotonic ms */
	int64_t started_at;
	CURL *easy; /* while it flies */
	struct curl_slist *headers;
	struct text answer;
	delivery_done_fn *done; /* only for delivery_send_now() */
	void *context;
};

static struct delivery *queue;
static struct delivery **queue_end = &queue;
static struct delivery *held; /* waits for a partner to change places with */
static uint64_t held_timer;
static size_t in_flight;
static uint64_t wake_timer;
static json_t *log_entries;
static json_int_t dropped;

static void delivery_pump(void *unused);

static json_t *
app_of(const char *app_id)
{
	return json_object_get(state_section("apps"), app_id);
}

static void
log_add(json_t *entry)
{
	if (json_array_size(log_entries) == LOG_LENGTH)
		json_array_remove(log_entries, 0);
	json_array_append(log_entries, entry);
}

static void
entry_put_now(json_t *entry, const char *name)
{
	char *now = time_iso(time_now_ms());

	json_put_text(entry, name, now);
	free(now);
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
	entry_put_now(entry, "createdAt");
	json_put(entry, "installedAppId",
	    json_new_text(*installed_app_id != '\0' ? installed_app_id : NULL));
	json_put_text(entry, "state", "queued");
	json_put(entry, "attempts", json_integer(0));
	json_put(entry, "status", json_integer(0));
	log_add(entry);
	return delivery;
}

static void
delivery_free(struct delivery *delivery)
{
	if (delivery == NULL)
		return;
	if (delivery->easy != NULL) {
		curl_multi_remove_handle(loop_multi(), delivery->easy);
		curl_easy_cleanup(delivery->easy);
		in_flight--;
	}
	curl_slist_free_all(delivery->headers);
	text_clear(&delivery->answer);
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

/* Nobody came to change places: send it as it is. */
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

static size_t
take_answer(char *data, size_t size, size_t count, void *context)
{
	struct delivery *delivery = context;

	if (delivery->answer.length + count <= ANSWER_MAX)
		text_put(&delivery->answer, data, count);
	return size * count;
}

/* The platform keeps cookies, so an app that sets one shows up in the log. */
static size_t
take_header(char *data, size_t size, size_t count, void *context)
{
	struct delivery *delivery = context;

	if (count >= 11 && strncasecmp(data, "set-cookie:", 11) == 0)
		json_put(delivery->entry, "setCookie", json_true());
	return size * count;
}

static void
header_add(struct delivery *delivery, const char *name, const char *value)
{
	char *line = text_format("%s: %s", name, value);
	struct curl_slist *list = curl_slist_append(delivery->headers, line);

	if (list == NULL)
		die("out of memory (header)");
	delivery->headers = list;
	free(line);
}

/* The path and query of a URL, as they stand on the request line. */
static const char *
target_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host != NULL ? strpbrk(host + 3, "/?") : NULL;

	return path != NULL && *path == '/' ? path : "/";
}

static void
add_headers(struct delivery *delivery, const char *url)
{
	struct signed_headers made = {0};
	char *correlation = uuid_random();

	curl_slist_free_all(delivery->headers);
	delivery->headers = NULL;
	signing_make("post", target_of(url), delivery->body, delivery->length, NULL, NULL, &made);
	header_add(delivery, "Authorization", made.authorization);
	header_add(delivery, "Digest", made.digest);
	header_add(delivery, "Date", made.date);
	header_add(delivery, "X-ST-Correlation", correlation);
	header_add(delivery, "Content-Type", "application/json");
	header_add(delivery, "Expect", "");
	signing_clear(&made);
	free(correlation);
}

static void
delivery_start(struct delivery *delivery)
{
	const char *url = json_text(app_of(delivery->app_id), "targetUrl");
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		die("out of memory (transfer)");
	delivery->easy = easy;
	delivery->started_at = time_monotonic_ms();
	delivery->attempts++;
	text_clear(&delivery->answer);
	add_headers(delivery, url);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ANSWER_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)delivery->length);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, delivery->body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, delivery);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, delivery);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, delivery);
	json_put_text(delivery->entry, "state", "sending");
	json_put(delivery->entry, "attempts", json_integer(delivery->attempts));
	if (curl_multi_add_handle(loop_multi(), easy) != CURLM_OK)
		die("cannot start a transfer");
	in_flight++;
}

/* First tries of one installed app go one by one, so that order means something. */
static bool
is_busy(const struct delivery *candidate)
{
	if (*candidate->installed_app_id == '\0' || candidate->attempts > 0)
		return false;
	for (const struct delivery *other = queue; other != candidate; other = other->next) {
		if (other->attempts <= 1 && (other->easy != NULL || other->attempts == 0) &&
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
		if (delivery->easy != NULL || (hold && *delivery->installed_app_id != '\0'))
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
	json_put_text(delivery->entry, "state", state);
	entry_put_now(delivery->entry, "doneAt");
	queue_remove(delivery);
	delivery_free(delivery);
	state_changed();
}

static void
transfer_done(CURL *easy, CURLcode result)
{
	struct delivery *delivery = NULL;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&delivery);
	if (result == CURLE_OK)
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	else
		json_put_text(delivery->entry, "error", curl_easy_strerror(result));
	json_put(delivery->entry, "status", json_integer(status));
	json_put(delivery->entry, "ms", json_integer(time_monotonic_ms() - delivery->started_at));
	curl_multi_remove_handle(loop_multi(), easy);
	curl_easy_cleanup(easy);
	delivery->easy = NULL;
	in_flight--;
	if (delivery->done != NULL)
		delivery->done(delivery->context, status,
		    delivery->answer.data != NULL ? delivery->answer.data : "");
	if ((status == 0 || status >= 500) && delivery->done == NULL &&
	    delivery->attempts < ATTEMPTS_MAX && *delivery->installed_app_id != '\0') {
		delivery->due_at =
		    time_monotonic_ms() + ((int64_t)FIRST_RETRY_MS << (delivery->attempts - 1));
		json_put_text(delivery->entry, "state", "waiting");
	} else {
		delivery_finish(delivery, status >= 200 && status < 300 ? "delivered" : "failed");
	}
	delivery_wake();
}

static void
note_events(json_t *entry, const json_t *events)
{
	json_t *ids = json_array();
	json_t *types = json_array();
	size_t i;
	json_t *event;
	const char *name;
	json_t *member;

	json_array_foreach((json_t *)events, i, event)
	{
		json_array_append(types, json_object_get(event, "eventType"));
		json_object_foreach(event, name, member)
		{
			if (json_is_object(member))
				json_array_append(ids, json_object_get(member, "eventId"));
		}
	}
	json_put_text(entry, "kind", "EVENT");
	json_put(entry, "eventIds", ids);
	json_put(entry, "eventTypes", types);
}

static void
enqueue_body(const char *app_id, const char *installed_app_id, const json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);
	json_t *entry = json_object();

	if (text == NULL)
		die("out of memory (webhook)");
	note_events(entry, json_object_get(json_object_get(body, "eventData"), "events"));
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
	json_t *entry = json_object();
	struct delivery *delivery;

	json_put_text(entry, "kind", "DIRECT");
	delivery = delivery_new(app_id, "", body, length, entry);
	delivery->done = done;
	delivery->context = context;
	queue_append(delivery);
	delivery_start(delivery);
}

static void
send_confirmation(const json_t *app)
{
	const char *app_id = json_text(app, "appId");
	json_t *entry = json_object();
	char *url = text_format("%s/v1/apps/%s/confirm-registration?token=%s", http_base(), app_id,
	    json_text(app, "confirmationToken"));
	json_t *body = json_pack("{s:s, s:{s:s, s:s}}", "messageType", "CONFIRMATION",
	    "confirmationData", "appId", app_id, "confirmationUrl", url);
	char *text = json_dumps(body, JSON_COMPACT);

	if (text == NULL)
		die("out of memory (webhook)");
	json_put_text(entry, "kind", "CONFIRMATION");
	queue_append(delivery_new(app_id, "", text, strlen(text), entry));
	delivery_wake();
	free(text);
	json_decref(body);
	free(url);
}

static bool
confirmation_is_queued(const char *app_id)
{
	for (const struct delivery *one = queue; one != NULL; one = one->next) {
		if (*one->installed_app_id == '\0' && one->done == NULL &&
		    strcmp(one->app_id, app_id) == 0)
			return true;
	}
	return false;
}

/* One timer serves all apps: it asks every app that still waits. */
static uint64_t confirm_timer;

static void
confirm_all(void *unused)
{
	bool waiting = false;
	const char *id;
	json_t *app;

	(void)unused;
	confirm_timer = 0;
	json_object_foreach(state_section("apps"), id, app)
	{
		if (strcmp(json_text(app, "targetStatus"), "CONFIRMED") == 0)
			continue;
		if (!confirmation_is_queued(id))
			send_confirmation(app);
		waiting = true;
	}
	if (waiting)
		confirm_timer = loop_after(CONFIRM_RETRY_MS, confirm_all, NULL);
}

void
delivery_confirm(void)
{
	loop_cancel(confirm_timer);
	confirm_timer = loop_after(0, confirm_all, NULL);
}

/* What waits goes into the state file as it is; it starts afresh after a restart. */
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
	log_entries = json_array();
	loop_on_transfer(transfer_done);
	queue_import();
	state_before_save(queue_export);
	delivery_confirm();
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
	json_array_clear(log_entries);
	dropped = 0;
	state_changed();
}

void
delivery_close(void)
{
	delivery_reset();
	json_decref(log_entries);
}

json_t *
delivery_show(void)
{
	json_int_t count = held != NULL;

	for (const struct delivery *one = queue; one != NULL; one = one->next)
		count++;
	return json_pack("{s:I, s:I, s:I, s:O}", "queued", count, "inFlight", (json_int_t)in_flight,
	    "dropped", dropped, "log", log_entries);
}
