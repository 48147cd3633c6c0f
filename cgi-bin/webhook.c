/*
 * webhook.fcgi: POST /, where the platform sends what happened (platform.md
 * "Webhooks").  One request, or several that came at once, is one round
 * trip to the database and one commit; 200 is only said after it.
 */
#include <string.h>

#include "base/clock.h"
#include "net/client.h"
#include "formats/config.h"
#include "smartthings/confirmation.h"
#include "db/db.h"
#include "smartthings/webhook_body.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "store/notify.h"
#include "base/secret.h"
#include "net/serve.h"
#include "store/event.h"
#include "store/signing_key.h"
#include "web/webhook_batch.h"
#include "web/webhook_verify.h"

#define PROGRAM "webhook"
#define PARTS (CONFIG_DATABASE | CONFIG_PUBLIC | CONFIG_API | CONFIG_KEYS | CONFIG_APP)
#define BODY_MAX ((size_t)1 << 20)
/* An unsigned PING is answered, but nobody gets a megabyte parsed for it. */
#define UNSIGNED_BODY_MAX 4096
#define STATEMENT_TIMEOUT_MS 3000
#define RECYCLE_AFTER 50000

struct webhook {
	struct config config;
	struct db *db;
	struct client *client;
	struct webhook_verifier verifier;
	struct publish publish;
	struct webhook_batch batch;
};

/* Shown to whoever sends: the platform's log, or a person with curl. */
static const char *const messages[SW_ERR__MAX] = {
    [SW_EINPUT] = "The body is not a webhook of the platform.",
    [SW_EAUTH] = "The request is not signed by the platform.",
    [SW_ENOTFOUND] = "Webhooks go to the root path.",
    [SW_EMETHOD] = "Webhooks are POST requests.",
    [SW_ETOOLARGE] = "The body is larger than 1 MB.",
    [SW_EMEDIA] = "The body must be application/json.",
    [SW_EUNAVAILABLE] = "Not stored: try again in a few seconds.",
};

static void
fail(void *context, const struct request *req, enum sw_err err, struct response *res)
{
	(void)context, (void)req;
	if (err == SW_ETIMEOUT || err == SW_ECONFLICT)
		err = SW_EUNAVAILABLE;
	response_put_error(
	    res, err, messages[err] != NULL ? messages[err] : "The webhook could not be handled.");
	if (err == SW_EMETHOD)
		response_add_header(res, "Allow", "POST");
}

static enum sw_err
answer_ping(const struct event_request *event, struct response *res)
{
	response_put_json(
	    res, 200, json_pack("{s:{s:s}}", "pingData", "challenge", event->challenge));
	return SW_OK;
}

/* 200 with our address, and the worker fetches theirs; 400 for an address that is not theirs. */
static enum sw_err
answer_confirmation(struct webhook *hook, const struct event_request *event, struct response *res)
{
	const char *url = event->confirmation_url;
	uint8_t hash[SECRET_SHA256_BYTES];
	bool fresh;
	enum sw_err err;

	if (!confirmation_url_is_allowed(url, &hook->config.api, hook->config.app_id)) {
		log_event(LOG_WARN, "webhook.confirmation_refused", "app", event->app_id,
		    (const char *)NULL);
		return SW_EINPUT;
	}
	secret_sha256(url, strlen(url), hash);
	serve_settle(); /* the database may take its time */
	err = store_confirmation_put(hook->db, hash, event->app_id, url, &fresh);
	if (err != SW_OK)
		return err;
	if (fresh)
		publish_add_work(&hook->publish);
	log_event(LOG_INFO, "webhook.confirmation", "app", event->app_id, "fresh",
	    fresh ? "yes" : "no", (const char *)NULL);
	response_put_json(res, 200, json_pack("{s:s+}", "targetUrl", hook->config.public_url, "/"));
	return SW_OK;
}

static void
wake(struct webhook *hook, const char *installation_id, const struct store_ingest *done, bool told)
{
	if (done->page && (!told || done->removed))
		publish_add_page(&hook->publish, installation_id);
	if (done->removed)
		publish_add_sessions(&hook->publish);
	if (done->work)
		publish_add_work(&hook->publish);
}

static void
log_events(const struct webhook_waiting *one, size_t together)
{
	const struct store_ingest *done = &one->done;

	log_event(LOG_INFO, "webhook.events", "installation", one->event.installed_app_id, "stored",
	    log_int(done->stored), "duplicates",
	    log_int(done->known ? (long long)one->event.event_count - done->stored : 0), "known",
	    done->known ? "yes" : "no", "removed", done->removed ? "yes" : NULL, "together",
	    log_int((long long)together), (const char *)NULL);
}

static void
answer_stored(struct webhook *hook, struct webhook_waiting *one, bool told)
{
	if (one->err != SW_OK) {
		fail(hook, one->req, one->err, one->res);
		return;
	}
	wake(hook, one->event.installed_app_id, &one->done, told);
	log_events(one, hook->batch.count);
	response_put_json(one->res, 200, json_pack("{s:{}}", "eventData"));
}

