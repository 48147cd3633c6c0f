/*
 * dashboard.fcgi: the pages, their forms and the JSON API.  No handler calls the platform: commands
 * are rows that the worker sends.
 */
#include "web/api.h"
#include "web/error_reply.h"
#include "web/page.h"
#include "web/serve_main.h"

static const struct route routes[] = {
    {REQUEST_GET, "/", ACCESS_GUEST, page_switches},
    {REQUEST_POST, "/switches", ACCESS_FORM, page_post_many},
    {REQUEST_POST, "/switches/*/*", ACCESS_FORM, page_post_switch},
    {REQUEST_POST, "/logout", ACCESS_FORM, page_post_logout},
    {REQUEST_GET, "/disconnect", ACCESS_SESSION, page_disconnect},
    {REQUEST_POST, "/disconnect", ACCESS_FORM, page_post_disconnect},
    {REQUEST_GET, "/sessions", ACCESS_SESSION, page_sessions},
    {REQUEST_POST, "/sessions/end", ACCESS_FORM, page_post_session_end},
    {REQUEST_POST, "/sessions/end-others", ACCESS_FORM, page_post_session_end_others},
    {REQUEST_POST, "/invitations", ACCESS_FORM, page_post_invitation},
    {REQUEST_POST, "/invitations/withdraw", ACCESS_FORM, page_post_invitation_withdraw},
    {REQUEST_GET, "/join/*", ACCESS_GUEST, page_join},
    {REQUEST_POST, "/join/*", ACCESS_GUEST, page_post_join},
    {REQUEST_GET, "/api/switches", ACCESS_SESSION, api_list_switches},
    {REQUEST_POST, "/api/switches", ACCESS_HEADER, api_post_many},
    {REQUEST_POST, "/api/switches/*/*", ACCESS_HEADER, api_post_switch},
    {REQUEST_GET, "/api/history", ACCESS_SESSION, api_history},
    {REQUEST_GET, "/healthz", ACCESS_OPEN, api_healthz},
    {REQUEST_GET, "/metrics", ACCESS_OPEN, api_metrics},
};

/* A statement that timed out is reported like a database that cannot be reached: try again. */
static void
fail(
    const struct program *program, const struct request *req, enum sw_err err, struct response *res)
{
	error_reply_put(
	    &program->config, req, err == SW_ETIMEOUT ? SW_EUNAVAILABLE : err, NULL, res);
}

static const struct serve_main dashboard_conf = {
    .name = "dashboard",
    .config_parts = CONFIG_DATABASE | CONFIG_PUBLIC | CONFIG_BUDGET | CONFIG_SIGN_UP,
    .statement_timeout_ms = 3000,
    /* What waits for a lock keeps this process from everybody else: shortly, and again later. */
    .lock_timeout_ms = 50,
    .locked_ms = 1500,
    .parked = 32,
    .body_limit = (size_t)16 << 10,
    .recycle_after = 50000,
    .routes = {routes, sizeof(routes) / sizeof(routes[0]), .head = true},
    .fail = fail,
};

int
main(void)
{
	struct dashboard dashboard = {0};

	return serve_main(&dashboard.program, &dashboard_conf);
}
