#ifndef SWITCHBOARD_WEB_REQUEST_CONTEXT_H
#define SWITCHBOARD_WEB_REQUEST_CONTEXT_H

#include <stdbool.h>

#include "base/err.h"
#include "net/request.h"
#include "net/response.h"
#include "store/session.h"
#include "web/program.h"

/*
 * What a handler gets: the request, the response it fills, and what its route required to be
 * checked before.  A handler fills context->res and returns SW_OK, or returns an error, which its
 * program's "fail" (serve_main.h) answers.
 */
struct request_context {
	struct program *program;
	const struct request *req;
	struct response *res;
	/* Filled in when the route requires a session (and for ACCESS_GUEST, when there is one). */
	struct session session;
	bool signed_in;
	/* The form, parsed, for ACCESS_FORM. */
	struct url_query form;
	/* The path's variable segments, percent-decoded once; NULL when that is not possible. */
	const char *segments[2];
};

/*
 * Answer with an error and a message of its own: a page or JSON (error_reply.h).
 * Returns SW_OK, so that a handler can end with it.
 */
SW_MUSTCHECK enum sw_err
request_context_refuse(struct request_context *context, enum sw_err err, const char *message);

/*
 * The device and component that the path names.  SW_ENOTFOUND when one of them cannot be an id: the
 * same answer as for another user's device.
 */
SW_MUSTCHECK enum sw_err request_context_path_switch(
    const struct request_context *context, const char **device, const char **component);

/*
 * The UUID in a field of the form, which names something of this person.  SW_EINPUT: there is no
 * such field.  SW_ENOTFOUND when it is no UUID: the same answer as for another person's.
 */
SW_MUSTCHECK enum sw_err request_context_form_uuid(
    const struct request_context *context, const char *field, const char **id);

/* A command was stored or a location is removed: notify streamer and worker once the reply is
 * sent. */
void request_context_notify(struct request_context *context, const char *installation_id);

#endif
