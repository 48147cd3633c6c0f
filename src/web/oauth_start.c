/*
 * What sends a browser to the platform: a state that is bound to this browser by a cookie.  Cookies
 * belong to a host name, and the platform sends browsers back to the public URL.
 */
#include "web/oauth_start.h"

#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "formats/base64.h"
#include "formats/cookie.h"
#include "formats/url.h"
#include "smartthings/oauth.h"
#include "store/session.h"
#include "web/oauth_callback.h"

#define TOKEN_BYTES 32

/*
 * What a browser has for a moment after it was sent to the public URL.  When it is back on the
 * other host name by then, a proxy before us changes the name.  Not Secure: that host name may be
 * http.
 */
#define MOVED_COOKIE "oauth_moved"
#define MOVED_LIFE_S 10

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

/* Is it for another host name?  Ports do not matter to cookies. */
static bool
is_elsewhere(const struct request *req, const struct config *config)
{
	const char *name = request_header(req, "HTTP_HOST", NULL);
	struct url_parts public_url;
	size_t length;

	if (name == NULL || name[0] == '\0' || url_split(config->public_url, &public_url) != SW_OK)
		return false;
	if (name[0] == '[')
		length = strcspn(++name, "]");
	else
		length = strcspn(name, ":");
	return length != strlen(public_url.host) || strncasecmp(name, public_url.host, length) != 0;
}

static bool
was_moved(const struct request *req)
{
	char value[2];

	return cookie_get(request_header(req, "HTTP_COOKIE", NULL), MOVED_COOKIE, value,
		   sizeof(value)) == SW_OK &&
	       strcmp(value, "1") == 0;
}

static void
put_move(const struct config *config, struct response *res)
{
	struct sbuf cookie = {0}, url = {0};

	cookie_put(&cookie, MOVED_COOKIE, "1", MOVED_LIFE_S, false);
	sbuf_printf(&url, "%s/oauth/start", config->public_url);
	if (sbuf_failed(&cookie) || sbuf_failed(&url))
		res->failed = true;
	response_add_header(res, "Set-Cookie", sbuf_text(&cookie));
	response_redirect(res, 302, sbuf_text(&url));
	sbuf_clear(&url);
	sbuf_clear(&cookie);
}

enum sw_err
oauth_start(struct request_context *context)
{
	struct program *program = context->program;
	char state[SESSION_TOKEN_SIZE], browser[SESSION_TOKEN_SIZE];
	enum sw_err err;

	if (is_elsewhere(context->req, &program->config) && !was_moved(context->req)) {
		put_move(&program->config, context->res);
		return SW_OK;
	}
	err = base64url_random(state, sizeof(state), TOKEN_BYTES);
	if (err == SW_OK)
		err = find_browser(program, context->req, browser);
	if (err == SW_OK)
		err = store_state(program, state, browser);
	if (err == SW_OK)
		put_redirect(program, state, browser, context->res);
	return err;
}
