/*
 * POST /: the platform's webhooks (platform.md "Webhooks").  Those that arrive together are stored
 * in one round trip to the database and one commit; the answer 200 is sent after it.
 */
#include "web/webhook.h"

#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/serve.h"
#include "smartthings/confirmation.h"
#include "store/confirmation.h"
#include "web/webhook_verify.h"

/* How often each process looks for missing partitions, and again after it failed. */
#define PARTITIONS_MS 3600000
#define PARTITIONS_RETRY_MS 60000
/* How long a webhook whose installation is locked is tried again, and how soon at first. */
#define LOCKED_MS 4000
#define LOCKED_AGAIN_MS 50
/* An unsigned PING is answered, but only a body of this size is parsed for it. */
#define UNSIGNED_BODY_MAX 4096

/* For the sender: the platform's log, or a person with curl. */
static const char *const messages[SW_ERR__MAX] = {
    [SW_EINPUT] = "The body is not a webhook of the platform.",
    [SW_EAUTH] = "The request is not signed by the platform.",
    [SW_ENOTFOUND] = "Webhooks go to the root path.",
    [SW_EMETHOD] = "Webhooks are POST requests.",
    [SW_ETOOLARGE] = "The body is larger than 1 MB.",
    [SW_EMEDIA] = "The body must be application/json.",
    [SW_EUNAVAILABLE] = "Not stored: try again in a few seconds.",
};

void
webhook_fail(
    const struct program *program, const struct request *req, enum sw_err err, struct response *res)
{
	(void)program, (void)req;
	if (err == SW_ETIMEOUT || err == SW_ECONFLICT || err == SW_ELOCKED)
		err = SW_EUNAVAILABLE;
	response_put_error(
	    res, err, messages[err] != NULL ? messages[err] : "The webhook could not be handled.");
}

static enum sw_err
answer_ping(const struct webhook_body *event, struct response *res)
{
	response_put_json(
	    res, 200, json_pack("{s:{s:s}}", "pingData", "challenge", event->challenge));
	return SW_OK;
}

/* Of our app, by its address and, when it says so, by its id; any app while ours is not known. */
static bool
confirmation_is_ours(const struct config *config, const struct webhook_body *event)
{
	return confirmation_url_is_allowed(event->confirmation_url, &config->api, config->app_id) &&
	       (config->app_id == NULL || event->app_id == NULL ||
		   strcmp(event->app_id, config->app_id) == 0);
}

/* 200 with our address; the worker fetches the confirmation URL.  400 for a URL that is not the
 * platform's, or of another app. */
static enum sw_err
answer_confirmation(struct webhook *hook, const struct webhook_body *event, struct response *res)
{
	const char *url = event->confirmation_url;
	uint8_t hash[SECRET_SHA256_BYTES];
	bool fresh;
	enum sw_err err;

	if (!confirmation_is_ours(&hook->program.config, event)) {
		log_event(LOG_WARN, "webhook.confirmation_refused", "app", event->app_id,
		    (const char *)NULL);
		return SW_EINPUT;
	}
	secret_sha256(url, strlen(url), hash);
	serve_commit(); /* deferred replies do not wait for this statement */
	err = store_confirmation_put(hook->program.db, hash, event->app_id, url, &fresh);
	if (err != SW_OK)
		return err;
	if (fresh)
		notify_add_work(&hook->program.notify);
	log_event(LOG_INFO, "webhook.confirmation", "app", event->app_id, "fresh",
	    fresh ? "yes" : "no", (const char *)NULL);
	response_put_json(
	    res, 200, json_pack("{s:s+}", "targetUrl", hook->program.config.public_url, "/"));
	return SW_OK;
}

static void
add_notifications(struct webhook *hook, const char *installation_id,
    const struct store_ingest *done, bool notified)
{
	if (done->page && (!notified || done->removed))
		notify_add_page(&hook->program.notify, installation_id);
	if (done->work)
		notify_add_work(&hook->program.notify);
}

static void
log_events(const struct webhook_deferred *one, size_t together)
{
	const struct store_ingest *done = &one->done;

	log_event(LOG_INFO, "webhook.events", "installation", one->event.installed_app_id, "stored",
	    log_int(done->stored), "odd",
	    one->event.odd_count > 0 ? log_int((long long)one->event.odd_count) : NULL,
	    "duplicates",
	    log_int(done->known ? (long long)one->event.event_count - done->stored : 0), "known",
	    done->known ? "yes" : "no", "removed", done->removed ? "yes" : NULL, "together",
	    log_int((long long)together), (const char *)NULL);
}

/*
 * The row of its installation is locked: the platform does not send it again when it is refused, so
 * it is tried again for LOCKED_MS.  False: no more.
 */
static bool
defer_locked(struct webhook_deferred *one)
{
	int64_t age_ms = clock_monotonic_ms() - one->req->started_ms;

	log_event(LOG_INFO, "webhook.locked", "installation", one->event.installed_app_id, "age_ms",
	    log_int(age_ms), (const char *)NULL);
	if (age_ms >= LOCKED_MS)
		return false;
	/* Sooner at first, for most locks are short. */
	one->res->again_ms = LOCKED_AGAIN_MS + (int)(age_ms / 4);
	return true;
}

