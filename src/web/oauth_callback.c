/* What happens when the platform sends a browser back: state, code, tokens, session. */
#include "web/oauth_callback.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "formats/cookie.h"
#include "formats/seal.h"
#include "smartthings/oauth.h"
#include "store/api_call.h"
#include "store/installation.h"
#include "store/session.h"
#include "web/invitation_cookie.h"
#include "web/oauth_choose.h"
#include "web/oauth_keys.h"
#include "web/oauth_owner.h"
#include "web/oauth_page.h"
#include "web/user_agent.h"

/* A person waits for this call. */
#define EXCHANGE_MS 8000
#define STORE_MS 3000
#define STORE_PAUSE_MS 200
#define LOGGED_ERROR_MAX 64

const char *
oauth_browser_cookie(const struct config *config)
{
	return config->public_is_https ? "__Host-oauth_browser" : "oauth_browser";
}

void
oauth_put_redirect_uri(struct sbuf *buf, const struct config *config)
{
	sbuf_put_text(buf, config->public_url);
	sbuf_put_text(buf, "/oauth/callback");
}

static bool
is_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* SW_OK when this browser started this authorization less than ten minutes ago; only once. */
static enum sw_err
take_state(struct program *program, const struct request *req, const struct url_query *query)
{
	const char *state = url_query_get(query, "state", NULL);
	uint8_t state_hash[SECRET_SHA256_BYTES], browser_hash[SECRET_SHA256_BYTES];
	char browser[SESSION_TOKEN_SIZE];

	if (!is_given(state) ||
	    cookie_get(request_header(req, "HTTP_COOKIE", NULL),
		oauth_browser_cookie(&program->config), browser, sizeof(browser)) != SW_OK ||
	    browser[0] == '\0')
		return SW_EAUTH;
	secret_sha256(state, strlen(state), state_hash);
	secret_sha256(browser, strlen(browser), browser_hash);
	secret_cleanse(browser, sizeof(browser));
	return store_oauth_state_take(program->db, state_hash, browser_hash);
}

/* Errors of RFC 6749 4.1.2.1, and the platform's own. */
static enum oauth_page
page_of_error(const char *error)
{
	static const struct {
		const char *error;
		enum oauth_page page;
	} known[] = {
	    {"access_denied", OAUTH_PAGE_DENIED},
	    {"max_installs_exceeded", OAUTH_PAGE_FULL},
	    {"invalid_scope", OAUTH_PAGE_SCOPE},
	    {"unauthorized_client", OAUTH_PAGE_NO_CLIENT},
	    {"invalid_client", OAUTH_PAGE_NO_CLIENT},
	    {"invalid_request", OAUTH_PAGE_NO_CLIENT},
	    {"server_error", OAUTH_PAGE_BUSY},
	    {"temporarily_unavailable", OAUTH_PAGE_BUSY},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(error, known[i].error) == 0)
			return known[i].page;
	}
	return OAUTH_PAGE_REFUSED;
}

/* The platform reports an error instead of a code. */
static void
answer_error(
    struct program *program, const struct url_query *query, const char *error, struct response *res)
{
	const char *description = url_query_get(query, "error_description", NULL);
	enum oauth_page page = page_of_error(error);

	log_event(LOG_INFO, "oauth.refused", "error",
	    strlen(error) <= LOGGED_ERROR_MAX ? error : "(long)", "said",
	    is_given(description) ? description : NULL, (const char *)NULL);
	oauth_page_put(res, &program->config, page,
	    is_given(description) || page == OAUTH_PAGE_DENIED ? description : error);
}

static enum sw_err
exchange(struct program *program, const char *code, struct client_reply *reply)
{
	const struct config *config = &program->config;
	struct sbuf redirect_uri = {0};
	struct oauth_request call = {0};
	enum sw_err err = SW_ENOMEM;

	oauth_put_redirect_uri(&redirect_uri, config);
	if (!sbuf_failed(&redirect_uri))
		err = oauth_request_code(&call, config, code, sbuf_text(&redirect_uri));
	call.request.timeout_ms = EXCHANGE_MS;
	/* A code works once, and the last exchange may be long ago. */
	if (err == SW_OK)
		err = client_disconnect(program->client);
	if (err == SW_OK)
		err = client_perform(program->client, &call.request, reply);
	FAILPOINT("oauth.exchanged");
	oauth_request_clear(&call);
	sbuf_clear(&redirect_uri);
	return err;
}

static void
count_call(struct program *program, const char *installation_id, int status)
{
	enum sw_err err =
	    store_api_call_count(program->db, installation_id, "POST /oauth/token", status);

	if (err != SW_OK)
		log_event(LOG_WARN, "oauth.not_counted", "err", err_name(err), (const char *)NULL);
}

/* An error of a statement that succeeds, perhaps, when it is tried again. */
static bool
may_pass(enum sw_err err)
{
	return err == SW_EUNAVAILABLE || err == SW_ETIMEOUT || err == SW_ECONFLICT ||
	       err == SW_ELOCKED;
}

