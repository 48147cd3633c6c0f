/* Reading parts of a request and writing answers. */
#include "http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct error_name {
	int status;
	const char *code;
};

static const struct error_name error_names[] = {
    {400, "BadRequestError"},
    {401, "UnauthorizedError"},
    {403, "ForbiddenError"},
    {404, "NotFoundError"},
    {405, "MethodNotAllowedError"},
    {406, "NotAcceptableError"},
    {409, "ConflictError"},
    {422, "ConstraintViolationError"},
    {429, "TooManyRequestsError"},
    {503, "ServiceUnavailableError"},
    {0, "InternalServerError"},
};

const char *
request_header(const struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

char *
request_query(const struct exchange *x, const char *name)
{
	return form_get(x->query, name, 0);
}

char *
request_form(const struct exchange *x, const char *name)
{
	return form_get(x->body.data, name, 0);
}

bool
request_query_is_true(const struct exchange *x, const char *name)
{
	char *value = request_query(x, name);
	bool is_true = value != NULL && strcmp(value, "true") == 0;

	free(value);
	return is_true;
}

/* Is "type" (with its parameters) one that the API has?  *dated becomes true with the dated one. */
static bool
type_is_known(const char *type, bool *dated)
{
	static const char own[] = "application/vnd.smartthings+json";
	static const char *const others[] = {"*/*", "application/*", "application/json"};
	size_t length = strcspn(type, "; ");
	const char *version = strstr(type, "v=");

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strlen(others[i]) == length && strncmp(type, others[i], length) == 0)
			return true;
	}
	if (length != sizeof(own) - 1 || strncmp(type, own, length) != 0)
		return false;
	if (version != NULL && strcmp(version, "v=20170916") == 0)
		*dated = true;
	return version == NULL || strcmp(version, "v=1") == 0 || strcmp(version, "v=20170916") == 0;
}

bool
request_accepts(const struct exchange *x, bool *dated)
{
	const char *at = request_header(x, "Accept");
	bool accepts = at == NULL;

	*dated = false;
	while (at != NULL && *at != '\0') {
		size_t length = strcspn(at, ",");
		char *type = text_format("%.*s", (int)length, at);

		accepts = type_is_known(type, dated) || accepts;
		free(type);
		at += length;
		at += strspn(at, ", ");
	}
	return accepts;
}

static void
answer_take(struct exchange *x, int status, const char *type, char *text)
{
	free(x->reply);
	x->status = status;
	x->reply_type = type;
	x->reply = text;
	x->reply_length = text != NULL ? strlen(text) : 0;
}

void
answer_json(struct exchange *x, int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (text == NULL)
		die("out of memory (answer)");
	json_decref(json);
	answer_take(x, status, "application/json", text);
}

static const char *
error_code(int status)
{
	const struct error_name *name = error_names;

	while (name->status != 0 && name->status != status)
		name++;
	return name->code;
}

void
answer_error(struct exchange *x, int status, const char *format, ...)
{
	json_t *error = json_object();
	json_t *reply = json_object();
	char *request_id = uuid_random();
	char *message = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		die("out of memory");
	va_end(args);
	json_put_text(error, "code", error_code(status));
	json_put_text(error, "message", message);
	json_put(error, "details", json_array());
	json_put_text(reply, "requestId", request_id);
	json_put(reply, "error", error);
	free(message);
	free(request_id);
	answer_json(x, status, reply);
}

void
answer_text(struct exchange *x, int status, const char *type, const char *text)
{
	answer_take(x, status, type, text_copy(text));
}

void
answer_page(struct exchange *x, int status, struct text *page)
{
	answer_take(x, status, "text/html; charset=utf-8", page->data);
	memset(page, 0, sizeof(*page));
	/* No form-action: the consent form ends in a redirect to the app. */
	answer_header(x, "Content-Security-Policy",
	    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
	    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'");
	answer_header(x, "X-Content-Type-Options", "nosniff");
	answer_header(x, "Referrer-Policy", "no-referrer");
	answer_header(x, "Cache-Control", "no-store");
}

void
answer_redirect(struct exchange *x, int status, const char *url)
{
	answer_take(x, status, NULL, NULL);
	answer_header(x, "Location", url);
	answer_header(x, "Cache-Control", "no-store");
}

void
answer_header(struct exchange *x, const char *name, const char *value)
{
	if (x->header_count == EXCHANGE_HEADERS)
		die("too many headers in an answer");
	x->headers[x->header_count][0] = text_copy(name);
	x->headers[x->header_count][1] = text_copy(value);
	x->header_count++;
}
