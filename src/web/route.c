/* From a request to its handler: path, method, required access. */
#include "web/route.h"

#include <string.h>

#include "formats/json.h"

static enum sw_err
load_session(struct request_context *context)
{
	enum sw_err err = session_load(
	    context->program->db, &context->program->config, context->req, &context->session);

	context->signed_in = err == SW_OK;
	if (context->signed_in && context->session.who.renewed)
		session_renew_cookie(context->res, &context->program->config, context->req);
	return err;
}

/* The members of a JSON object as fields; SW_EINPUT for a value that is no text, as forms have
 * none. */
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

/* A form, or the same fields as JSON. */
static enum sw_err
read_fields(struct request_context *context)
{
	if (context->req->body_length == 0)
		return SW_OK;
	if (request_is_media(context->req, "application/json"))
		return fields_from_json(context->req, &context->form);
	return request_parse_form(context->req, &context->form);
}

static enum sw_err
check_token(struct request_context *context, enum required_access access)
{
	bool twice = false;
	const char *token = request_header(context->req, "HTTP_X_CSRF_TOKEN", &twice);

	if (token == NULL && !twice && access == ACCESS_FORM)
		token = url_query_get(&context->form, "csrf", NULL);
	return session_check_csrf(&context->session, token) ? SW_OK : SW_EFORBIDDEN;
}

/* The session, then the CSRF token; only then an error of the form is reported. */
static enum sw_err
check_access(struct request_context *context, enum required_access access)
{
	enum sw_err form_err = SW_OK;
	enum sw_err err;

	if (access == ACCESS_OPEN)
		return SW_OK;
	err = load_session(context);
	if (err == SW_EAUTH && access == ACCESS_GUEST)
		return SW_OK;
	if (err != SW_OK || access == ACCESS_GUEST || access == ACCESS_SESSION)
		return err;
	if (access == ACCESS_FORM)
		form_err = read_fields(context);
	err = check_token(context, access);
	return err != SW_OK ? err : form_err;
}

/* Does the pattern match the path?  Fills the variable segments. */
static bool
route_matches(const char *pattern, const struct request *req, const char *segments[static 2])
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
		segments[count++] = url_decode(req->arena, path, length);
		path += length;
	}
	return *path == '\0';
}

static enum sw_err
run(const struct route *route, struct request_context *context)
{
	enum sw_err err = check_access(context, route->access);

	return err == SW_OK ? route->handle(context) : err;
}

static const char *
allowed_methods(bool get, bool post, bool head)
{
	if (get && head)
		return post ? "GET, HEAD, POST" : "GET, HEAD";
	if (get)
		return post ? "GET, POST" : "GET";
	return "POST";
}

enum sw_err
route_run(const struct route_table *table, struct request_context *context, const char **allowed)
{
	enum request_method method = context->req->method;
	bool get = false;
	bool post = false;

	if (table->head && method == REQUEST_HEAD)
		method = REQUEST_GET;
	for (size_t i = 0; i < table->count; i++) {
		const struct route *route = &table->routes[i];

		if (!route_matches(route->path, context->req, context->segments))
			continue;
		if (route->method == method)
			return run(route, context);
		get = get || route->method == REQUEST_GET;
		post = post || route->method == REQUEST_POST;
	}
	if (!get && !post)
		return SW_ENOTFOUND;
	*allowed = allowed_methods(get, post, table->head);
	return SW_EMETHOD;
}
