/*
 * Token refresh.  A refresh token works once: until the platform's answer is
 * safe nothing may forget it, and without an answer the same token is sent
 * again, because nobody can tell whether it was used.
 */
#include "worker/refresh.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "smartthings/oauth.h"
#include "smartthings/api.h"
#include "store/token.h"
#include "worker/calls.h"
#include "worker/job.h"
#include "worker/spool.h"

#define RETRY_FIRST_MS 2000
#define RETRY_MOST_MS 300000
/* After a fault that only a person can mend. */
#define MISCONFIGURED_DELAY_MS 300000

struct refresh {
	struct worker *worker;
	char installation_id[129];
	int64_t generation;
	int64_t failures;
	int64_t started_ms;
	/* of an answer that is safe nowhere yet */
	struct oauth_tokens tokens;
	int64_t obtained_at;
	struct refresh *next;
};

static void
refresh_free(struct refresh *refresh)
{
	refresh->worker->refreshes--;
	refresh->worker->has_work = true;
	oauth_tokens_clear(&refresh->tokens);
	free(refresh);
}

static void
fail(struct refresh *refresh, enum sw_err err, int64_t delay_ms)
{
	struct worker *worker = refresh->worker;

	if (delay_ms < 0)
		delay_ms = backoff_ms(refresh->failures, RETRY_FIRST_MS, RETRY_MOST_MS);
	if (store_token_failed(worker->db, &worker->scratch, refresh->installation_id,
		refresh->generation, err_name(err), delay_ms) != SW_OK)
		delay_ms = -1; /* the lease ends by itself */
	log_event(LOG_WARN, "token.refresh", "installation", refresh->installation_id, "err",
	    err_name(err), "failures", log_int(refresh->failures + 1), "again_ms",
	    log_int(delay_ms), (const char *)NULL);
	refresh_free(refresh);
}

/* The platform's word that only linking again helps. */
static void
bury(struct refresh *refresh)
{
	struct worker *worker = refresh->worker;
	bool was_current = false;
	enum sw_err err = store_token_dead(worker->db, &worker->scratch, refresh->installation_id,
	    refresh->generation, "invalid_grant", &was_current);

	log_event(LOG_WARN, "token.dead", "installation", refresh->installation_id, "current",
	    was_current ? "yes" : "no", "err", err == SW_OK ? NULL : err_name(err),
	    (const char *)NULL);
	notify_add_page(&worker->notify, refresh->installation_id);
	notify_add_sessions(&worker->notify);
	refresh_free(refresh);
}

static void
log_kept(const struct refresh *refresh, enum sw_err spooled, enum sw_err err, bool stored)
{
	log_event(err == SW_OK ? LOG_INFO : LOG_ERROR, "token.refresh", "installation",
	    refresh->installation_id, "ms", log_int(clock_monotonic_ms() - refresh->started_ms),
	    "stored", stored ? "yes" : "no", "spooled", spooled == SW_OK ? "yes" : "no", "err",
	    err == SW_OK ? NULL : err_name(err), (const char *)NULL);
}

/*
 * First the disk, then the database: whatever ends this process, the pair is
 * in one of them.  False: in neither.
 */
static bool
keep(struct refresh *refresh)
{
	struct worker *worker = refresh->worker;
	const char *id = refresh->installation_id;
	int64_t age_s = clock_now() - refresh->obtained_at;
	enum sw_err spooled = spool_write(
	    worker->spool, id, refresh->generation, &refresh->tokens, refresh->obtained_at);
	bool stored;
	enum sw_err err;

	FAILPOINT("refresh.spooled");
	err = store_token_store(worker->db, &worker->scratch, &worker->config->seal_keys, id,
	    refresh->generation, &refresh->tokens, age_s > 0 ? age_s : 0, &stored);
	FAILPOINT("refresh.stored");
	if (err == SW_OK) {
		spool_remove(worker->spool, id, refresh->generation);
		notify_add_page(&worker->notify, id);
	} else {
		worker->replay_due = true;
	}
	log_kept(refresh, spooled, err, stored);
	return err == SW_OK || spooled == SW_OK;
}

