/*
 * One request, read from the FastCGI parameters.  What it hides: that nginx passes headers as
 * NAME=value strings that are freed with the connection, and passes a repeated header as a repeated
 * name.
 */
#include "net/request.h"

#include <string.h>
#include <strings.h>

#include "formats/base64.h"

/* Of a UUID: what is no longer is an id. */
#define LOGGED_WORD_MAX 36

static const char *const methods[REQUEST_METHOD__MAX] = {
    [REQUEST_GET] = "GET",
    [REQUEST_HEAD] = "HEAD",
    [REQUEST_POST] = "POST",
};

static enum request_method
method_parse(const char *text)
{
	for (int i = 0; i < REQUEST_OTHER; i++) {
		if (strcmp(methods[i], text) == 0)
			return (enum request_method)i;
	}
	return REQUEST_OTHER;
}

static size_t
envp_count(char *const *envp)
{
	size_t count = 0;

	while (envp != NULL && envp[count] != NULL)
		count++;
	return count;
}

static enum sw_err
params_copy(struct request *request, char *const *envp)
{
	size_t count = envp_count(envp);
	struct request_param *params = arena_alloc(request->arena, count * sizeof(*params));

	if (params == NULL)
		return SW_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		char *copy = arena_strdup(request->arena, envp[i]);
		char *equals;

		if (copy == NULL)
			return SW_ENOMEM;
		equals = strchr(copy, '=');
		if (equals == NULL)
			continue;
		*equals = '\0';
		params[request->param_count].name = copy;
		params[request->param_count].value = equals + 1;
		request->param_count++;
	}
	request->params = params;
	return SW_OK;
}

/* The first value of a parameter, "" when absent: for those that nginx sets once itself. */
static const char *
param_first(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->param_count; i++) {
		if (strcmp(request->params[i].name, name) == 0)
			return request->params[i].value;
	}
	return "";
}

static enum sw_err
uri_split(struct request *request)
{
	const char *question = strchr(request->uri, '?');

	request->query = "";
	request->path = request->uri;
	if (question == NULL)
		return SW_OK;
	request->query = question + 1;
	request->path =
	    arena_strndup(request->arena, request->uri, (size_t)(question - request->uri));
	return request->path == NULL ? SW_ENOMEM : SW_OK;
}

enum sw_err
request_from_params(struct arena *arena, char *const *envp, struct request *out)
{
	enum sw_err err;

	*out = (struct request){
	    .arena = arena,
	    .method = REQUEST_OTHER,
	    .method_text = "",
	    .uri = "",
	    .path = "",
	    .query = "",
	    .id = "",
	    .content_type = "",
	    .body = "",
	};
	err = params_copy(out, envp);
	if (err != SW_OK)
		return err;
	out->method_text = param_first(out, "REQUEST_METHOD");
	out->method = method_parse(out->method_text);
	out->uri = param_first(out, "REQUEST_URI");
	out->id = param_first(out, "REQUEST_ID");
	out->content_type = param_first(out, "CONTENT_TYPE");
	err = uri_split(out);
	if (err != SW_OK)
		return err;
	return out->method_text[0] == '\0' || out->uri[0] == '\0' ? SW_EINPUT : SW_OK;
}

const char *
request_header(const struct request *request, const char *name, bool *twice)
{
	const char *value = NULL;

	if (twice != NULL)
		*twice = false;
	for (size_t i = 0; i < request->param_count; i++) {
		if (strcmp(request->params[i].name, name) != 0)
			continue;
		if (value != NULL) {
			if (twice != NULL)
				*twice = true;
			return NULL;
		}
		value = request->params[i].value;
	}
	return value;
}

bool
request_is_media(const struct request *request, const char *media_type)
{
	const char *type = request->content_type + strspn(request->content_type, " \t");
	size_t length = strcspn(type, "; \t");

	return length == strlen(media_type) && strncasecmp(type, media_type, length) == 0;
}

/* How many characters of base64url a text begins with. */
static size_t
word_length(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0' && base64url_is_text(text + length, 1))
		length++;
	return length;
}

const char *
request_logged_path(const struct request *request)
{
	const char *in = request->path;
	char *path, *out;

	if (strlen(in) <= LOGGED_WORD_MAX)
		return in;
	path = out = arena_strdup(request->arena, in);
	if (path == NULL)
		return "*";
	while (*in != '\0') {
		size_t length = word_length(in);

		if (length > LOGGED_WORD_MAX) {
			*out++ = '*';
		} else {
			length = length > 0 ? length : 1;
			memcpy(out, in, length);
			out += length;
		}
		in += length;
	}
	*out = '\0';
	return path;
}

enum sw_err
request_parse_query(const struct request *request, struct url_query *out)
{
	return url_query_parse(request->arena, request->query, strlen(request->query), out);
}

enum sw_err
request_parse_form(const struct request *request, struct url_query *out)
{
	*out = (struct url_query){0};
	if (!request_is_media(request, "application/x-www-form-urlencoded"))
		return SW_EMEDIA;
	return url_query_parse(request->arena, request->body, request->body_length, out);
}
