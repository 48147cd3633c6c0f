/*
 * Calls on behalf of an installation.  What it hides: what this process
 * remembers of each home (which tokens were refused), and that counts are
 * written after the results, so that they cost a click no time.
 */
#include "worker/calls.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/api_call.h"
#include "store/token.h"
#include "worker/limits.h"

#define BUCKETS 1024
#define TALLY_MAX 20000
#define HOME_ID_SIZE 129
#define HOME_IDLE_MS INT64_C(3600000)
#define REFRESH_WAIT_MS 200
#define STRIKE_DELAY_MS INT64_C(5000)
#define STRIKE_DELAY_MAX_MS INT64_C(300000)
#define STRIKES_MAX 10
#define BUDGET_LOOK_MS 30000
#define BUDGET_LOG_MS 3600000

/* What this process remembers of an installation. */
struct home {
	struct home *next;
	char id[HOME_ID_SIZE];
	int64_t used_ms;
	int64_t worked;       /* generation of a token that was accepted */
	int64_t refused;      /* generation of the last one that was not */
	bool tell;            /* the refusal is still to be told to the database */
	int64_t tell_from_ms; /* but not before this */
	int strikes;          /* fresh tokens in a row that never worked */
};

/* Counts not yet written. */
struct tally {
	struct tally *next;
	char id[HOME_ID_SIZE];
	enum platform_call what;
	int status;
};

struct calls {
	struct home *homes[BUCKETS];
	struct tally *first;
	struct tally **last;
	size_t tallies;
	bool over_budget;
	int64_t budget_look_ms;
	int64_t budget_log_ms;
};

/* A call under way. */
struct flight {
	struct worker *worker;
	char id[HOME_ID_SIZE];
	char device[HOME_ID_SIZE]; /* of a command */
	enum platform_call what;
	int64_t generation;
	call_done *done;
	void *context;
};

enum sw_err
calls_new(struct calls **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return SW_ENOMEM;
	(*out)->last = &(*out)->first;
	(*out)->budget_look_ms = INT64_MIN / 2;
	(*out)->budget_log_ms = INT64_MIN / 2;
	return SW_OK;
}

static void
tally_drop_first(struct calls *calls)
{
	struct tally *tally = calls->first;

	calls->first = tally->next;
	if (calls->first == NULL)
		calls->last = &calls->first;
	calls->tallies--;
	free(tally);
}

void
calls_free(struct calls *calls)
{
	if (calls == NULL)
		return;
	while (calls->first != NULL)
		tally_drop_first(calls);
	for (size_t i = 0; i < BUCKETS; i++) {
		while (calls->homes[i] != NULL) {
			struct home *home = calls->homes[i];

			calls->homes[i] = home->next;
			free(home);
		}
	}
	free(calls);
}

/* FNV-1a, 32 bits. */
static size_t
bucket_of(const char *id)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *id != '\0'; id++)
		hash = (hash ^ (uint8_t)*id) * UINT32_C(16777619);
	return hash % BUCKETS;
}

static bool
copy_id(char out[static HOME_ID_SIZE], const char *id)
{
	size_t length = id != NULL ? strlen(id) : 0;

	if (length >= HOME_ID_SIZE)
		return false;
	if (length > 0)
		memcpy(out, id, length);
	out[length] = '\0';
	return true;
}

/* What is remembered of an installation, new when nothing is; NULL when out of memory. */
static struct home *
home_get(struct calls *calls, const char *id)
{
	struct home **place = &calls->homes[bucket_of(id)];
	struct home *home;

	for (home = *place; home != NULL; home = home->next) {
		if (strcmp(home->id, id) == 0)
			break;
	}
	if (home == NULL) {
		home = calloc(1, sizeof(*home));
		if (home == NULL || !copy_id(home->id, id)) {
			free(home);
			return NULL;
		}
		home->next = *place;
		*place = home;
	}
	home->used_ms = clock_monotonic_ms();
	return home;
}

void
calls_sweep(struct worker *worker)
{
	int64_t before_ms = clock_monotonic_ms() - HOME_IDLE_MS;

	for (size_t i = 0; i < BUCKETS; i++) {
		struct home **place = &worker->calls->homes[i];

		while (*place != NULL) {
			struct home *home = *place;

			if (home->used_ms >= before_ms) {
				place = &home->next;
				continue;
			}
			*place = home->next;
			free(home);
		}
	}
}

