/*
 * The buffered HTTP reply.  What it hides: that headers are copies on the heap, which headers would
 * split the reply and are refused (RFC 9110 5.5), and which headers every page and every JSON reply
 * has.
 */
#include "net/response.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "formats/json.h"

#define HEADER_VALUE_MAX 4096

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'";

static void
header_drop(struct response *response, size_t index)
{
	secret_free_text(response->headers[index].value);
	response->header_count--;
	memmove(&response->headers[index], &response->headers[index + 1],
	    (response->header_count - index) * sizeof(response->headers[0]));
	memset(&response->headers[response->header_count], 0, sizeof(response->headers[0]));
}

/* Drop the headers of this name, or with "others" all headers of other names. */
static void
headers_drop(struct response *response, const char *name, bool others)
{
	for (size_t i = response->header_count; i-- > 0;) {
		if ((strcmp(response->headers[i].name, name) == 0) != others)
			header_drop(response, i);
	}
}

static void
header_replace(struct response *response, const char *name, const char *value)
{
	headers_drop(response, name, false);
	response_add_header(response, name, value);
}

void
response_init(struct response *response)
{
	memset(response, 0, sizeof(*response));
	response->status = 200;
	sbuf_init(&response->body, 0);
}

void
response_clear(struct response *response)
{
	if (response == NULL)
		return;
	while (response->header_count > 0)
		header_drop(response, response->header_count - 1);
	sbuf_clear(&response->body);
	memset(response, 0, sizeof(*response));
}

void
response_reset(struct response *response)
{
	while (response->header_count > 0)
		header_drop(response, response->header_count - 1);
	sbuf_reset(&response->body);
	response->status = 200;
	response->failed = false;
	response->deferred = false;
	response->awaited = NULL;
	response->again_ms = 0;
}

static bool
header_value_is_safe(const char *value)
{
	return strlen(value) <= HEADER_VALUE_MAX && strpbrk(value, "\r\n") == NULL;
}

void
response_add_header(struct response *response, const char *name, const char *value)
{
	char *copy;

	if (value == NULL || !header_value_is_safe(value) ||
	    response->header_count >= RESPONSE_HEADERS_MAX) {
		response->failed = true;
		return;
	}
	copy = strdup(value);
	if (copy == NULL) {
		response->failed = true;
		return;
	}
	response->headers[response->header_count].name = name;
	response->headers[response->header_count].value = copy;
	response->header_count++;
}

void
response_redirect(struct response *response, int status, const char *location)
{
	headers_drop(response, "Set-Cookie", true);
	sbuf_reset(&response->body);
	response->status = status;
	response_add_header(response, "Location", location);
	response_add_header(response, "Cache-Control", "no-store");
}

void
response_put_json(struct response *response, int status, json_t *value)
{
	sbuf_reset(&response->body);
	response->status = status;
	header_replace(response, "Content-Type", "application/json");
	header_replace(response, "Cache-Control", "no-store");
	header_replace(response, "X-Content-Type-Options", "nosniff");
	if (value == NULL) {
		response->failed = true;
		return;
	}
	jsonx_put(&response->body, value);
	json_decref(value);
	if (sbuf_failed(&response->body))
		response->failed = true;
}

void
response_put_error(struct response *response, enum sw_err err, const char *message)
{
	int status = err_http_status(err);

	response_put_json(response, status,
	    json_pack("{s:{s:s,s:s}}", "error", "code", err_name(err), "message", message));
	if (status == 503)
		header_replace(response, "Retry-After", "5");
}

void
response_begin_page(struct response *response, int status, bool https)
{
	sbuf_reset(&response->body);
	response->status = status;
	header_replace(response, "Content-Type", "text/html; charset=utf-8");
	header_replace(response, "Cache-Control", "no-store");
	header_replace(response, "Content-Security-Policy", page_policy);
	header_replace(response, "X-Content-Type-Options", "nosniff");
	header_replace(response, "Referrer-Policy", "same-origin");
	if (https)
		header_replace(response, "Strict-Transport-Security", "max-age=31536000");
}
