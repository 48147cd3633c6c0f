#ifndef SWITCHBOARD_NET_RESPONSE_H
#define SWITCHBOARD_NET_RESPONSE_H

#include <stdbool.h>
#include <jansson.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"

/*
 * One HTTP reply, buffered whole and sent once, so that an error at any point still gets its own
 * status.  The loop in serve.c owns the struct, which is empty (status 200, no body) when the
 * handler is called.
 */
#define RESPONSE_HEADERS_MAX 16

struct response {
	int status;
	size_t header_count;
	struct {
		const char *name;
		char *value; /* heap */
	} headers[RESPONSE_HEADERS_MAX];
	struct sbuf body;
	bool failed;   /* a header was refused or memory ran out: a 500 is sent instead */
	bool deferred; /* to be filled in by the batch commit: serve.h */
	/* What the request waits for before its handler is called again: serve.h; NULL: nothing. */
	const void *awaited;
	int again_ms; /* or: its handler is called again after so many ms; 0: not */
};

/* An all-zero struct is NOT ready: init sets status 200. */
void response_init(struct response *response);

/* Free what it holds; an all-zero struct is fine. */
void response_clear(struct response *response);

/* Drop everything set so far; the status is 200 again. */
void response_reset(struct response *response);

/*
 * Add a header.  "name" is a literal of ours.  A value with CR, LF or NUL,
 * or over 4096 bytes, marks the response as failed.
 */
void response_add_header(struct response *response, const char *name, const char *value);

/*
 * A redirect (303, or 302) to a path or URL of ours; replaces everything set before except
 * Set-Cookie headers.
 */
void response_redirect(struct response *response, int status, const char *location);

/*
 * JSON body with its content type and Cache-Control: no-store.  Takes the
 * reference to "value" (even on failure); a NULL value marks failure.
 */
void response_put_json(struct response *response, int status, json_t *value);

/*
 * {"error":{"code","message"}} with err_http_status(err) and code err_name(err).  "message" is a
 * sentence of ours, without data of the request.  503 has Retry-After: 5.
 */
void response_put_error(struct response *response, enum sw_err err, const char *message);

/*
 * Start an HTML page: content type, no-store, and the security headers: a Content-Security-Policy
 * without inline script or style and without any other origin, nosniff, Referrer-Policy:
 * same-origin, HSTS when "https".  The body is then written to response->body with html.h.
 */
void response_begin_page(struct response *response, int status, bool https);

#endif
