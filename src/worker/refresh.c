/*
 * Token refresh.  A refresh token works once: the platform's answer is kept in memory until the
 * spool or the database has it.  Without an answer the same token is sent again, because the
 * platform may or may not have used it.
 */
#include "worker/refresh.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "smartthings/api.h"
#include "smartthings/oauth.h"
#include "store/token.h"
#include "worker/calls.h"
#include "worker/id.h"
#include "worker/replay.h"
#include "worker/retry.h"
#include "worker/spool.h"

/* When no key opens the token: somebody has to correct the configuration and restart the worker. */
#define MISCONFIGURED_DELAY_MS 300000

static const struct backoff backoff = {.first_ms = 2000, .most_ms = 300000};
/* Of saving an answer that neither the disk nor the database took. */
static const struct backoff save_backoff = {.first_ms = 1000, .most_ms = 8000};
/* Asking again does not help a refusal soon. */
static const struct backoff refused_backoff = {.first_ms = 60000, .most_ms = 900000};

struct refresh {
	struct worker *worker;
	char installation_id[ID_SIZE];
	enum work_priority priority;
	int64_t generation;         /* of the refresh token that was sent */
	int64_t failures;           /* earlier ones */
	int64_t started_ms;         /* monotonic */
	struct oauth_tokens tokens; /* the answer */
	int64_t obtained_at;        /* when it came, seconds UTC */
	int64_t save_at_ms;         /* monotonic, when it is in unsaved_tokens */
	int64_t save_failures;
	struct refresh *next; /* in worker->unsaved_tokens */
};

static void
refresh_free(struct refresh *refresh)
{
	refresh->worker->refreshes--;
	refresh->worker->running[refresh->priority]--;
	refresh->worker->has_work = true; /* there is room for the next one */
	oauth_tokens_clear(&refresh->tokens);
	free(refresh);
}

static void
fail(struct refresh *refresh, enum sw_err err, int64_t delay_ms)
{
	struct worker *worker = refresh->worker;

	delay_ms = retry_delay_ms(&backoff, refresh->failures, delay_ms);
	if (store_token_failed(worker->db, &worker->scratch, refresh->installation_id,
		refresh->generation, err_name(err), delay_ms) != SW_OK)
		delay_ms = -1; /* the end of the lease makes it due again */
	log_event(LOG_WARN, "token.refresh", "installation", refresh->installation_id, "err",
	    err_name(err), "failures", log_int(refresh->failures + 1), "again_ms",
	    log_int(delay_ms), (const char *)NULL);
	refresh_free(refresh);
}

/* The platform says that the refresh token is dead; store_token_dead() decides when to ask again.
 */
static void
record_dead(struct refresh *refresh)
{
	struct worker *worker = refresh->worker;
	bool was_current = false;
	enum sw_err err = store_token_dead(worker->db, &worker->scratch, refresh->installation_id,
	    refresh->generation, "invalid_grant", &was_current);

	log_event(LOG_WARN, "token.dead", "installation", refresh->installation_id, "current",
	    was_current ? "yes" : "no", "err", err == SW_OK ? NULL : err_name(err),
	    (const char *)NULL);
	notify_add_page(&worker->notify, refresh->installation_id);
	refresh_free(refresh);
}

static void
log_saved(const struct refresh *refresh, enum sw_err spooled, enum sw_err err, bool stored)
{
	log_event(err == SW_OK ? LOG_INFO : LOG_ERROR, "token.refresh", "installation",
	    refresh->installation_id, "ms", log_int(clock_monotonic_ms() - refresh->started_ms),
	    "stored", stored ? "yes" : "no", "spooled", spooled == SW_OK ? "yes" : "no", "err",
	    err == SW_OK ? NULL : err_name(err), (const char *)NULL);
}

/*
 * First the disk, then the database: whatever ends this process, the pair is in one of them. False:
 * in neither.  On the disk it stays, for a server of the database that lacks it: the answer before
 * this one is of no use any more.
 */
static bool
save(struct refresh *refresh)
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
	if (err == SW_OK || spooled == SW_OK)
		spool_remove(worker->spool, id, refresh->generation - 1);
	if (err == SW_OK)
		notify_add_page(&worker->notify, id);
	else if (err == SW_ELOCKED && spooled == SW_OK)
		replay_sweep_soon(worker);
	else
		replay_request(worker);
	log_saved(refresh, spooled, err, stored);
	refresh->save_at_ms =
	    clock_monotonic_ms() + retry_delay_ms(&save_backoff, refresh->save_failures++, -1);
	return err == SW_OK || spooled == SW_OK;
}

void
refreshes_retry_saving(struct worker *worker)
{
	struct refresh **link = &worker->unsaved_tokens;

	while (*link != NULL) {
		struct refresh *refresh = *link;

		if (clock_monotonic_ms() < refresh->save_at_ms || !save(refresh)) {
			link = &refresh->next;
			continue;
		}
		*link = refresh->next;
		refresh_free(refresh);
	}
}

static void
save_now_or_later(struct refresh *refresh)
{
	refresh->obtained_at = clock_now();
	if (save(refresh)) {
		refresh_free(refresh);
		return;
	}
	refresh->next = refresh->worker->unsaved_tokens;
	refresh->worker->unsaved_tokens = refresh;
}