/* Tell the database that the token was refused, when it is time; gives how long to wait. */
static int64_t
wait_for_refresh(struct worker *worker, struct home *home)
{
	int64_t left_ms = home->tell_from_ms - clock_monotonic_ms();

	if (home->tell && left_ms <= 0) {
		home->tell = store_token_refused(
				 worker->db, &worker->scratch, home->id, home->refused) != SW_OK;
		worker->has_work = true;
	}
	return left_ms > REFRESH_WAIT_MS ? left_ms : REFRESH_WAIT_MS;
}

/*
 * A token is of no use any more.  It is refreshed at once, unless it is a
 * fresh one that the platform refused before it ever worked: refreshing faster
 * does not help then.
 */
static int64_t
refuse(struct worker *worker, struct home *home, int64_t generation, bool expired)
{
	int64_t delay_ms = 0;

	if (home->refused != generation) {
		bool never_worked = !expired && home->refused != 0 && home->worked < generation;

		if (!never_worked)
			home->strikes = 0;
		else if (home->strikes < STRIKES_MAX)
			home->strikes++;
		if (home->strikes > 0)
			delay_ms = STRIKE_DELAY_MS << (home->strikes - 1);
		if (delay_ms > STRIKE_DELAY_MAX_MS)
			delay_ms = STRIKE_DELAY_MAX_MS;
		home->refused = generation;
		home->tell = true;
		home->tell_from_ms = clock_monotonic_ms() + delay_ms;
	}
	return wait_for_refresh(worker, home);
}

static void
tally_add(struct calls *calls, const char *id, enum platform_call what, int status)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (tally == NULL || !copy_id(tally->id, id)) {
		free(tally);
		return;
	}
	if (calls->tallies == TALLY_MAX)
		tally_drop_first(calls);
	tally->what = what;
	tally->status = status;
	*calls->last = tally;
	calls->last = &tally->next;
	calls->tallies++;
}

void
calls_flush(struct worker *worker)
{
	struct calls *calls = worker->calls;

	while (calls->first != NULL && worker->database_is_there) {
		const struct tally *tally = calls->first;

		if (store_api_call_count(worker->db, tally->id[0] != '\0' ? tally->id : NULL,
			platform_endpoint(tally->what), tally->status) == SW_EUNAVAILABLE)
			return;
		tally_drop_first(calls);
	}
}

void
calls_note(struct worker *worker, const char *installation_id, const char *device_id,
    enum platform_call what, const struct client_reply *reply,
    const struct platform_outcome *outcome)
{
	enum log_level level = outcome->err == SW_OK ? LOG_DEBUG : LOG_WARN;
	/* What the token endpoint says could quote what it was sent. */
	bool may_quote = what == PLATFORM_POST_TOKEN || what == PLATFORM_CONFIRM;

	tally_add(worker->calls, installation_id, what, reply->status);
	if (outcome->err == SW_ELIMIT)
		limits_pause(worker, installation_id, device_id, what, outcome->delay_ms);
	if (!log_enabled(level))
		return;
	log_event(level, "api.call", "installation", installation_id, "endpoint",
	    platform_endpoint(what), "status", log_int(reply->status), "ms",
	    log_int(reply->elapsed_ms), "err",
	    outcome->err == SW_OK ? NULL : err_name(outcome->err), "code",
	    outcome->code[0] != '\0' ? outcome->code : NULL, "message",
	    outcome->message[0] != '\0' && !may_quote ? outcome->message : NULL,
	    (const char *)NULL);
}

bool
calls_are_over_budget(struct worker *worker)
{
	struct calls *calls = worker->calls;
	int64_t now_ms = clock_monotonic_ms();
	int64_t used;

	if (worker->config->call_budget <= 0)
		return false;
	if (now_ms - calls->budget_look_ms >= BUDGET_LOOK_MS) {
		if (store_api_calls_this_month(worker->db, &used) != SW_OK)
			return calls->over_budget;
		calls->budget_look_ms = now_ms;
		calls->over_budget = used >= worker->config->call_budget;
	}
	if (calls->over_budget && now_ms - calls->budget_log_ms >= BUDGET_LOG_MS) {
		calls->budget_log_ms = now_ms;
		log_event(LOG_WARN, "api.budget", "message",
		    "the month's calls are used up: syncs wait, commands go on", "budget",
		    log_int(worker->config->call_budget), (const char *)NULL);
	}
	return calls->over_budget;
}

