/*
 * oauth.fcgi: GET /oauth/start sends a browser to the platform, GET
 * /oauth/callback takes it back (RFC 6749 4.1; platform.md "OAuth 2.0").
 */
#include <string.h>

#include "formats/cookie.h"
#include "base/log.h"
#include "smartthings/oauth.h"
#include "web/oauth_callback.h"
#include "web/oauth_page.h"
#include "base/secret.h"
#include "net/serve.h"
#include "store/session_cookie.h"
#include "store/session.h"

#define PROGRAM "oauth"
#define PARTS (CONFIG_DATABASE | CONFIG_PUBLIC | CONFIG_API | CONFIG_CLIENT | CONFIG_SEAL)
#define STATEMENT_TIMEOUT_MS 5000
#define RECYCLE_AFTER 20000
#define BODY_MAX 65536 /* none is used: whoever sends one is told 405 */
#define TOKEN_BYTES 32

/* The browser's own mark; kept when there is one, so that two tabs can both finish. */
static enum sw_err
find_browser(
    const struct signin *signin, const struct request *req, char browser[static SESSION_TOKEN_SIZE])
{
	enum sw_err err = cookie_get(request_header(req, "HTTP_COOKIE", NULL),
	    oauth_browser_cookie(&signin->config), browser, SESSION_TOKEN_SIZE);

	if (err == SW_OK && strlen(browser) == SESSION_TOKEN_SIZE - 1)
		return SW_OK;
	return secret_random_token(browser, SESSION_TOKEN_SIZE, TOKEN_BYTES);
}

static enum sw_err
remember(struct signin *signin, const char *state, const char *browser)
{
	uint8_t state_hash[SECRET_SHA256_BYTES], browser_hash[SECRET_SHA256_BYTES];

	secret_sha256(state, strlen(state), state_hash);
	secret_sha256(browser, strlen(browser), browser_hash);
	return store_oauth_state_put(signin->db, state_hash, browser_hash);
}

static void
put_redirect(struct signin *signin, const char *state, const char *browser, struct response *res)
{
	const struct config *config = &signin->config;
	struct sbuf cookie, redirect_uri = {0}, url = {0};

	sbuf_init_secret(&cookie, 0);
	cookie_put(&cookie, oauth_browser_cookie(config), browser, OAUTH_BROWSER_LIFE_S,
	    config->public_is_https);
	oauth_put_redirect_uri(&redirect_uri, config);
	oauth_put_authorize_url(&url, config->api_url, config->client_id, config->scopes,
	    sbuf_text(&redirect_uri), state);
	if (sbuf_failed(&cookie) || sbuf_failed(&redirect_uri) || sbuf_failed(&url))
		res->failed = true;
	response_add_header(res, "Set-Cookie", sbuf_text(&cookie));
	response_redirect(res, 302, sbuf_text(&url));
	sbuf_clear(&url);
	sbuf_clear(&redirect_uri);
	sbuf_clear(&cookie);
}

/* GET /oauth/start: 302 to the platform; 503 when the database is away. */
static enum sw_err
handle_start(struct signin *signin, const struct request *req, struct response *res)
{
	char state[SESSION_TOKEN_SIZE], browser[SESSION_TOKEN_SIZE];
	enum sw_err err = secret_random_token(state, sizeof(state), TOKEN_BYTES);

	if (err == SW_OK)
		err = find_browser(signin, req, browser);
	if (err == SW_OK)
		err = remember(signin, state, browser);
	if (err == SW_OK)
		put_redirect(signin, state, browser, res);
	return err;
}

static void
fail(void *context, const struct request *req, enum sw_err err, struct response *res)
{
	const struct signin *signin = context;
	enum oauth_page page;

	(void)req;
	switch (err) {
	case SW_EMETHOD:
		page = OAUTH_PAGE_METHOD;
		break;
	case SW_ENOTFOUND:
		page = OAUTH_PAGE_NOT_FOUND;
		break;
	case SW_EUNAVAILABLE:
	case SW_ETIMEOUT:
	case SW_ECONFLICT:
		page = OAUTH_PAGE_NOT_STORED;
		break;
	case SW_EINPUT:
	case SW_ETOOLARGE:
		page = OAUTH_PAGE_NO_CODE;
		break;
	default:
		page = OAUTH_PAGE_INTERNAL;
		break;
	}
	oauth_page_put(res, &signin->config, page, NULL);
}

static enum sw_err
handle(void *context, const struct request *req, struct response *res)
{
	bool start = strcmp(req->path, "/oauth/start") == 0;

	if (!start && strcmp(req->path, "/oauth/callback") != 0)
		return SW_ENOTFOUND;
	if (req->method != REQUEST_GET)
		return SW_EMETHOD;
	return start ? handle_start(context, req, res) : oauth_handle_callback(context, req, res);
}

static int
idle(void *context)
{
	struct signin *signin = context;

	return publish_run(&signin->publish);
}

static void
after(void *context)
{
	struct signin *signin = context;

	db_check_idle(signin->db);
	serve_set_timeout(publish_run(&signin->publish));
}

int
main(void)
{
	struct signin signin = {0};
	struct serve_conf conf = {
	    .program = PROGRAM,
	    .body_limit = BODY_MAX,
	    .recycle_after = RECYCLE_AFTER,
	    .handle = handle,
	    .fail = fail,
	    .after = after,
	    .idle = idle,
	    .context = &signin,
	};
	int status = 1;

	config_load_or_exit(&signin.config, PARTS, PROGRAM);
	if (db_new(signin.config.database_url, "switchboard-" PROGRAM, STATEMENT_TIMEOUT_MS,
		&signin.db) != SW_OK) {
		status = CONFIG_EXIT_STATUS;
	} else if (client_new(&signin.client) == SW_OK) {
		publish_init(&signin.publish, signin.db);
		status = serve_run(&conf);
	}
	publish_clear(&signin.publish);
	client_free(signin.client);
	db_free(signin.db);
	config_clear(&signin.config);
	return status;
}
