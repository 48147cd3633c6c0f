/*
 * Finding a signing key.  What it hides: which process fetches it while others wait, and how long a
 * failure is cached.
 */
#include "web/webhook_key.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/utf8.h"
#include "net/serve.h"
#include "smartthings/signing_key.h"
#include "store/signing_key.h"

#define FETCH_MS 3000
#define CONNECT_MS 2000
#define WAIT_MS 3000
#define POLL_MS 50
/* A failure in the database is up to 60 s old, we do not know how old: cache it for a short time.
 */
#define SHARED_FAILURE_S 5

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Parse a certificate that was fetched "age_s" ago and cache its key. */
static enum sw_err
cache_certificate(struct webhook_keys *keys, const char *key_id, const char *pem, size_t length,
    int64_t age_s, int64_t now, int64_t *not_after)
{
	struct httpsig_key *key;
	enum sw_err err = httpsig_key_read(pem, length, now, not_after, &key);

	if (err == SW_OK)
		keycache_put_key(&keys->cache, key_id, key,
		    least(now + KEYCACHE_LIFE_S - age_s, *not_after + HTTPSIG_DATE_SKEW_S));
	return err;
}

/* SW_EAUTH: the key server has no such key; SW_EUNAVAILABLE: it did not answer properly. */
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

static enum sw_err
request_key(struct webhook_keys *keys, const char *key_id, struct client_reply *reply)
{
	struct client_request request = {
	    .method = CLIENT_GET,
	    .connect_timeout_ms = CONNECT_MS,
	    .timeout_ms = FETCH_MS,
	    .response_limit = HTTPSIG_CERTIFICATE_MAX,
	};
	struct sbuf url = {0};
	enum sw_err err;

	signing_key_put_url(&url, keys->program->config.key_url, key_id);
	request.url = sbuf_text(&url);
	err =
	    sbuf_failed(&url) ? SW_ENOMEM : client_perform(keys->program->client, &request, reply);
	log_event(err == SW_OK ? LOG_INFO : LOG_WARN, "webhook.key_fetch", "key", key_id, "status",
	    log_int(reply->status), "ms", log_int(reply->elapsed_ms), "err",
	    err != SW_OK ? err_name(err) : NULL, (const char *)NULL);
	sbuf_clear(&url);
	FAILPOINT("webhook.key-fetched");
	return judge_reply(err, reply);
}

/*
 * Fetch a key and store the result for the other processes.  When storing fails, the request is
 * still answered.
 */
static enum sw_err
fetch(struct webhook_keys *keys, struct arena *arena, const char *key_id, int64_t now)
{
	struct client_reply reply = {0};
	int64_t not_after = 0;
	enum sw_err stored = SW_OK;
	enum sw_err err = request_key(keys, key_id, &reply);

	if (err == SW_OK)
		err = cache_certificate(
		    keys, key_id, sbuf_text(&reply.body), reply.body.length, 0, now, &not_after);
	if (err == SW_OK)
		stored = store_key_put(
		    keys->program->db, arena, key_id, sbuf_text(&reply.body), not_after);
	else if (err == SW_EAUTH || err == SW_EUNAVAILABLE)
		stored = store_key_put_failure(keys->program->db, key_id, err == SW_EUNAVAILABLE);
	if (stored != SW_OK)
		log_event(LOG_WARN, "webhook.key_not_shared", "key", key_id, "err",
		    err_name(stored), (const char *)NULL);
	if (err == SW_EAUTH || err == SW_EUNAVAILABLE)
		keycache_put_failure(&keys->cache, key_id, err, now + KEYCACHE_FAILURE_S);
	client_reply_clear(&reply);
	return err;
}

static enum sw_err
use_shared(
    struct webhook_keys *keys, const char *key_id, const struct store_key *known, int64_t now)
{
	int64_t not_after;
	enum sw_err err = cache_certificate(keys, key_id, known->certificate,
	    strlen(known->certificate), known->age_s, now, &not_after);

	if (err == SW_EAUTH) /* it has expired since it was fetched */
		keycache_put_failure(&keys->cache, key_id, err, now + KEYCACHE_FAILURE_S);
	return err;
}

static enum sw_err
share_failure(struct webhook_keys *keys, const char *key_id, enum sw_err err, int64_t now)
{
	keycache_put_failure(&keys->cache, key_id, err, now + SHARED_FAILURE_S);
	return err;
}

/* Carry out the action that the database gives; SW_ECONFLICT: another process is fetching the key.
 */
static enum sw_err
run_action(struct webhook_keys *keys, struct arena *arena, const char *key_id,
    const struct store_key *known, int64_t now)
{
	switch (known->action) {
	case STORE_KEY_CACHED:
		return use_shared(keys, key_id, known, now);
	case STORE_KEY_FETCH:
		return fetch(keys, arena, key_id, now);
	case STORE_KEY_WAIT:
		return SW_ECONFLICT;
	case STORE_KEY_REFUSED:
		return share_failure(keys, key_id, SW_EAUTH, now);
	case STORE_KEY_AWAY:
		return share_failure(keys, key_id, SW_EUNAVAILABLE, now);
	case STORE_KEY_OVER_BUDGET:
		return SW_EUNAVAILABLE;
	case STORE_KEY_ACTION__MAX:
		break;
	}
	return SW_EINTERNAL;
}

static enum sw_err
get_key(struct webhook_keys *keys, struct arena *arena, const char *key_id, int64_t now)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
	struct store_key known;
	enum sw_err err;

	serve_commit(); /* deferred replies do not wait for the key server */
	for (;;) {
		err = store_key_claim(keys->program->db, arena, key_id, &known);
		if (err == SW_OK)
			err = run_action(keys, arena, key_id, &known, now);
		if (err != SW_ECONFLICT)
			return err;
		if (clock_monotonic_ms() >= deadline_ms)
			return SW_EUNAVAILABLE;
		nanosleep(&pause, NULL);
	}
}

enum sw_err
webhook_find_key(struct webhook_keys *keys, struct arena *arena, const char *key_id, int64_t now,
    const struct httpsig_key **out)
{
	enum sw_err err = keycache_find(&keys->cache, key_id, now, out);

	if (err != SW_ENOTFOUND)
		return err;
	err = get_key(keys, arena, key_id, now);
	if (err != SW_OK)
		return err;
	/* Not in the cache now: it expired within the allowed clock skew. */
	err = keycache_find(&keys->cache, key_id, now, out);
	return err == SW_ENOTFOUND ? SW_EAUTH : err;
}
