/*
 * dashboard.fcgi: the page, its forms and the JSON API.  What stands here is
 * the table of routes, with what each asks of a visitor before its handler
 * runs: a session, and for everything that changes something the session's
 * CSRF token.  No handler ever calls the platform: commands are rows that the
 * worker picks up.
 */
#include "web/dashboard.h"

#include <string.h>

#include "web/api.h"
#include "base/clock.h"
#include "formats/json.h"
#include "base/log.h"
#include "web/page.h"
#include "web/page_layout.h"
#include "net/serve.h"

#define STATEMENT_TIMEOUT_MS 3000
#define BODY_LIMIT ((size_t)16 << 10)
#define RECYCLE_AFTER 50000

enum gate {
	GATE_OPEN,    /* anybody */
	GATE_GUEST,   /* anybody, but who is signed in is known */
	GATE_SESSION, /* who is signed in */
	GATE_HEADER,  /* and shows the CSRF token in X-CSRF-Token */
	GATE_FORM,    /* or in the form's field "csrf" */
};

typedef enum sw_err route_handler(struct visit *visit);

/* "*" stands for one segment.  HEAD goes where GET goes. */
static const struct route {
	enum request_method method;
	const char *path;
	enum gate gate;
	route_handler *handle;
} routes[] = {
    {REQUEST_GET, "/", GATE_GUEST, page_home},
    {REQUEST_POST, "/switches", GATE_FORM, page_post_many},
    {REQUEST_POST, "/switches/*/*", GATE_FORM, page_post_switch},
    {REQUEST_POST, "/logout", GATE_FORM, page_post_logout},
    {REQUEST_GET, "/disconnect", GATE_SESSION, page_disconnect},
    {REQUEST_POST, "/disconnect", GATE_FORM, page_post_disconnect},
    {REQUEST_GET, "/sessions", GATE_SESSION, page_sessions},
    {REQUEST_POST, "/sessions/end", GATE_FORM, page_post_session_end},
    {REQUEST_POST, "/sessions/end-others", GATE_FORM, page_post_session_end_others},
    {REQUEST_GET, "/api/switches", GATE_SESSION, api_list_switches},
    {REQUEST_POST, "/api/switches", GATE_HEADER, api_post_many},
    {REQUEST_POST, "/api/switches/*/*", GATE_HEADER, api_post_switch},
    {REQUEST_GET, "/api/history", GATE_SESSION, api_history},
    {REQUEST_GET, "/healthz", GATE_OPEN, api_healthz},
    {REQUEST_GET, "/metrics", GATE_OPEN, api_metrics},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

static bool
has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Programs get JSON: those that call the API, show the header of one, or ask for it. */
static bool
wants_json(const struct request *req)
{
	const char *accept = request_header(req, "HTTP_ACCEPT", NULL);

	if (has_prefix(req->path, "/api/") || strcmp(req->path, "/healthz") == 0 ||
	    strcmp(req->path, "/metrics") == 0 ||
	    request_header(req, "HTTP_X_CSRF_TOKEN", NULL) != NULL)
		return true;
	return accept != NULL && strstr(accept, "application/json") != NULL &&
	       strstr(accept, "text/html") == NULL;
}

static void
put_error(struct dashboard *app, const struct request *req, enum sw_err err, const char *message,
    struct response *res)
{
	if (wants_json(req))
		response_put_error(res, err, message);
	else
		page_put_error(&app->config, err, message, res);
}

static const char *
standard_message(enum sw_err err)
{
	switch (err) {
	case SW_EINPUT:
		return "The request is not one that Switchboard understands.";
	case SW_EAUTH:
		return "You are not signed in.";
	case SW_EFORBIDDEN:
		return "The page was too old for this, or the request came from elsewhere. "
		       "Open the page again and repeat what you did.";
	case SW_ENOTFOUND:
		return "There is no such thing here, or it is not yours.";
	case SW_EMETHOD:
		return "This address does not take such requests.";
	case SW_ETOOLARGE:
		return "The request is too large.";
	case SW_EMEDIA:
		return "The request has another content type than this address takes.";
	case SW_EUNAVAILABLE:
	case SW_ETIMEOUT:
		return "Switchboard cannot reach its database right now. Your switches keep "
		       "working, and nothing is lost: try again in a few seconds.";
	default:
		return "Something went wrong in Switchboard. Its log says more.";
	}
}

enum sw_err
dashboard_refuse(struct visit *visit, enum sw_err err, const char *message)
{
	put_error(visit->app, visit->req, err, message, visit->res);
	return SW_OK;
}

/* serve.c: a handler, or reading the request, ended with an error. */
static void
on_fail(void *context, const struct request *req, enum sw_err err, struct response *res)
{
	/* For the visitor a database that does not answer is one that is away. */
	if (err == SW_ETIMEOUT)
		err = SW_EUNAVAILABLE;
	put_error(context, req, err, standard_message(err), res);
}

enum sw_err
dashboard_path_switch(const struct visit *visit, const char **device, const char **component)
{
	*device = visit->segments[0];
	*component = visit->segments[1];
	if (*device == NULL || *component == NULL || !url_id_is_valid(*device) ||
	    !url_id_is_valid(*component))
		return SW_ENOTFOUND;
	return SW_OK;
}

void
dashboard_wake(struct visit *visit, const char *installation_id)
{
	publish_add_page(&visit->app->publish, installation_id);
	publish_add_work(&visit->app->publish);
}

static enum sw_err
load_session(struct visit *visit)
{
	enum sw_err err =
	    session_load(visit->app->db, &visit->app->config, visit->req, &visit->session);

	visit->signed_in = err == SW_OK;
	if (visit->signed_in && visit->session.who.renewed)
		session_renew_cookie(visit->res, &visit->app->config, visit->req);
	return err;
}

/* The members of a JSON object as fields; all of them text, for a form has nothing else. */
static enum sw_err
fields_from_json(const struct request *req, struct url_query *out)
{
	json_t *body = NULL;
	struct url_pair *pairs;
	enum sw_err err = jsonx_load(req->body, req->body_length, &body);
	const char *key;
	json_t *value;

	if (err == SW_OK && !json_is_object(body))
		err = SW_EINPUT;
	if (err != SW_OK) {
		json_decref(body);
		return err;
	}
	pairs = arena_alloc(req->arena, json_object_size(body) * sizeof(*pairs));
	out->pairs = pairs;
	if (pairs == NULL)
		err = SW_ENOMEM;
	json_object_foreach(body, key, value)
	{
		if (err == SW_OK && !json_is_string(value))
			err = SW_EINPUT;
		if (err != SW_OK)
			break;
		pairs[out->count].name = arena_strdup(req->arena, key);
		pairs[out->count].value = arena_strdup(req->arena, json_string_value(value));
		if (pairs[out->count].name == NULL || pairs[out->count].value == NULL)
			err = SW_ENOMEM;
		else
			out->count++;
	}
	json_decref(body);
	return err;
}

/* A page sends a form; a program may send the same fields as JSON. */
static enum sw_err
read_fields(struct visit *visit)
{
	if (visit->req->body_length == 0)
		return SW_OK;
	if (request_is_media(visit->req, "application/json"))
		return fields_from_json(visit->req, &visit->form);
	return request_parse_form(visit->req, &visit->form);
}

static enum sw_err
check_token(struct visit *visit, enum gate gate)
{
	bool twice = false;
	const char *token = request_header(visit->req, "HTTP_X_CSRF_TOKEN", &twice);

	if (token == NULL && !twice && gate == GATE_FORM)
		token = url_query_get(&visit->form, "csrf", NULL);
	return session_check_csrf(&visit->session, token) ? SW_OK : SW_EFORBIDDEN;
}

/* Who, then whether they may, then whether what they sent makes sense. */
static enum sw_err
pass_gate(struct visit *visit, enum gate gate)
{
	enum sw_err form_err = SW_OK;
	enum sw_err err;

	if (gate == GATE_OPEN)
		return SW_OK;
	err = load_session(visit);
	if (err == SW_EAUTH && gate == GATE_GUEST)
		return SW_OK;
	if (err != SW_OK || gate == GATE_GUEST || gate == GATE_SESSION)
		return err;
	if (gate == GATE_FORM)
		form_err = read_fields(visit);
	err = check_token(visit, gate);
	return err != SW_OK ? err : form_err;
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at =
	    c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* One segment, percent-decoded once (RFC 3986 2.1); NULL for a broken escape or a NUL. */
static const char *
decode_segment(struct arena *arena, const char *text, size_t length)
{
	char *out = arena_alloc(arena, length + 1);
	size_t used = 0;

	for (size_t i = 0; out != NULL && i < length; i++) {
		int high;
		int low;

		out[used] = text[i];
		if (text[i] == '%') {
			high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
			low = i + 2 < length ? hex_digit(text[i + 2]) : -1;
			if (high < 0 || low < 0 || high + low == 0)
				return NULL;
			out[used] = (char)(high * 16 + low);
			i += 2;
		}
		used++;
	}
	return out;
}

/* Does the pattern fit the path?  Fills the variable segments. */
static bool
route_fits(const char *pattern, const struct request *req, const char *segments[static 2])
{
	const char *path = req->path;
	size_t count = 0;

	for (; *pattern != '\0'; pattern++) {
		size_t length;

		if (*pattern != '*') {
			if (*path++ != *pattern)
				return false;
			continue;
		}
		length = strcspn(path, "/");
		if (length == 0)
			return false;
		segments[count++] = decode_segment(req->arena, path, length);
		path += length;
	}
	return *path == '\0';
}

static enum sw_err
run_route(const struct route *route, struct visit *visit)
{
	enum sw_err err = pass_gate(visit, route->gate);

	return err == SW_OK ? route->handle(visit) : err;
}

/* The path is known, but not with this method (RFC 9110 15.5.6). */
static enum sw_err
refuse_method(struct visit *visit, bool get, bool post)
{
	enum sw_err err = dashboard_refuse(visit, SW_EMETHOD, standard_message(SW_EMETHOD));

	response_add_header(visit->res, "Allow",
	    get && post ? "GET, HEAD, POST"
	    : get       ? "GET, HEAD"
			: "POST");
	return err;
}

static enum sw_err
on_request(void *context, const struct request *req, struct response *res)
{
	struct visit visit = {.app = context, .req = req, .res = res};
	enum request_method method = req->method == REQUEST_HEAD ? REQUEST_GET : req->method;
	bool get = false;
	bool post = false;

	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (!route_fits(routes[i].path, req, visit.segments))
			continue;
		if (routes[i].method == method)
			return run_route(&routes[i], &visit);
		get = get || routes[i].method == REQUEST_GET;
		post = post || routes[i].method == REQUEST_POST;
	}
	if (get || post)
		return refuse_method(&visit, get, post);
	return SW_ENOTFOUND;
}

/* The visitor has their reply: now the others may hear of it. */
static void
after_reply(void *context)
{
	struct dashboard *app = context;

	db_check_idle(app->db);
	serve_set_timeout(publish_run(&app->publish));
	serve_set_timeout(page_cache_drop_old(&app->pages, clock_monotonic_ms()));
}

static int
on_idle(void *context)
{
	struct dashboard *app = context;

	serve_set_timeout(page_cache_drop_old(&app->pages, clock_monotonic_ms()));
	return publish_run(&app->publish);
}

int
main(void)
{
	struct dashboard app = {0};
	struct serve_conf conf = {
	    .program = "dashboard",
	    .body_limit = BODY_LIMIT,
	    .recycle_after = RECYCLE_AFTER,
	    .handle = on_request,
	    .fail = on_fail,
	    .after = after_reply,
	    .idle = on_idle,
	    .context = &app,
	};
	int status;

	config_load_or_exit(
	    &app.config, CONFIG_DATABASE | CONFIG_PUBLIC | CONFIG_BUDGET, conf.program);
	if (db_new(app.config.database_url, conf.program, STATEMENT_TIMEOUT_MS, &app.db) != SW_OK) {
		config_clear(&app.config);
		return CONFIG_EXIT_STATUS;
	}
	publish_init(&app.publish, app.db);
	status = serve_run(&conf);
	page_cache_clear(&app.pages);
	publish_clear(&app.publish);
	db_free(app.db);
	config_clear(&app.config);
	return status;
}
