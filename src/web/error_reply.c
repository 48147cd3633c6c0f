/*
 * Errors as people and programs get them.
 */
#include "web/error_reply.h"

#include <string.h>

#include "web/page_layout.h"

static bool
has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Programs get JSON: those that call the API, show the header of one, or ask for it. */
static bool
wants_json(const struct request *req)
{
	const char *accept = request_header(req, "HTTP_ACCEPT", NULL);

	if (has_prefix(req->path, "/api/") || strcmp(req->path, "/healthz") == 0 ||
	    strcmp(req->path, "/metrics") == 0 ||
	    request_header(req, "HTTP_X_CSRF_TOKEN", NULL) != NULL)
		return true;
	return accept != NULL && strstr(accept, "application/json") != NULL &&
	       strstr(accept, "text/html") == NULL;
}

static const char *
standard_message(enum sw_err err)
{
	switch (err) {
	case SW_EINPUT:
		return "The request is not one that Switchboard understands.";
	case SW_EAUTH:
		return "You are not signed in.";
	case SW_EFORBIDDEN:
		return "The page was too old for this, or the request came from elsewhere. "
		       "Open the page again and repeat what you did.";
	case SW_ENOTFOUND:
		return "There is no such thing here, or it is not yours.";
	case SW_EMETHOD:
		return "This address does not take such requests.";
	case SW_ETOOLARGE:
		return "The request is too large.";
	case SW_EMEDIA:
		return "The request has another content type than this address takes.";
	case SW_EUNAVAILABLE:
	case SW_ETIMEOUT:
		return "Switchboard cannot reach its database right now. Your switches keep "
		       "working, and nothing is lost: try again in a few seconds.";
	default:
		return "Something went wrong in Switchboard. Its log says more.";
	}
}

void
error_reply_put(const struct config *config, const struct request *req, enum sw_err err,
    const char *message, struct response *res)
{
	if (message == NULL)
		message = standard_message(err);
	if (wants_json(req))
		response_put_error(res, err, message);
	else
		page_put_error(config, err, message, res);
}
