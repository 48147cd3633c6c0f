/*
 * The owner of an installed app: asked for, or turned away, while a person waits.
 */
#include "web/oauth_owner.h"

#include <string.h>

#include "base/log.h"
#include "formats/json.h"
#include "smartthings/api.h"
#include "smartthings/installed_app.h"
#include "store/api_call.h"

#define CALL_MS 3000
#define TRIES 2

/* One call with the fresh token.  It is counted, but for no installation: it may not stay here. */
static enum sw_err
call(struct program *program, enum platform_call what, const struct oauth_tokens *tokens,
    struct client_reply *reply)
{
	const char *id = tokens->installed_app_id;
	struct client_request request = {0};
	struct platform_outcome outcome;
	struct sbuf url = {0};
	enum sw_err err = SW_ENOMEM;

	platform_put_url(&url, program->config.api_url, what, id, NULL);
	platform_prepare(what, &request);
	request.url = sbuf_text(&url);
	request.bearer = tokens->access_token;
	request.timeout_ms = CALL_MS;
	if (!sbuf_failed(&url))
		err = client_perform(program->client, &request, reply);
	platform_classify(err, reply, &outcome);
	log_event(outcome.err == SW_OK ? LOG_INFO : LOG_WARN, "oauth.call", "endpoint",
	    platform_endpoint(what), "installation", id, "status", log_int(reply->status), "ms",
	    log_int(reply->elapsed_ms), "err", outcome.err != SW_OK ? err_name(outcome.err) : NULL,
	    (const char *)NULL);
	if (store_api_call_count(program->db, NULL, platform_endpoint(what), reply->status) !=
	    SW_OK)
		log_event(LOG_WARN, "oauth.not_counted", (const char *)NULL);
	sbuf_clear(&url);
	return outcome.err;
}

static enum sw_err
read_owner(const struct client_reply *reply, struct oauth_tokens *tokens)
{
	const char *owner;
	json_t *app;
	enum sw_err err = jsonx_load(sbuf_text(&reply->body), reply->body.length, &app);

	if (err != SW_OK)
		return err == SW_ENOMEM ? err : SW_EUPSTREAM;
	owner = installed_app_owner(app);
	if (owner == NULL) {
		err = SW_EINPUT;
	} else {
		tokens->owner_account_id = strdup(owner);
		err = tokens->owner_account_id != NULL ? SW_OK : SW_ENOMEM;
	}
	json_decref(app);
	return err;
}

enum sw_err
oauth_find_owner(struct program *program, struct oauth_tokens *tokens)
{
	enum sw_err err = SW_OK;

	for (int tries = 0; tokens->owner_account_id == NULL && tries < TRIES; tries++) {
		struct client_reply reply = {0};

		err = call(program, PLATFORM_GET_INSTALLED_APP, tokens, &reply);
		if (err == SW_OK)
			err = read_owner(&reply, tokens);
		client_reply_clear(&reply);
		if (err == SW_EINPUT || err == SW_ENOMEM)
			break;
	}
	if (err == SW_EAUTH || err == SW_EFORBIDDEN || err == SW_ENOTFOUND || err == SW_ECONFLICT)
		err = SW_EUPSTREAM;
	return err;
}

enum sw_err
oauth_uninstall(struct program *program, const struct oauth_tokens *tokens)
{
	enum sw_err err = SW_EINTERNAL;

	for (int tries = 0; err != SW_OK && tries < TRIES; tries++) {
		struct client_reply reply = {0};

		err = call(program, PLATFORM_DELETE_INSTALLED_APP, tokens, &reply);
		if (err == SW_ENOTFOUND)
			err = SW_OK;
		client_reply_clear(&reply);
	}
	return err;
}
