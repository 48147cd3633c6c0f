#ifndef SWITCHBOARD_WEB_ROUTE_H
#define SWITCHBOARD_WEB_ROUTE_H

#include <stddef.h>
#include "base/err.h"
#include "web/request_context.h"

/* What a route requires of whoever sends the request, checked before its handler runs. */
enum required_access {
	ACCESS_OPEN,    /* nothing */
	ACCESS_GUEST,   /* nothing, but who is signed in is looked up */
	ACCESS_SESSION, /* to be signed in */
	ACCESS_HEADER,  /* and to show the CSRF token in X-CSRF-Token */
	ACCESS_FORM,    /* or in the form's field "csrf" */
};

typedef enum sw_err route_handler(struct request_context *context);

struct route {
	enum request_method method;
	const char *path; /* "*" stands for one segment */
	enum required_access access;
	route_handler *handle;
};

/* A program's routes.  "head": HEAD goes where GET goes, where GET changes nothing. */
struct route_table {
	const struct route *routes;
	size_t count;
	bool head;
};

/*
 * Answer a request by the handler of its route.  SW_ENOTFOUND: no route has this path.
 * SW_EMETHOD: one has, but not with this method; "*allowed" then is the value for the header Allow
 * (RFC 9110 15.5.6).  SW_EAUTH: not signed in; SW_EFORBIDDEN: no or a wrong CSRF token.  Else what
 * the handler returns.
 */
SW_MUSTCHECK enum sw_err
route_run(const struct route_table *table, struct request_context *context, const char **allowed);

#endif
