/* What sends a browser to the platform: a state that is bound to this browser by a cookie. */
#include "web/oauth_start.h"

#include <string.h>

#include "base/secret.h"
#include "formats/base64.h"
#include "formats/cookie.h"
#include "smartthings/oauth.h"
#include "store/session.h"
#include "web/oauth_callback.h"

#define TOKEN_BYTES 32

/* The value of this browser's cookie; an old one is used again, so that two tabs can both finish.
 */
static enum sw_err
find_browser(const struct program *program, const struct request *req,
    char browser[static SESSION_TOKEN_SIZE])
{
	enum sw_err err = cookie_get(request_header(req, "HTTP_COOKIE", NULL),
	    oauth_browser_cookie(&program->config), browser, SESSION_TOKEN_SIZE);

	if (err == SW_OK && strlen(browser) == SESSION_TOKEN_SIZE - 1)
		return SW_OK;
	return base64url_random(browser, SESSION_TOKEN_SIZE, TOKEN_BYTES);
}

static enum sw_err
store_state(struct program *program, const char *state, const char *browser)
{
	uint8_t state_hash[SECRET_SHA256_BYTES], browser_hash[SECRET_SHA256_BYTES];

	secret_sha256(state, strlen(state), state_hash);
	secret_sha256(browser, strlen(browser), browser_hash);
	return store_oauth_state_put(program->db, state_hash, browser_hash);
}

static void
put_redirect(struct program *program, const char *state, const char *browser, struct response *res)
{
	const struct config *config = &program->config;
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

enum sw_err
oauth_start(struct request_context *context)
{
	struct program *program = context->program;
	char state[SESSION_TOKEN_SIZE], browser[SESSION_TOKEN_SIZE];
	enum sw_err err = base64url_random(state, sizeof(state), TOKEN_BYTES);

	if (err == SW_OK)
		err = find_browser(program, context->req, browser);
	if (err == SW_OK)
		err = store_state(program, state, browser);
	if (err == SW_OK)
		put_redirect(program, state, browser, context->res);
	return err;
}
