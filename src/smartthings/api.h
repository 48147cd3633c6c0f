#ifndef SWITCHBOARD_SMARTTHINGS_API_H
#define SWITCHBOARD_SMARTTHINGS_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"
#include "formats/url.h"
#include "net/client_message.h"

/*
 * The calls of the SmartThings API that are made (platform.md "REST calls used"): where each goes,
 * how long it may take, and what an answer means.  No I/O: requests are for client_pool_start(),
 * answers come from its callback.
 */
enum platform_call {
	PLATFORM_GET_INSTALLED_APP,
	PLATFORM_DELETE_INSTALLED_APP,
	PLATFORM_GET_LOCATION,
	PLATFORM_GET_ROOMS,
	PLATFORM_GET_DEVICES,
	PLATFORM_GET_DEVICE_STATUS,
	PLATFORM_POST_COMMANDS,
	PLATFORM_GET_SUBSCRIPTIONS,
	PLATFORM_POST_SUBSCRIPTION,
	PLATFORM_DELETE_SUBSCRIPTION,
	PLATFORM_POST_TOKEN,
	PLATFORM_CONFIRM,
	PLATFORM_CALL__MAX
};

/* Method and path with ids left out, for counting and logs: "POST /devices/{id}/commands". */
const char *platform_endpoint(enum platform_call call);

/*
 * The URL of a call.  "api_url" has no slash at its end and may or may not end in /v1, which
 * PLATFORM_GET_DEVICES goes without: a list with status belongs to a dated version that its Accept
 * names (platform.md "Device lists").  "id" stands in the path (or is the locationId of
 * PLATFORM_GET_DEVICES), "second_id" is the subscription of PLATFORM_DELETE_SUBSCRIPTION.  Both are
 * percent-encoded; NULL counts as "".  Not for PLATFORM_CONFIRM, whose URL the platform gives.
 */
void platform_put_url(struct sbuf *buf, const char *api_url, enum platform_call call,
    const char *id, const char *second_id);

/* Method, headers and limits of a call; URL, credentials and body are left to the caller. */
void platform_prepare(enum platform_call call, struct client_request *out);

/* Has the platform's link of a confirmation the API's own origin (RFC 6454 4)? */
bool platform_is_own_link(const struct url_parts *api, const char *url);

/*
 * The URL of the next page of a list, whose first had that "call" and "id", from the platform's
 * link "href": the version in its path is that of platform_put_url(), and parameters of ours that
 * it lacks are added.  "api" is "api_url" as url_split() gives it.
 * SW_EUPSTREAM: the link leads to another origin, or is none.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err platform_put_next_url(struct sbuf *buf, const char *api_url,
    const struct url_parts *api, enum platform_call call, const char *id, const char *href);

/* _links.next.href of a list, in the arena; NULL at its last page.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err
platform_next_link(struct arena *arena, const json_t *list, const char **next);

/*
 * The error code in a reply: "error" of the token endpoint (RFC 6749 5.2), "error.code" of the
 * other services; "" when there is none.  Borrowed from the reply.
 */
const char *platform_error_code(const json_t *reply);

#define PLATFORM_CODE_MAX 64
#define PLATFORM_MESSAGE_MAX 200

/* How a call ended. */
struct platform_outcome {
	enum sw_err err;
	int64_t delay_ms; /* with SW_ELIMIT: do not call before this has passed; else -1 */
	char code[PLATFORM_CODE_MAX];       /* the platform's error code, "" when it gave none */
	char message[PLATFORM_MESSAGE_MAX]; /* its message, for logs */
};

/*
 * Classify the end of a transfer ("err" and reply of client_done).
 * SW_OK: 2xx.  SW_EAUTH: 401.  SW_EFORBIDDEN: 403.  SW_ENOTFOUND: 404, 410.  SW_ECONFLICT: 409.
 * SW_ELIMIT: 429.  SW_EINPUT: any other 4xx.  SW_ETIMEOUT: no answer in time, 408.
 * SW_EUPSTREAM: 5xx, a redirect, an answer that is too large.  SW_EUNAVAILABLE: no connection,
 * or it was cut.  SW_ENOMEM.
 * delay_ms is the longest of Retry-After, X-RateLimit-Reset and "retry in N millis" in the
 * message, at most an hour and 5 s when none is there.  The unit of X-RateLimit-Reset is
 * uncertain (platform.md "Errors"): it is read as seconds or milliseconds, whichever is closer to
 * the other two hints; without them as seconds when that is within 15 minutes.
 */
void
platform_classify(enum sw_err err, const struct client_reply *reply, struct platform_outcome *out);

#endif
