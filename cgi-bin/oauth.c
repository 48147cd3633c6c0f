/*
 * oauth.fcgi: GET /oauth/start sends a browser to the platform, GET /oauth/callback takes it back
 * (RFC 6749 4.1; platform.md "OAuth 2.0"), POST /oauth/choose says who sees what was linked.
 */
#include "web/oauth_callback.h"
#include "web/oauth_choose.h"
#include "web/oauth_keys.h"
#include "web/oauth_page.h"
#include "web/oauth_start.h"
#include "web/serve_main.h"

static const struct route routes[] = {
    {REQUEST_GET, "/oauth/start", ACCESS_OPEN, oauth_start},
    {REQUEST_GET, "/oauth/callback", ACCESS_OPEN, oauth_callback},
    {REQUEST_POST, "/oauth/choose", ACCESS_OPEN, oauth_choose},
};

static const struct serve_main oauth_conf = {
    .name = "oauth",
    .config_parts =
	CONFIG_DATABASE | CONFIG_PUBLIC | CONFIG_API | CONFIG_CLIENT | CONFIG_SEAL | CONFIG_SIGN_UP,
    .statement_timeout_ms = 5000,
    .lock_timeout_ms = DB_LOCK_TIMEOUT_MS,
    .locked_ms =
	2000, /* the callback meets such an error before it uses the state up, or not at all */
    .parked = 16,
    .body_limit = (size_t)64 << 10,
    .recycle_after = 20000,
    .routes = {routes, sizeof(routes) / sizeof(routes[0]),
	.head = false}, /* HEAD must not use up a state */
    .fail = oauth_page_fail,
    .start = oauth_keys_start,
};

int
main(void)
{
	struct program program = {0};

	return serve_main(&program, &oauth_conf);
}
