#ifndef SWITCHBOARD_NET_CLIENT_MESSAGE_H
#define SWITCHBOARD_NET_CLIENT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/sbuf.h"

/* An outbound HTTP request and its reply, for client.h and client_pool.h. */

enum client_method {
	CLIENT_GET,
	CLIENT_POST,
	CLIENT_DELETE,
	CLIENT_METHOD__MAX
};

struct client_request {
	enum client_method method;
	const char *url;
	const char *bearer;     /* Authorization: Bearer …, or NULL */
	const char *basic_user; /* HTTP Basic, or NULL */
	const char *basic_password;
	const char *content_type; /* of the body, or NULL */
	const char *accept;       /* or NULL */
	const char *body;         /* or NULL */
	size_t body_length;
	long connect_timeout_ms; /* 0 = 3000 */
	long timeout_ms;         /* whole transfer; 0 = 10000 */
	size_t response_limit;   /* bytes of body accepted; 0 = 4 MB */
};

struct client_reply {
	int status;             /* 0 when there was none */
	struct sbuf body;       /* secret: may hold tokens */
	int64_t retry_after_ms; /* Retry-After (seconds or date), -1 when absent */
	int64_t
	    limit_reset_ms; /* X-RateLimit-Reset as sent, in no documented unit; -1 when absent */
	int64_t limit_remaining; /* X-RateLimit-Remaining, -1 when absent */
	bool sent; /* at least part of the request was sent: the server may have acted on it */
	int64_t elapsed_ms;
};

/* Cleanse and free what a reply holds; an all-zero struct is fine. */
void client_reply_clear(struct client_reply *reply);

#endif
