/* Errors as a page or as JSON, and the message for each. */
#include "web/error_reply.h"

#include <string.h>

#include "web/page_layout.h"

static bool
has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* JSON for requests to the API, with the API's CSRF header, or that accept JSON and not HTML. */
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
		return "Its security token is old, or the request came from another site. "
		       "Open the page again and repeat what you did.";
	case SW_ENOTFOUND:
		return "It does not exist, or it belongs to somebody else.";
	case SW_EMETHOD:
		return "This address does not accept this kind of request.";
	case SW_ETOOLARGE:
		return "The request is too large.";
	case SW_EMEDIA:
		return "The request has a content type that this address does not accept.";
	case SW_ELOCKED:
		return "Something else is being done with this location right now, and nothing was "
		       "changed: try again in a few seconds.";
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