/* serve.h: the commit that some answers wait for. */
static void
settle(void *context)
{
	struct webhook *hook = context;
	struct webhook_batch *batch = &hook->batch;
	bool tell;

	if (batch->count == 0)
		return;
	FAILPOINT("webhook.checked");
	tell = batch->count == 1 && publish_take_turn(&hook->publish);
	webhook_batch_store(batch, hook->db, tell);
	if (tell)
		publish_end_turn(&hook->publish);
	FAILPOINT("webhook.stored");
	for (size_t i = 0; i < batch->count; i++) {
		log_set_request(batch->waiting[i].req->id);
		answer_stored(hook, &batch->waiting[i], tell);
		batch->waiting[i].res->put_off = false;
	}
	batch->count = 0;
	batch->events = 0;
}

/* Answered when it is stored, together with those that have come meanwhile. */
static enum sw_err
answer_events(struct webhook *hook, const struct request *req, const struct event_request *event,
    struct response *res)
{
	if (webhook_batch_is_full(&hook->batch))
		serve_settle();
	webhook_batch_add(&hook->batch, req, event, res);
	res->put_off = true;
	return SW_OK;
}

/* 200 for any type that is well signed; the errors of the store. */
static enum sw_err
answer(struct webhook *hook, const struct request *req, const struct event_request *event,
    struct response *res)
{
	switch (event->message) {
	case EVENT_MESSAGE_PING:
		return answer_ping(event, res);
	case EVENT_MESSAGE_CONFIRMATION:
		return answer_confirmation(hook, event, res);
	case EVENT_MESSAGE_EVENT:
		return answer_events(hook, req, event, res);
	case EVENT_MESSAGE_OTHER:
	case EVENT_MESSAGE__MAX:
		break;
	}
	log_event(LOG_INFO, "webhook.ignored", (const char *)NULL);
	response_put_json(res, 200, json_object());
	return SW_OK;
}

/* The platform's own documents differ on whether a PING is signed; without a signature it says
 * nothing. */
static enum sw_err
handle_unsigned(const struct request *req, struct response *res)
{
	struct event_request event;

	if (req->body_length > UNSIGNED_BODY_MAX ||
	    event_parse_request(req->arena, req->body, req->body_length, clock_now_ms(), &event) !=
		SW_OK ||
	    event.message != EVENT_MESSAGE_PING) {
		log_event(LOG_WARN, "webhook.unverified", "why", "unsigned", (const char *)NULL);
		return SW_EAUTH;
	}
	return answer_ping(&event, res);
}

static enum sw_err
handle_post(struct webhook *hook, const struct request *req, struct response *res)
{
	struct event_request event;
	bool twice;
	enum sw_err err;

	if (request_header(req, "HTTP_AUTHORIZATION", &twice) == NULL && !twice)
		return handle_unsigned(req, res);
	err = webhook_verify(&hook->verifier, req, clock_now());
	if (err != SW_OK)
		return err;
	err = event_parse_request(req->arena, req->body, req->body_length, clock_now_ms(), &event);
	if (err != SW_OK) {
		log_event(LOG_WARN, "webhook.malformed", "err", err_name(err), (const char *)NULL);
		return err;
	}
	return answer(hook, req, &event, res);
}

/*
 * 200 once what was sent is stored, and for duplicates, unknown types and unknown
 * installations; 400 well signed but malformed, or a confirmation address that is not
 * the platform's; 401 not signed by the platform; 404, 405, 413, 415; 503 with Retry-After when
 * database or key server is away: nothing was stored.  Never sets a cookie.
 */
static enum sw_err
handle(void *context, const struct request *req, struct response *res)
{
	enum sw_err err = SW_OK;

	if (strcmp(req->path, "/") != 0)
		err = SW_ENOTFOUND;
	else if (req->method != REQUEST_POST)
		err = SW_EMETHOD;
	else if (req->content_type[0] != '\0' && !request_is_media(req, "application/json"))
		err = SW_EMEDIA; /* none said is none wrong: the signature tells whose it is */
	else
		err = handle_post(context, req, res);
	return err;
}

static int
idle(void *context)
{
	struct webhook *hook = context;

	return publish_run(&hook->publish);
}

static void
after(void *context)
{
	struct webhook *hook = context;

	FAILPOINT("webhook.answered");
	db_check_idle(hook->db);
	serve_set_timeout(publish_run(&hook->publish));
}

int
main(void)
{
	struct webhook hook = {0};
	struct serve_conf conf = {
	    .program = PROGRAM,
	    .body_limit = BODY_MAX,
	    .recycle_after = RECYCLE_AFTER,
	    .handle = handle,
	    .fail = fail,
	    .batch = WEBHOOK_BATCH_MAX,
	    .settle = settle,
	    .after = after,
	    .idle = idle,
	    .context = &hook,
	};
	int status = 1;

	config_load_or_exit(&hook.config, PARTS, PROGRAM);
	if (db_new(hook.config.database_url, "switchboard-" PROGRAM, STATEMENT_TIMEOUT_MS,
		&hook.db) != SW_OK) {
		status = CONFIG_EXIT_STATUS;
	} else if (client_new(&hook.client) == SW_OK) {
		hook.verifier.key_url = hook.config.key_url;
		hook.verifier.db = hook.db;
		hook.verifier.client = hook.client;
		publish_init(&hook.publish, hook.db);
		status = serve_run(&conf);
	}
	publish_clear(&hook.publish);
	keycache_clear(&hook.verifier.keys);
	client_free(hook.client);
	db_free(hook.db);
	config_clear(&hook.config);
	return status;
}
