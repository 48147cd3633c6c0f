/*
 * Calls to the platform: from a request to its classified answer.
 */
#include "worker/calls.h"

#include <stdlib.h>

#include "base/log.h"
#include "store/token.h"
#include "worker/id.h"
#include "worker/limits.h"
#include "worker/token_state.h"
#include "worker/usage.h"

/* A call that waits for its answer. */
struct flight {
	struct worker *worker;
	char installation_id[ID_SIZE]; /* "": it is for none */
	char device_id[ID_SIZE];       /* of a command, else "" */
	enum platform_call what;
	bool with_token;
	int64_t generation; /* of the token */
	enum work_priority priority;
	call_done *done;
	void *context;
};

/* NULL for "", which log_event() and limits_pause() take for absent. */
static const char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void
log_call(const struct flight *flight, const struct client_reply *reply,
    const struct platform_outcome *outcome)
{
	enum log_level level = outcome->err == SW_OK ? LOG_DEBUG : LOG_WARN;
	/* Messages about a token or a one-time address may quote the secret that was sent. */
	bool may_quote = flight->what == PLATFORM_POST_TOKEN || flight->what == PLATFORM_CONFIRM;

	if (!log_enabled(level))
		return;
	log_event(level, "api.call", "installation", text_or_null(flight->installation_id),
	    "endpoint", platform_endpoint(flight->what), "status", log_int(reply->status), "ms",
	    log_int(reply->elapsed_ms), "err",
	    outcome->err == SW_OK ? NULL : err_name(outcome->err), "code",
	    text_or_null(outcome->code), "message",
	    may_quote ? NULL : text_or_null(outcome->message), (const char *)NULL);
}

/* What the answer says about the access token. */
static void
note_token(const struct flight *flight, int status, enum sw_err err)
{
	struct worker *worker = flight->worker;
	struct token_state *state = token_state_get(worker->token_states, flight->installation_id);

	if (state == NULL)
		return;
	if (err == SW_EAUTH)
		token_state_refuse(worker, state, flight->generation, false, flight->priority);
	else if (status != 0)
		token_state_accept(state, flight->generation);
}

static void
on_done(void *context, enum sw_err err, struct client_reply *reply)
{
	struct flight *flight = context;
	struct worker *worker = flight->worker;
	const char *installation_id = text_or_null(flight->installation_id);
	struct platform_outcome outcome;
	struct call_answer answer = {.transfer = err, .generation = flight->generation};

	platform_classify(err, reply, &outcome);
	usage_add(worker->usage, installation_id, flight->what, reply->status);
	if (outcome.err == SW_ELIMIT)
		limits_pause(worker, installation_id, text_or_null(flight->device_id), flight->what,
		    outcome.delay_ms);
	log_call(flight, reply, &outcome);
	answer.err = outcome.err;
	answer.delay_ms = outcome.delay_ms;
	answer.status = reply->status;
	answer.body = sbuf_text(&reply->body);
	answer.length = reply->body.length;
	if (flight->with_token)
		note_token(flight, answer.status, answer.err);
	flight->done(flight->context, &answer);
	free(flight);
}

/* Start the transfer and remember a copy of "flight" until it ends. */
static enum sw_err
launch(const struct flight *flight, const struct client_request *request)
{
	struct flight *copy = malloc(sizeof(*copy));
	enum sw_err err;

	if (copy == NULL)
		return SW_ENOMEM;
	*copy = *flight;
	err = client_pool_start(flight->worker->pool, request, on_done, copy);
	if (err != SW_OK)
		free(copy);
	return err;
}

enum sw_err
call_start_request(struct worker *worker, const char *installation_id, enum platform_call what,
    const struct client_request *request, call_done *done, void *context)
{
	struct flight flight = {.worker = worker, .what = what, .done = done, .context = context};

	if (!id_copy(flight.installation_id, installation_id))
		return SW_ENOMEM;
	return launch(&flight, request);
}

/* The URL of a call; a link of the platform must not lead the token to another host. */
static enum sw_err
put_url(struct worker *worker, const struct call *call, struct sbuf *url)
{
	const struct config *config = worker->config;
	enum sw_err err = SW_OK;

	if (call->url == NULL)
		platform_put_url(url, config->api_url, call->what, call->id, call->second_id);
	else
		err = platform_put_next_url(
		    url, config->api_url, &config->api, call->what, call->id, call->url);
	if (err == SW_EUPSTREAM)
		log_event(LOG_WARN, "api.link", "installation", call->installation_id, "endpoint",
		    platform_endpoint(call->what), "message",
		    "the platform's link leads to another host", (const char *)NULL);
	if (err == SW_OK && sbuf_failed(url))
		err = SW_ENOMEM;
	return err;
}

static enum sw_err
launch_with_token(struct flight *flight, const struct call *call, const struct store_access *access)
{
	const char *device_id = call->what == PLATFORM_POST_COMMANDS ? call->id : NULL;
	struct client_request request;
	struct sbuf url = {0};
	enum sw_err err;

	flight->with_token = true;
	flight->generation = access->generation;
	flight->priority = call->priority;
	if (!id_copy(flight->installation_id, call->installation_id) ||
	    !id_copy(flight->device_id, device_id))
		return SW_ENOMEM;
	platform_prepare(call->what, &request);
	request.bearer = access->token;
	request.body = call->body;
	request.body_length = call->body_length;
	if (call->timeout_ms > 0 && call->timeout_ms < request.timeout_ms)
		request.timeout_ms = call->timeout_ms;
	err = put_url(flight->worker, call, &url);
	request.url = sbuf_text(&url);
	if (err == SW_OK)
		err = launch(flight, &request);
	sbuf_clear(&url);
	return err;
}

enum sw_err
call_start(struct worker *worker, const struct call *call, call_done *done, void *context,
    int64_t *delay_ms)
{
	struct token_state *state = token_state_get(worker->token_states, call->installation_id);
	struct flight flight = {
	    .worker = worker, .what = call->what, .done = done, .context = context};
	struct store_access access;
	enum sw_err err;

	*delay_ms = -1;
	if (worker->stopping)
		return SW_EUNAVAILABLE;
	if (state == NULL)
		return SW_ENOMEM;
	err = store_token_load(worker->db, &worker->scratch, &worker->config->seal_keys,
	    call->installation_id, &access);
	if (err == SW_OK &&
	    (access.expires_in_s <= 0 || token_state_is_refused(state, access.generation))) {
		token_state_refuse(
		    worker, state, access.generation, access.expires_in_s <= 0, call->priority);
		err = SW_EAUTH;
	}
	if (err == SW_OK)
		err = limits_take(worker, call->installation_id, call->what, delay_ms);
	if (err == SW_OK)
		err = launch_with_token(&flight, call, &access);
	store_access_clear(&access);
	return err;
}