/*
 * Store the link; try again for STORE_MS, because the code works once and the person would have to
 * start over.  A conflict after a try whose result did not arrive may mean that it was committed:
 * then the session exists.
 */
static enum sw_err
store_link(struct program *program, const struct request *req, const struct store_link *link,
    struct store_linked *out)
{
	const struct timespec pause = {.tv_nsec = STORE_PAUSE_MS * 1000000L};
	int64_t deadline_ms = clock_monotonic_ms() + STORE_MS;
	struct store_signed_in who;
	enum sw_err err;

	for (;;) {
		err = store_installation_link(program->db, req->arena, link, out);
		if (err == SW_ECONFLICT &&
		    store_session_load(program->db, link->new_session, &who) == SW_OK) {
			*out = (struct store_linked){.user_id = who.user_id};
			err = SW_OK;
		}
		if (err == SW_OK)
			FAILPOINT("oauth.linked");
		if (!may_pass(err) || clock_monotonic_ms() >= deadline_ms)
			return err;
		nanosleep(&pause, NULL);
	}
}

/* What the browser gets, each a random word whose hash is stored. */
struct words {
	char session[SESSION_TOKEN_SIZE];
	char offer[SESSION_TOKEN_SIZE];
};

/* Store, and open a session or ask who should see it. */
static enum sw_err
link_installation(struct program *program, const struct request *req,
    const struct oauth_tokens *tokens, struct words *words, struct store_linked *out)
{
	const struct config *config = &program->config;
	uint8_t new_session[SECRET_SHA256_BYTES], old_session[SECRET_SHA256_BYTES];
	uint8_t offer[SECRET_SHA256_BYTES], invitation[SECRET_SHA256_BYTES];
	struct store_link link = {
	    .tokens = tokens,
	    .seal_keys = &config->seal_keys,
	    .new_session = new_session,
	    .user_agent = user_agent_of(req),
	    .offer = offer,
	    .sign_up = config->sign_up,
	};
	enum sw_err err = session_make(words->session, new_session);

	if (err == SW_OK)
		err = session_make(words->offer, offer);
	if (session_read_cookie(request_header(req, "HTTP_COOKIE", NULL), config->public_is_https,
		old_session, NULL))
		link.old_session = old_session;
	if (invitation_read_cookie(config, req, invitation))
		link.invitation = invitation;
	if (err == SW_OK)
		err = store_link(program, req, &link, out);
	return err;
}

static bool
is_refused(const struct store_linked *linked)
{
	return linked->outcome == STORE_LINK_REFUSED || linked->outcome == STORE_LINK_OTHERS;
}

/* The owner may not sign up: nothing is left of the authorization, here or at the platform. */
static void
refuse(struct program *program, const struct store_linked *linked,
    const struct oauth_tokens *tokens, struct response *res)
{
	enum oauth_page page = OAUTH_PAGE_OTHERS;

	if (linked->outcome == STORE_LINK_REFUSED)
		page = oauth_uninstall(program, tokens) == SW_OK ? OAUTH_PAGE_UNINVITED
								 : OAUTH_PAGE_INSTALLED;
	log_event(LOG_WARN, "oauth.uninvited", "sign_up", program->config.sign_up, "uninstalled",
	    page == OAUTH_PAGE_UNINVITED ? "yes" : "no", (const char *)NULL);
	oauth_page_put(res, &program->config, page, NULL);
}

/* The location is linked: back to the page, or the question who should see it. */
static void
put_linked(struct program *program, const struct store_linked *linked, const struct words *words,
    struct response *res)
{
	struct sbuf expired = {0};

	if (linked->outcome == STORE_LINK_SIGNED_IN)
		session_put_cookie(res, &program->config, words->session);
	cookie_put(&expired, oauth_browser_cookie(&program->config), "", 0,
	    program->config.public_is_https);
	response_add_header(res, "Set-Cookie", sbuf_failed(&expired) ? NULL : sbuf_text(&expired));
	sbuf_clear(&expired);
	if (linked->outcome == STORE_LINK_ASKED)
		oauth_choose_put(program, linked, words->offer, res);
	else
		response_redirect(res, 303, "/");
}

static enum oauth_page
page_of_failure(enum sw_err err)
{
	switch (err) {
	case SW_EINVAL_GRANT:
		return OAUTH_PAGE_CODE;
	case SW_EAUTH:
	case SW_EFORBIDDEN:
		return OAUTH_PAGE_CLIENT;
	case SW_ELIMIT:
	case SW_EUNAVAILABLE:
		return OAUTH_PAGE_AWAY;
	case SW_ETIMEOUT:
		return OAUTH_PAGE_TIMEOUT;
	case SW_ENOMEM:
	case SW_EINTERNAL:
		return OAUTH_PAGE_INTERNAL;
	default:
		return OAUTH_PAGE_PLATFORM;
	}
}