/* Which events were not understood, and because of what: the rest of it is in the database. */
static void
log_odd(const struct webhook_body *event)
{
	for (size_t i = 0; i < event->odd_count && i < WEBHOOK_BODY_ODD_MAX; i++)
		log_event(LOG_WARN, "webhook.not_understood", "installation",
		    event->installed_app_id, "index", log_int((long long)event->odd[i].index),
		    "member", event->odd[i].member, (const char *)NULL);
}

static void
answer_stored(struct webhook *hook, struct webhook_deferred *one, bool notified)
{
	if (one->err == SW_ELOCKED && defer_locked(one))
		return;
	if (one->err != SW_OK) {
		webhook_fail(&hook->program, one->req, one->err, one->res);
		return;
	}
	add_notifications(hook, one->event.installed_app_id, &one->done, notified);
	log_events(one, hook->batch.count);
	log_odd(&one->event);
	response_put_json(one->res, 200, json_pack("{s:{}}", "eventData"));
}

void
webhook_commit(struct program *program)
{
	struct webhook *hook = (struct webhook *)program;
	struct webhook_batch *batch = &hook->batch;
	bool notify;

	if (batch->count == 0)
		return;
	FAILPOINT("webhook.checked");
	notify = batch->count == 1 && notify_begin_inline(&hook->program.notify);
	webhook_batch_store(batch, hook->program.db, notify);
	if (notify)
		notify_end_inline(&hook->program.notify);
	FAILPOINT("webhook.stored");
	for (size_t i = 0; i < batch->count; i++) {
		log_set_request(batch->deferred[i].req->id);
		answer_stored(hook, &batch->deferred[i], notify);
		batch->deferred[i].res->deferred = false;
	}
	webhook_batch_clear(batch);
}

void
webhook_after(struct program *program)
{
	struct webhook *hook = (struct webhook *)program;
	int64_t now_ms = clock_monotonic_ms();
	int64_t made;

	if (now_ms < hook->partitions_at_ms || !db_is_connected(program->db))
		return;
	hook->partitions_at_ms = now_ms + PARTITIONS_MS;
	if (store_event_partition_make(program->db, &made) != SW_OK)
		hook->partitions_at_ms = now_ms + PARTITIONS_RETRY_MS;
	else if (made > 0)
		log_event(
		    LOG_INFO, "webhook.partitions", "made", log_int(made), (const char *)NULL);
}

bool
webhook_wait(struct program *program, int fd, int timeout_ms)
{
	return webhook_keys_wait(&((struct webhook *)program)->keys, fd, timeout_ms);
}

bool
webhook_is_ready(struct program *program, const void *awaited)
{
	return webhook_keys_are_ready(&((struct webhook *)program)->keys, awaited);
}

/* The reply is deferred until the batch commit. */
static enum sw_err
answer_events(struct webhook *hook, const struct request *req, const struct webhook_body *event,
    struct response *res)
{
	if (webhook_batch_is_full(&hook->batch))
		serve_commit();
	webhook_batch_add(&hook->batch, req, event, res);
	res->deferred = true;
	return SW_OK;
}

/* 200 for any type of a signed request; errors of the store. */
static enum sw_err
answer(struct webhook *hook, const struct request *req, const struct webhook_body *event,
    struct response *res)
{
	switch (event->message) {
	case WEBHOOK_BODY_PING:
		return answer_ping(event, res);
	case WEBHOOK_BODY_CONFIRMATION:
		return answer_confirmation(hook, event, res);
	case WEBHOOK_BODY_EVENT:
		return answer_events(hook, req, event, res);
	case WEBHOOK_BODY_OTHER:
	case WEBHOOK_BODY__MAX:
		break;
	}
	log_event(LOG_INFO, "webhook.ignored", (const char *)NULL);
	response_put_json(res, 200, json_object());
	return SW_OK;
}

/* The platform's documents differ on whether a PING is signed, so an unsigned one is answered. */
static enum sw_err
handle_unsigned(const struct request *req, struct response *res)
{
	struct webhook_body event;

	if (req->body_length > UNSIGNED_BODY_MAX ||
	    webhook_body_parse(req->arena, req->body, req->body_length, clock_now_ms(), &event) !=
		SW_OK ||
	    event.message != WEBHOOK_BODY_PING) {
		log_event(LOG_WARN, "webhook.unverified", "why", "unsigned", (const char *)NULL);
		return SW_EAUTH;
	}
	return answer_ping(&event, res);
}

static enum sw_err
handle_post(struct webhook *hook, const struct request *req, struct response *res)
{
	struct webhook_body event;
	bool twice;
	enum sw_err err;

	if (request_header(req, "HTTP_AUTHORIZATION", &twice) == NULL && !twice)
		return handle_unsigned(req, res);
	err = webhook_verify(&hook->keys, req, clock_now(), &res->awaited);
	if (res->awaited != NULL)
		return SW_OK;
	if (err != SW_OK)
		return err;
	err = webhook_body_parse(req->arena, req->body, req->body_length, clock_now_ms(), &event);
	if (err != SW_OK) {
		log_event(LOG_WARN, "webhook.malformed", "err", err_name(err), (const char *)NULL);
		return err;
	}
	return answer(hook, req, &event, res);
}

enum sw_err
webhook_post(struct request_context *context)
{
	struct webhook *hook = (struct webhook *)context->program;
	const struct request *req = context->req;

	/* No content type is accepted: the signature proves the sender. */
	if (req->content_type[0] != '\0' && !request_is_media(req, "application/json"))
		return SW_EMEDIA;
	return handle_post(hook, req, context->res);
}