void
refreshes_keep_held(struct worker *worker)
{
	struct refresh **place = &worker->held;

	while (*place != NULL) {
		struct refresh *refresh = *place;

		if (!keep(refresh)) {
			place = &refresh->next;
			continue;
		}
		*place = refresh->next;
		refresh_free(refresh);
	}
}

/* Takes the tokens over. */
static void
keep_or_hold(struct refresh *refresh, struct oauth_tokens *tokens)
{
	refresh->tokens = *tokens;
	memset(tokens, 0, sizeof(*tokens));
	refresh->obtained_at = clock_now();
	if (keep(refresh)) {
		refresh_free(refresh);
		return;
	}
	refresh->next = refresh->worker->held;
	refresh->worker->held = refresh;
}

static void
on_answer(void *context, enum sw_err err, struct client_reply *reply)
{
	struct refresh *refresh = context;
	struct oauth_tokens tokens = {0};
	struct platform_outcome outcome;

	FAILPOINT("refresh.answered");
	platform_classify(err, reply, &outcome);
	calls_note(
	    refresh->worker, refresh->installation_id, NULL, PLATFORM_POST_TOKEN, reply, &outcome);
	if (err == SW_OK)
		err =
		    oauth_parse_reply(reply->status, reply->body.data, reply->body.length, &tokens);
	if (err == SW_OK) {
		keep_or_hold(refresh, &tokens);
	} else if (err == SW_EINVAL_GRANT) {
		bury(refresh);
	} else if (err == SW_EAUTH) {
		log_event(LOG_ERROR, "token.client", "message",
		    "the platform refuses SWITCHBOARD_CLIENT_ID or SWITCHBOARD_CLIENT_SECRET",
		    (const char *)NULL);
		fail(refresh, err, MISCONFIGURED_DELAY_MS);
	} else {
		fail(refresh, err, outcome.delay_ms);
	}
	oauth_tokens_clear(&tokens);
}

static enum sw_err
send_refresh(struct refresh *refresh, const struct store_refresh *row)
{
	struct worker *worker = refresh->worker;
	struct oauth_request call;
	enum sw_err err = oauth_request_refresh(&call, worker->config, row->refresh_token);

	if (err == SW_OK)
		err = client_pool_start(worker->pool, &call.request, on_answer, refresh);
	oauth_request_clear(&call);
	return err;
}

static void
begin(struct worker *worker, const struct store_refresh *row)
{
	struct refresh *refresh = calloc(1, sizeof(*refresh));
	size_t length = strlen(row->installation_id);
	enum sw_err err;

	if (refresh == NULL || length >= sizeof(refresh->installation_id)) {
		free(refresh);
		return; /* the lease ends by itself */
	}
	memcpy(refresh->installation_id, row->installation_id, length);
	refresh->worker = worker;
	refresh->generation = row->generation;
	refresh->failures = row->failures;
	refresh->started_ms = clock_monotonic_ms();
	worker->refreshes++;
	if (row->refresh_token == NULL) {
		fail(refresh, SW_EINTERNAL, MISCONFIGURED_DELAY_MS);
		return;
	}
	FAILPOINT("refresh.claimed");
	err = send_refresh(refresh, row);
	if (err != SW_OK)
		fail(refresh, err, -1);
}

int
refreshes_claim(struct worker *worker)
{
	struct store_refresh *rows;
	size_t count;
	enum sw_err err;

	if (worker->refreshes >= WORKER_REFRESHES_MAX)
		return 0;
	err = store_token_claim(worker->db, &worker->scratch, &worker->config->seal_keys,
	    worker->id, WORKER_REFRESHES_MAX - worker->refreshes, &rows, &count);
	for (size_t i = 0; i < count; i++) {
		if (err == SW_OK)
			begin(worker, &rows[i]);
		store_refresh_clear(&rows[i]);
	}
	return (int)count;
}