static enum oauth_page
page_of_store_failure(enum sw_err err)
{
	return may_pass(err) ? OAUTH_PAGE_NOT_STORED : OAUTH_PAGE_INTERNAL;
}

/* Exchange the code; SW_OK: tokens, and the id of their installed app. */
static enum sw_err
get_tokens(struct program *program, const char *code, struct oauth_tokens *tokens, int *status)
{
	struct client_reply reply = {0};
	enum sw_err err = exchange(program, code, &reply);

	*status = reply.status;
	if (err == SW_OK)
		err = oauth_parse_reply(
		    reply.status, sbuf_text(&reply.body), reply.body.length, tokens);
	else if (err == SW_ETOOLARGE)
		err = SW_EUPSTREAM;
	if (err == SW_OK && tokens->installed_app_id == NULL)
		err = SW_EUPSTREAM;
	log_event(err == SW_OK ? LOG_INFO : LOG_WARN, "oauth.exchange", "status",
	    log_int(reply.status), "ms", log_int(reply.elapsed_ms), "installation",
	    tokens->installed_app_id, "err", err != SW_OK ? err_name(err) : NULL,
	    (const char *)NULL);
	client_reply_clear(&reply);
	return err;
}

/* Store the link of an installation whose owner is known, and answer.  True: it is linked. */
static bool
finish_link(struct program *program, const struct request *req, const struct oauth_tokens *tokens,
    struct response *res)
{
	struct words words = {0};
	struct store_linked linked;
	enum sw_err err = link_installation(program, req, tokens, &words, &linked);
	bool is_linked = err == SW_OK && !is_refused(&linked);

	if (err == SW_OK)
		invitation_drop_cookie(res, &program->config, req);
	if (is_linked) {
		log_event(LOG_INFO, "oauth.linked", "installation", tokens->installed_app_id,
		    "user", log_int(linked.user_id), "session",
		    linked.outcome == STORE_LINK_SIGNED_IN ? "new" : "another person's",
		    (const char *)NULL);
		put_linked(program, &linked, &words, res);
		notify_add_page(&program->notify, tokens->installed_app_id);
		notify_add_user(&program->notify, linked.user_id);
		notify_add_user(&program->notify, linked.owner);
		notify_add_work(&program->notify);
	} else if (err == SW_OK) {
		refuse(program, &linked, tokens, res);
	} else {
		log_event(LOG_ERROR, "oauth.not_stored", "installation", tokens->installed_app_id,
		    "err", err_name(err), (const char *)NULL);
		oauth_page_put(res, &program->config, page_of_store_failure(err), NULL);
	}
	secret_cleanse(&words, sizeof(words));
	return is_linked;
}

/* Exchange the code, learn the owner, store the link, answer. */
static void
answer_code(
    struct program *program, const struct request *req, const char *code, struct response *res)
{
	struct oauth_tokens tokens = {0};
	bool is_linked = false;
	int status;
	enum sw_err err;

	/* Before the code is used: nobody else could open what would be stored. */
	if (oauth_keys_check(program, req->arena) == SW_EINPUT) {
		oauth_page_put(res, &program->config, OAUTH_PAGE_INTERNAL, NULL);
		return;
	}
	err = get_tokens(program, code, &tokens, &status);
	if (err != SW_OK) {
		oauth_page_put(res, &program->config, page_of_failure(err), NULL);
	} else {
		err = oauth_find_owner(program, &tokens);
		if (err == SW_OK)
			is_linked = finish_link(program, req, &tokens, res);
		else
			oauth_page_put(res, &program->config,
			    err == SW_EINPUT ? OAUTH_PAGE_NOBODY : page_of_failure(err), NULL);
	}
	count_call(program, is_linked ? tokens.installed_app_id : NULL, status);
	oauth_tokens_clear(&tokens);
}

enum sw_err
oauth_callback(struct request_context *context)
{
	struct program *program = context->program;
	const struct request *req = context->req;
	struct response *res = context->res;
	struct url_query query = {0};
	bool twice = false;
	const char *error, *code;
	enum sw_err err = request_parse_query(req, &query);

	if (err == SW_OK)
		err = take_state(program, req, &query);
	if (err == SW_EAUTH || err == SW_EINPUT) {
		log_event(LOG_INFO, "oauth.state_refused", (const char *)NULL);
		oauth_page_put(res, &program->config, OAUTH_PAGE_STATE, NULL);
		return SW_OK;
	}
	if (err != SW_OK)
		return err;
	error = url_query_get(&query, "error", &twice);
	code = url_query_get(&query, "code", &twice);
	if (!twice && is_given(error))
		answer_error(program, &query, error, res);
	else if (twice || !is_given(code) || strlen(code) > OAUTH_TOKEN_MAX)
		oauth_page_put(res, &program->config, OAUTH_PAGE_NO_CODE, NULL);
	else
		answer_code(program, req, code, res);
	return SW_OK;
}
