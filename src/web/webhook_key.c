/*
 * Where signing keys come from.  What it hides: which process fetches and which ones wait, when a
 * key is kept, and how long a failure is remembered and where.
 */
#include "web/webhook_key.h"

#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "formats/network.h"
#include "net/serve.h"
#include "store/signing_key.h"

/* How long another process may take, and how often the database is asked whether it is done. */
#define WAIT_MS 3000
#define POLL_MS 50
/* A failure read from the database is less than 60 s old; how much less is not known. */
#define SHARED_FAILURE_S 5
/* How often to ask for a key that is due to be refreshed, which another process does or failed to.
 */
#define REFRESH_AGAIN_S 60
/* For the texts of one statement. */
#define ARENA_MAX 4096

void
webhook_keys_clear(struct webhook_keys *keys)
{
	webhook_fetches_clear(&keys->fetches);
	keycache_clear(&keys->cache);
}

static void
end_fetch(struct webhook_fetch *fetch, enum sw_err err)
{
	fetch->state = WEBHOOK_FETCH_ENDED;
	fetch->err = err;
}

/* There is none, for "life_s" seconds. */
static void
fail_fetch(struct webhook_keys *keys, struct webhook_fetch *fetch, enum sw_err err, int64_t life_s)
{
	keycache_put_failure(&keys->cache, fetch->key_id, err, clock_now() + life_s);
	end_fetch(fetch, err);
}

/* Parse a certificate that was fetched "age_s" ago, to be tried. */
static enum sw_err
read_certificate(struct webhook_fetch *fetch, const char *pem, size_t length, int64_t age_s)
{
	int64_t now = clock_now();
	enum sw_err err = httpsig_key_read(pem, length, now, &fetch->not_after, &fetch->key);

	if (err != SW_OK)
		return err;
	fetch->refresh_at = now + KEYCACHE_REFRESH_S - age_s;
	if (fetch->refresh_at < now + REFRESH_AGAIN_S)
		fetch->refresh_at = now + REFRESH_AGAIN_S;
	fetch->ends_at = fetch->not_after + HTTPSIG_DATE_SKEW_S;
	fetch->state = WEBHOOK_FETCH_UNPROVEN;
	return SW_OK;
}

static void
log_not_shared(const char *key_id, enum sw_err err)
{
	if (err != SW_OK)
		log_event(LOG_WARN, "webhook.key_not_shared", "key", key_id, "err", err_name(err),
		    (const char *)NULL);
}

static void
keep_in_memory(struct webhook_keys *keys, struct webhook_fetch *fetch)
{
	keycache_put_key(&keys->cache, fetch->key_id, fetch->key, fetch->ends_at);
	keycache_set_refresh(&keys->cache, fetch->key_id, fetch->refresh_at);
	fetch->key = NULL;
}

static void
share(struct webhook_keys *keys, struct arena *arena, const struct webhook_fetch *fetch)
{
	log_not_shared(fetch->key_id, store_key_put(keys->program->db, arena, fetch->key_id,
					  sbuf_text(&fetch->certificate), fetch->not_after));
}

/*
 * A certificate was fetched again.  With the key that is in memory, which verified signatures, it
 * is kept; with another one, the next request has to prove that; without that key nothing is known.
 */
static void
take_refreshed(struct webhook_keys *keys, struct webhook_fetch *fetch)
{
	const struct httpsig_key *proven;
	struct arena arena;

	if (keycache_find(&keys->cache, fetch->key_id, clock_now(), &proven) != SW_OK)
		return;
	if (!httpsig_key_is_same(proven, fetch->key)) {
		log_event(
		    LOG_WARN, "webhook.key_replaced", "key", fetch->key_id, (const char *)NULL);
		log_not_shared(fetch->key_id, store_key_forget(keys->program->db, fetch->key_id));
		keycache_drop_key(&keys->cache, fetch->key_id);
		return;
	}
	arena_init(&arena, ARENA_MAX);
	share(keys, &arena, fetch);
	arena_free(&arena);
	keep_in_memory(keys, fetch);
	end_fetch(fetch, SW_OK);
}

/*
 * The key server has answered.  That the other processes cannot be given a failure is no reason to
 * refuse anything.
 */
