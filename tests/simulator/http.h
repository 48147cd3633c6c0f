#ifndef SIMULATOR_HTTP_H
#define SIMULATOR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <microhttpd.h>

#include "text.h"

/*
 * One request and its answer.  Handlers read the upper half and call
 * one answer_...() function; everything they are given is borrowed.
 */
struct exchange;
typedef void handler_fn(struct exchange *x);

enum route_kind {
	ROUTE_API,     /* called by the app: counted, faults and rate limits apply */
	ROUTE_BROWSER, /* pages for people: faults apply */
	ROUTE_KEY,     /* the key server */
	ROUTE_CONTROL, /* the control API */
};

/* Published limits; one bucket per class and installed app (or device). */
enum limit_class {
	LIMIT_NONE,
	LIMIT_SUBSCRIPTION_CREATE,
	LIMIT_SUBSCRIPTION_OTHER,
	LIMIT_ROOMS,
	LIMIT_INSTALLED_APPS,
	LIMIT_LOCATIONS,
	LIMIT_DEVICE,
	LIMIT__MAX
};

struct route {
	const char *method;
	const char *pattern; /* "{id}" stands for one segment, a last "*" for any rest */
	handler_fn *handler;
	enum route_kind kind;
	const char *scope; /* API: NULL needs no token, "" any token, else this scope */
	enum limit_class limit;
};

/* What a fault does to one call. */
enum fault_action {
	FAULT_NONE,
	FAULT_STATUS, /* another status */
	FAULT_HANG,   /* no answer until the client gives up */
	FAULT_SLOW,   /* the answer comes late */
	FAULT_CUT,    /* the connection ends without an answer */
};

struct fault {
	enum fault_action action;
	int status;
	int retry_after; /* seconds, -1 none */
	int64_t delay_ms;
	bool after_effect; /* the call is carried out, only its answer is replaced or lost */
};

#define EXCHANGE_IDS 3
#define EXCHANGE_HEADERS 8

struct exchange {
	/* the request */
	struct MHD_Connection *connection;
	char *method;
	const char *protocol; /* "HTTP/1.1" */
	char *path;           /* raw, without "/v1" and without the query */
	char *query;          /* raw, may be "" */
	bool versioned;       /* came with "/v1" */
	struct text body;
	json_t *json; /* the body, when it is JSON; else NULL */
	const struct route *route;
	char *ids[EXCHANGE_IDS]; /* what stood for "{id}" and "*" */
	json_t *token;           /* API calls: who calls, see state.h */
	char *installed_app_id;  /* for the log of calls; NULL unknown */

	/* the answer */
	int status;
	char *reply;
	size_t reply_length;
	const char *reply_type;
	char *headers[EXCHANGE_HEADERS][2];
	size_t header_count;

	/* progress; only http.c uses these */
	struct exchange *next, *previous;
	bool started, received, fault_drawn, handled, cut, suspended, hung, recorded;
	uint64_t timer;
	struct fault fault;
};

/*
 * Listen on 127.0.0.1:port; a busy port is one line and exit 1.  "url", when not NULL, is where a
 * server in front of this one listens.
 */
void http_open(int port, const char *url);
/* End all exchanges without an answer, and stop listening. */
void http_close(void);
/* That address, else http://127.0.0.1:PORT. */
const char *http_base(void);

/* The descriptor that the loop polls. */
int http_descriptor(void);
/* Handle what the descriptor announced. */
void http_run(void);
/* How long the loop may sleep, at most 60 s. */
int64_t http_timeout_ms(void);

/* A header of the request; borrowed, NULL when missing. */
const char *request_header(const struct exchange *x, const char *name);
/* A field of the query; the caller's, NULL when missing. */
char *request_query(const struct exchange *x, const char *name);
/* A field of the form in the body; the caller's, NULL when missing. */
char *request_form(const struct exchange *x, const char *name);
/* Whether a field of the query is "true". */
bool request_query_is_true(const struct exchange *x, const char *name);
/*
 * Does the Accept header name a version that the API has, or none?  *dated: it names the dated one,
 * which then counts, whatever version is in the path.
 */
bool request_accepts(const struct exchange *x, bool *dated);

/* Answers.  "json" is stolen. */
void answer_json(struct exchange *x, int status, json_t *json);
/* {"requestId","error":{"code","message","details":[]}} with the usual code of that status. */
void answer_error(struct exchange *x, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A body of any type. */
void answer_text(struct exchange *x, int status, const char *type, const char *text);
/* Steals what text holds. */
void answer_page(struct exchange *x, int status, struct text *page);
/* No body, and a Location. */
void answer_redirect(struct exchange *x, int status, const char *url);
/* One more header; at most EXCHANGE_HEADERS. */
void answer_header(struct exchange *x, const char *name, const char *value);
/*
 * The handler answers later: it calls one of the above, then answer_ready().
 * "x" stays valid until then.
 */
void answer_later(struct exchange *x);
/* The answer of an exchange after answer_later() is there. */
void answer_ready(struct exchange *x);
/* Never answer; the exchange ends when the client closes the connection. */
void answer_never(struct exchange *x);

/* Find the route (route.c); without one 404 or 405 is answered. */
void route_find(struct exchange *x);
/* Check token, scope, limit and origin of the request, then call the handler. */
void route_run(struct exchange *x);

#endif
