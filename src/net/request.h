#ifndef SWITCHBOARD_NET_REQUEST_H
#define SWITCHBOARD_NET_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "formats/url_query.h"

/*
 * One HTTP request as nginx passes it (FastCGI parameters), copied into the request's arena, so
 * that handlers need no libfcgi.
 */
enum request_method {
	REQUEST_GET,
	REQUEST_HEAD,
	REQUEST_POST,
	REQUEST_OTHER,
	REQUEST_METHOD__MAX
};

struct request_param {
	const char *name; /* FastCGI name: HTTP_AUTHORIZATION, … */
	const char *value;
};

struct request {
	struct arena *arena;
	enum request_method method;
	const char *method_text;  /* as sent */
	const char *uri;          /* REQUEST_URI: raw, with the query */
	const char *path;         /* the part before "?", raw (not decoded) */
	const char *query;        /* the part after it, "" when none */
	const char *id;           /* REQUEST_ID of nginx */
	const char *content_type; /* "" when none */
	const char *body;         /* exactly body_length bytes, then a NUL */
	size_t body_length;
	int64_t started_ms; /* monotonic: when it was accepted */
	size_t param_count;
	const struct request_param *params;
};

/*
 * Fill "*out" from FastCGI parameters ("NAME=value", NULL at the end), all copied into the arena;
 * the body is left empty for serve.c (or a test) to set.  SW_EINPUT: no REQUEST_METHOD or
 * REQUEST_URI (a request cut short); "*out" can be read all the same.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
request_from_params(struct arena *arena, char *const *envp, struct request *out);

/*
 * The value of a header by its FastCGI name ("HTTP_DIGEST"), NULL when
 * absent.  A header sent twice gives NULL and sets *twice (may be NULL).
 */
const char *request_header(const struct request *request, const char *name, bool *twice);

/* Is the body's media type this one (parameters such as charset ignored, case-insensitive)? */
bool request_is_media(const struct request *request, const char *media_type);

/*
 * The path for a log.  Whatever in it is longer than a UUID, in characters of base64url, is "*": it
 * may be one of our random words (/join/{code}), cut short or with something behind it.  In the
 * request's arena, or "*" when that is exhausted.
 */
const char *request_logged_path(const struct request *request);

/* Query string, parsed on demand.  Errors as url_query_parse(). */
SW_MUSTCHECK enum sw_err request_parse_query(const struct request *request, struct url_query *out);

/*
 * Form body.  SW_EMEDIA unless application/x-www-form-urlencoded; else as
 * url_query_parse().
 */
SW_MUSTCHECK enum sw_err request_parse_form(const struct request *request, struct url_query *out);

#endif
