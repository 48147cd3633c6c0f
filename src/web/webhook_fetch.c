/*
 * Transfers from the key server.  What it hides: the request, and what an answer of the key server
 * means.
 */
#include "web/webhook_fetch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "smartthings/signing_key.h"

#define FETCH_MS 3000
#define CONNECT_MS 2000

void
webhook_fetch_clear(struct webhook_fetch *fetch)
{
	sbuf_clear(&fetch->certificate);
	httpsig_key_free(fetch->key);
	memset(fetch, 0, sizeof(*fetch));
}

void
webhook_fetches_clear(struct webhook_fetches *fetches)
{
	client_pool_free(fetches->pool);
	fetches->pool = NULL;
	for (size_t i = 0; i < WEBHOOK_FETCHES_MAX; i++)
		webhook_fetch_clear(&fetches->all[i]);
}

struct webhook_fetch *
webhook_fetch_find(struct webhook_fetches *fetches, const char *key_id)
{
	for (size_t i = 0; i < WEBHOOK_FETCHES_MAX; i++) {
		struct webhook_fetch *fetch = &fetches->all[i];

		if (fetch->state != WEBHOOK_FETCH_FREE && !fetch->refresh &&
		    strcmp(fetch->key_id, key_id) == 0)
			return fetch;
	}
	return NULL;
}

struct webhook_fetch *
webhook_fetch_new(struct webhook_fetches *fetches, const char *key_id)
{
	for (size_t i = 0; i < WEBHOOK_FETCHES_MAX; i++) {
		struct webhook_fetch *fetch = &fetches->all[i];

		if (fetch->state != WEBHOOK_FETCH_FREE)
			continue;
		snprintf(fetch->key_id, sizeof(fetch->key_id), "%s", key_id);
		fetch->state = WEBHOOK_FETCH_ENDED;
		fetch->err = SW_EUNAVAILABLE;
		return fetch;
	}
	return NULL;
}

/* Did the key server answer that it has none (SW_EAUTH), or was it away (SW_EUNAVAILABLE)? */
static enum sw_err
judge_reply(enum sw_err err, const struct client_reply *reply)
{
	const char *body = sbuf_text(&reply->body);

	if (err == SW_ETOOLARGE)
		return SW_EAUTH;
	if (err != SW_OK)
		return err == SW_ETIMEOUT ? SW_EUNAVAILABLE : err;
	if (reply->status >= 500 || reply->status == 429 || reply->status == 408)
		return SW_EUNAVAILABLE;
	if (reply->status != 200 || strlen(body) != reply->body.length ||
	    !utf8_is_valid(body, reply->body.length))
		return SW_EAUTH;
	return SW_OK;
}

static void
on_reply(void *context, enum sw_err err, struct client_reply *reply)
{
	struct webhook_fetch *fetch = context;

	log_event(err == SW_OK ? LOG_INFO : LOG_WARN, "webhook.key_fetch", "key", fetch->key_id,
	    "status", log_int(reply->status), "ms", log_int(reply->elapsed_ms), "err",
	    err != SW_OK ? err_name(err) : NULL, (const char *)NULL);
	fetch->err = judge_reply(err, reply);
	if (fetch->err == SW_OK)
		sbuf_put(&fetch->certificate, reply->body.data, reply->body.length);
	if (sbuf_failed(&fetch->certificate))
		fetch->err = SW_ENOMEM;
	fetch->state = WEBHOOK_FETCH_ANSWERED;
}

enum sw_err
webhook_fetch_start(
    struct webhook_fetches *fetches, struct webhook_fetch *fetch, const char *key_url)
{
	struct client_request request = {
	    .method = CLIENT_GET,
	    .connect_timeout_ms = CONNECT_MS,
	    .timeout_ms = FETCH_MS,
	    .response_limit = HTTPSIG_CERTIFICATE_MAX,
	};
	struct sbuf url = {0};
	enum sw_err err = SW_OK;

	if (fetches->pool == NULL) {
		err = client_pool_new(&fetches->pool);
		if (err != SW_OK)
			return err;
		client_pool_limit(fetches->pool, WEBHOOK_FETCHES_MAX);
	}
	signing_key_put_url(&url, key_url, fetch->key_id);
	request.url = sbuf_text(&url);
	err = sbuf_failed(&url) ? SW_ENOMEM
				: client_pool_start(fetches->pool, &request, on_reply, fetch);
	sbuf_clear(&url);
	if (err == SW_OK)
		fetch->state = WEBHOOK_FETCH_RUNNING;
	return err;
}

/* The least time until something is due; -1: nothing is under way. */
static int64_t
time_left(const struct webhook_fetches *fetches, int64_t timeout_ms)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t left_ms = timeout_ms;
	bool any = false;

	for (size_t i = 0; i < WEBHOOK_FETCHES_MAX; i++) {
		const struct webhook_fetch *fetch = &fetches->all[i];

		any |= fetch->state == WEBHOOK_FETCH_RUNNING;
		if (fetch->state != WEBHOOK_FETCH_ELSEWHERE)
			continue;
		any = true;
		if (fetch->look_at_ms - now_ms < left_ms)
			left_ms = fetch->look_at_ms > now_ms ? fetch->look_at_ms - now_ms : 0;
	}
	return any ? left_ms : -1;
}

bool
webhook_fetch_wait(struct webhook_fetches *fetches, int fd, int timeout_ms)
{
	int64_t left_ms = time_left(fetches, timeout_ms);
	bool ready;

	if (left_ms < 0)
		return false;
	if (fetches->pool == NULL && client_pool_new(&fetches->pool) != SW_OK)
		fetches->pool = NULL;
	if (fetches->pool == NULL ||
	    client_pool_run(fetches->pool, &fd, &ready, 1, (int)left_ms) != SW_OK) {
		const struct timespec pause = {.tv_nsec = 10 * 1000000L};

		/* Without memory: not in a circle as fast as possible. */
		nanosleep(&pause, NULL);
	}
	return true;
}