/*
 * The platform refuses without saying that the token is dead: the token or the client may be meant.
 * store_token_refresh_refused() compares with other installations.
 */
static void
record_refused(struct refresh *refresh, enum sw_err refusal, int status)
{
	struct worker *worker = refresh->worker;
	int64_t delay_ms = retry_delay_ms(&refused_backoff, refresh->failures, -1);
	enum store_refusal what;
	enum sw_err err = store_token_refresh_refused(worker->db, &worker->scratch,
	    refresh->installation_id, refresh->generation, refusal == SW_EAUTH, delay_ms, &what);

	log_event(LOG_WARN, what == STORE_REFUSAL_DEAD ? "token.dead" : "token.refused",
	    "installation", refresh->installation_id, "status", log_int(status), "failures",
	    log_int(refresh->failures + 1), "err", err == SW_OK ? NULL : err_name(err),
	    (const char *)NULL);
	if (what == STORE_REFUSAL_CLIENT)
		log_event(LOG_ERROR, "token.client", "message",
		    "the platform refuses the refresh of every location: check "
		    "SWITCHBOARD_CLIENT_ID and SWITCHBOARD_CLIENT_SECRET",
		    (const char *)NULL);
	if (what == STORE_REFUSAL_DEAD)
		notify_add_page(&worker->notify, refresh->installation_id);
	refresh_free(refresh);
}

static bool
is_refusal(enum sw_err err)
{
	return err == SW_EAUTH || err == SW_EFORBIDDEN || err == SW_EINPUT;
}

static void
on_answer(void *context, const struct call_answer *answer)
{
	struct refresh *refresh = context;
	enum sw_err err = answer->transfer;

	FAILPOINT("refresh.answered");
	if (err == SW_OK)
		err = oauth_parse_reply(
		    answer->status, answer->body, answer->length, &refresh->tokens);
	if (err == SW_OK) {
		save_now_or_later(refresh);
	} else if (err == SW_EINVAL_GRANT) {
		record_dead(refresh);
	} else if (answer->transfer == SW_OK && is_refusal(err)) {
		record_refused(refresh, err, answer->status);
	} else {
		fail(refresh, err, answer->delay_ms);
	}
}

/* The answer may have come already, and have found the row locked; the old token is of no use then.
 */
static bool
is_answered(struct refresh *refresh)
{
	bool found;
	enum sw_err err =
	    replay_one(refresh->worker, refresh->installation_id, refresh->generation, &found);

	if (found)
		log_event(LOG_INFO, "token.spooled", "installation", refresh->installation_id,
		    "err", err == SW_OK ? NULL : err_name(err), (const char *)NULL);
	if (found && err != SW_OK)
		replay_sweep_soon(refresh->worker);
	return found;
}

static enum sw_err
send_refresh(struct refresh *refresh, const struct store_refresh *token)
{
	struct worker *worker = refresh->worker;
	struct oauth_request call;
	enum sw_err err = oauth_request_refresh(&call, worker->config, token->refresh_token);

	if (err == SW_OK)
		err = call_start_request(worker, refresh->installation_id, PLATFORM_POST_TOKEN,
		    &call.request, on_answer, refresh);
	oauth_request_clear(&call);
	return err;
}

/* A refresh without a claimed token: the row of the queue is of no use. */
static void
end_without_token(struct worker *worker, const struct store_work *row, enum sw_err err)
{
	if (err == SW_ENOTFOUND)
		err = store_work_done(worker->db, &worker->scratch, row);
	if (err != SW_OK) /* the end of the lease makes it due again */
		log_event(LOG_WARN, "token.refresh", "installation", row->installation_id, "err",
		    err_name(err), (const char *)NULL);
}

static struct refresh *
refresh_new(struct worker *worker, const struct store_work *row, const struct store_refresh *token)
{
	struct refresh *refresh = calloc(1, sizeof(*refresh));

	if (refresh == NULL || !id_copy(refresh->installation_id, row->installation_id)) {
		free(refresh);
		return NULL;
	}
	refresh->worker = worker;
	refresh->priority = row->priority;
	refresh->generation = token->generation;
	refresh->failures = token->failures;
	refresh->started_ms = clock_monotonic_ms();
	worker->refreshes++;
	worker->running[row->priority]++;
	return refresh;
}

static void
begin(struct worker *worker, const struct store_work *row, const struct store_refresh *token)
{
	struct refresh *refresh = refresh_new(worker, row, token);
	enum sw_err err;

	if (refresh == NULL)
		return; /* the end of the lease makes it due again */
	if (token->refresh_token == NULL) {
		fail(refresh, SW_EINTERNAL, MISCONFIGURED_DELAY_MS);
		return;
	}
	if (is_answered(
		refresh)) { /* if it is not stored, the end of the lease makes it due again */
		refresh_free(refresh);
		return;
	}
	FAILPOINT("refresh.claimed");
	err = send_refresh(refresh, token);
	if (err != SW_OK)
		fail(refresh, err, -1);
}

void
refresh_begin(struct worker *worker, const struct store_work *row)
{
	struct store_refresh token;
	enum sw_err err = store_token_to_refresh(
	    worker->db, &worker->scratch, &worker->config->seal_keys, row->installation_id, &token);

	if (err == SW_OK)
		begin(worker, row, &token);
	else
		end_without_token(worker, row, err);
	store_refresh_clear(&token);
}