static void
take_answer(struct webhook_keys *keys, struct webhook_fetch *fetch)
{
	enum sw_err err = fetch->err;

	FAILPOINT("webhook.key-fetched");
	if (err == SW_OK)
		err = read_certificate(
		    fetch, sbuf_text(&fetch->certificate), fetch->certificate.length, 0);
	if (err == SW_OK) {
		if (fetch->refresh)
			take_refreshed(keys, fetch);
		return;
	}
	if (err != SW_EAUTH && err != SW_EUNAVAILABLE) {
		end_fetch(fetch, err);
		return;
	}
	log_not_shared(fetch->key_id,
	    store_key_put_failure(keys->program->db, fetch->key_id, err == SW_EUNAVAILABLE));
	fail_fetch(keys, fetch, err, KEYCACHE_FAILURE_S);
}

static void
use_shared(struct webhook_keys *keys, struct webhook_fetch *fetch, const struct store_key *known)
{
	enum sw_err err =
	    read_certificate(fetch, known->certificate, strlen(known->certificate), known->age_s);

	fetch->shared = true;
	if (err == SW_EAUTH) /* its time has ended since it was fetched */
		fail_fetch(keys, fetch, err, KEYCACHE_FAILURE_S);
	else if (err != SW_OK)
		end_fetch(fetch, err);
}

/* Another process asks the key server: look again soon, but not for ever. */
static void
wait_for_other(struct webhook_fetch *fetch)
{
	int64_t now_ms = clock_monotonic_ms();

	if (fetch->state != WEBHOOK_FETCH_ELSEWHERE)
		fetch->end_ms = now_ms + WAIT_MS;
	fetch->state = WEBHOOK_FETCH_ELSEWHERE;
	fetch->look_at_ms = now_ms + POLL_MS;
	if (now_ms >= fetch->end_ms)
		end_fetch(fetch, SW_EUNAVAILABLE);
}

static void
start_fetch(struct webhook_keys *keys, struct webhook_fetch *fetch)
{
	enum sw_err err = webhook_fetch_start(&keys->fetches, fetch, keys->program->config.key_url);

	if (err != SW_OK)
		end_fetch(fetch, err);
}

/* Fetch beside the one that serves; when there are too many fetches, the next one who asks does. */
static void
start_refresh(struct webhook_keys *keys, const char *key_id)
{
	struct webhook_fetch *fetch = webhook_fetch_new(&keys->fetches, key_id);

	if (fetch == NULL)
		return;
	fetch->refresh = true;
	start_fetch(keys, fetch);
}

/* Do what the database says. */
static void
follow(struct webhook_keys *keys, struct webhook_fetch *fetch, const struct store_key *known)
{
	switch (known->action) {
	case STORE_KEY_REFRESH:
		start_refresh(keys, fetch->key_id);
		use_shared(keys, fetch, known);
		return;
	case STORE_KEY_CACHED:
		use_shared(keys, fetch, known);
		return;
	case STORE_KEY_FETCH:
		start_fetch(keys, fetch);
		return;
	case STORE_KEY_WAIT:
		wait_for_other(fetch);
		return;
	case STORE_KEY_REFUSED:
		fail_fetch(keys, fetch, SW_EAUTH, SHARED_FAILURE_S);
		return;
	case STORE_KEY_AWAY:
		fail_fetch(keys, fetch, SW_EUNAVAILABLE, SHARED_FAILURE_S);
		return;
	case STORE_KEY_OVER_BUDGET:
		end_fetch(fetch, SW_EUNAVAILABLE);
		return;
	case STORE_KEY_ACTION__MAX:
		break;
	}
	end_fetch(fetch, SW_EINTERNAL);
}

static void
ask_database(struct webhook_keys *keys, const struct request *req, struct webhook_fetch *fetch)
{
	char network[NETWORK_MAX];
	struct store_key known;
	enum sw_err err;

	serve_commit(); /* what is checked already does not wait for it */
	network_of_address(request_header(req, "REMOTE_ADDR", NULL), network);
	err = store_key_find(keys->program->db, req->arena, fetch->key_id, network, &known);
	if (err == SW_OK)
		follow(keys, fetch, &known);
	else
		end_fetch(fetch, err);
}

