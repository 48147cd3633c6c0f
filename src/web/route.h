#ifndef SWITCHBOARD_WEB_ROUTE_H
#define SWITCHBOARD_WEB_ROUTE_H

#include <stddef.h>

#include "base/err.h"
#include "web/request_context.h"

/* What a route requires of a request, checked before its handler runs. */
enum required_access {
	ACCESS_OPEN,    /* nothing */
	ACCESS_GUEST,   /* nothing; the session is looked up when there is a cookie */
	ACCESS_SESSION, /* a session */
	ACCESS_HEADER,  /* a session, and its CSRF token in the header X-CSRF-Token */
	ACCESS_FORM,    /* the same, or the token in the form's field "csrf" */
};

typedef enum sw_err route_handler(struct request_context *context);

struct route {
	enum request_method method;
	const char *path; /* "*" stands for one segment */
	enum required_access access;
	route_handler *handle;
};

/* A program's routes.  "head": HEAD is handled as GET; false where a GET changes something. */
struct route_table {
	const struct route *routes;
	size_t count;
	bool head;
};

/*
 * Run the handler of the request's route.  SW_ENOTFOUND: no route has this path.
 * SW_EMETHOD: one has, but not with this method; "*allowed" then is the value for the header Allow
 * (RFC 9110 15.5.6).  SW_EAUTH: not signed in; SW_EFORBIDDEN: no or a wrong CSRF token.  Else what
 * the handler returns.
 */
SW_MUSTCHECK enum sw_err
route_run(const struct route_table *table, struct request_context *context, const char **allowed);

#endif