static void
on_done(void *context, enum sw_err err, struct client_reply *reply)
{
	struct flight *flight = context;
	struct worker *worker = flight->worker;
	struct home *home = home_get(worker->calls, flight->id);
	struct platform_outcome outcome;
	struct call_answer answer = {.generation = flight->generation};

	platform_classify(err, reply, &outcome);
	calls_note(worker, flight->id, flight->device[0] != '\0' ? flight->device : NULL,
	    flight->what, reply, &outcome);
	answer.err = outcome.err;
	answer.delay_ms = outcome.delay_ms;
	answer.body = sbuf_text(&reply->body);
	answer.length = reply->body.length;
	if (home != NULL && answer.err == SW_EAUTH)
		answer.delay_ms = refuse(worker, home, flight->generation, false);
	else if (home != NULL && reply->status != 0 && home->worked < flight->generation)
		home->worked = flight->generation;
	flight->done(flight->context, &answer);
	free(flight);
}

/* The URL of a call; a link of the platform must not lead the token elsewhere. */
static enum sw_err
put_url(struct worker *worker, const struct call *call, struct sbuf *url)
{
	const struct config *config = worker->config;

	if (call->url == NULL) {
		platform_put_url(url, config->api_url, call->what, call->id, call->second_id);
	} else if (platform_is_own_link(&config->api, call->url)) {
		sbuf_put_text(url, call->url);
	} else {
		log_event(LOG_WARN, "api.link", "installation", call->installation_id, "endpoint",
		    platform_endpoint(call->what), "message",
		    "the platform's link leads to another host", (const char *)NULL);
		return SW_EUPSTREAM;
	}
	return sbuf_failed(url) ? SW_ENOMEM : SW_OK;
}

static enum sw_err
launch(struct worker *worker, const struct call *call, const struct store_access *access,
    call_done *done, void *context)
{
	struct flight *flight = calloc(1, sizeof(*flight));
	struct client_request request;
	struct sbuf url = {0};
	enum sw_err err;

	if (flight == NULL || !copy_id(flight->id, call->installation_id) ||
	    !copy_id(flight->device, call->what == PLATFORM_POST_COMMANDS ? call->id : NULL)) {
		free(flight);
		return SW_ENOMEM;
	}
	flight->worker = worker;
	flight->what = call->what;
	flight->generation = access->generation;
	flight->done = done;
	flight->context = context;
	platform_prepare(call->what, &request);
	request.bearer = access->token;
	request.body = call->body;
	request.body_length = call->body_length;
	if (call->timeout_ms > 0 && call->timeout_ms < request.timeout_ms)
		request.timeout_ms = call->timeout_ms;
	err = put_url(worker, call, &url);
	request.url = sbuf_text(&url);
	if (err == SW_OK)
		err = client_pool_start(worker->pool, &request, on_done, flight);
	if (err != SW_OK)
		free(flight);
	sbuf_clear(&url);
	return err;
}

enum sw_err
call_start(struct worker *worker, const struct call *call, call_done *done, void *context,
    int64_t *delay_ms)
{
	struct home *home = home_get(worker->calls, call->installation_id);
	struct store_access access;
	enum sw_err err;

	*delay_ms = -1;
	if (worker->stopping)
		return SW_EUNAVAILABLE;
	if (home == NULL)
		return SW_ENOMEM;
	*delay_ms = -1;
	err = store_token_load(worker->db, &worker->scratch, &worker->config->seal_keys,
	    call->installation_id, &access);
	if (err == SW_OK && (access.expires_in_s <= 0 || access.generation == home->refused)) {
		*delay_ms = refuse(worker, home, access.generation, access.expires_in_s <= 0);
		err = SW_EAUTH;
	}
	if (err == SW_OK)
		err = limits_take(worker, call->installation_id, call->what, delay_ms);
	if (err == SW_OK)
		err = launch(worker, call, &access, done, context);
	store_access_clear(&access);
	return err;
}