static bool
is_over(const struct webhook_fetch *fetch)
{
	return fetch->state == WEBHOOK_FETCH_UNPROVEN || fetch->state == WEBHOOK_FETCH_ENDED;
}

/* A key that is not in memory, or due to be refreshed; NULL: too many are on their way. */
static struct webhook_fetch *
look_up(struct webhook_keys *keys, const struct request *req, const char *key_id)
{
	struct webhook_fetch *fetch = webhook_fetch_find(&keys->fetches, key_id);

	if (fetch != NULL && is_over(fetch))
		return fetch;
	if (fetch == NULL)
		fetch = webhook_fetch_new(&keys->fetches, key_id);
	if (fetch != NULL && webhook_keys_are_ready(keys, fetch))
		ask_database(keys, req, fetch);
	return fetch;
}

enum sw_err
webhook_find_key(struct webhook_keys *keys, const struct request *req, const char *key_id,
    int64_t now, struct webhook_key *out, const void **awaited)
{
	struct webhook_fetch *fetch;
	enum sw_err err;

	*awaited = NULL;
	out->fetch = NULL;
	err = keycache_find(&keys->cache, key_id, now, &out->key);
	if (err != SW_ENOTFOUND && !keycache_is_due(&keys->cache, key_id, now))
		return err;
	fetch = look_up(keys, req, key_id);
	if (fetch != NULL && !is_over(fetch)) {
		*awaited = fetch;
		return SW_ECONFLICT;
	}
	if (fetch != NULL && fetch->state == WEBHOOK_FETCH_UNPROVEN) {
		out->key = fetch->key;
		out->fetch = fetch;
		return SW_OK;
	}
	if (err == SW_OK) { /* it could not be refreshed, and serves on */
		keycache_set_refresh(&keys->cache, key_id, now + REFRESH_AGAIN_S);
		return SW_OK;
	}
	/* Ended well and yet not in memory: its end has come within the allowed skew. */
	return fetch == NULL ? SW_EUNAVAILABLE : fetch->err == SW_OK ? SW_EAUTH : fetch->err;
}

void
webhook_keep_key(struct webhook_keys *keys, struct arena *arena, struct webhook_key *key)
{
	struct webhook_fetch *fetch = key->fetch;

	if (fetch == NULL || fetch->state != WEBHOOK_FETCH_UNPROVEN)
		return;
	if (!fetch->shared)
		share(keys, arena, fetch);
	keep_in_memory(keys, fetch);
	end_fetch(fetch, SW_OK);
}

/*
 * Whoever waited for these was answered since they were over.  A certificate that verified nothing
 * is forgotten, also that it is there: whoever names the platform's next key with a bad signature
 * must not be able to keep others from it.
 */
static void
drop_over(struct webhook_keys *keys)
{
	for (size_t i = 0; i < WEBHOOK_FETCHES_MAX; i++) {
		struct webhook_fetch *fetch = &keys->fetches.all[i];

		if (!is_over(fetch))
			continue;
		if (fetch->state == WEBHOOK_FETCH_UNPROVEN && !fetch->shared)
			log_not_shared(
			    fetch->key_id, store_key_give_up(keys->program->db, fetch->key_id));
		webhook_fetch_clear(fetch);
	}
}

bool
webhook_keys_wait(struct webhook_keys *keys, int fd, int timeout_ms)
{
	drop_over(keys);
	if (!webhook_fetch_wait(&keys->fetches, fd, timeout_ms))
		return false;
	for (size_t i = 0; i < WEBHOOK_FETCHES_MAX; i++) {
		if (keys->fetches.all[i].state == WEBHOOK_FETCH_ANSWERED)
			take_answer(keys, &keys->fetches.all[i]);
	}
	return true;
}

bool
webhook_keys_are_ready(const struct webhook_keys *keys, const void *awaited)
{
	const struct webhook_fetch *fetch = awaited;

	(void)keys;
	if (fetch->state == WEBHOOK_FETCH_ELSEWHERE)
		return clock_monotonic_ms() >= fetch->look_at_ms;
	return is_over(fetch);
}
