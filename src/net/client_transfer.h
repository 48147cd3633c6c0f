#ifndef SWITCHBOARD_NET_CLIENT_TRANSFER_H
#define SWITCHBOARD_NET_CLIENT_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "base/err.h"
#include "net/client_message.h"

/*
 * What client.c (one at a time) and client_pool.c (many) share, and nobody
 * else includes: one exchange on one easy handle.
 */

/* One exchange, under way or not; what libcurl borrows lives here until it is over. */
struct transfer {
	CURL *easy;
	struct curl_slist *headers;
	struct client_reply *reply;
	size_t response_limit;
	size_t header_bytes;
	bool once; /* not to be sent again by libcurl */
	bool too_large;
};

/* curl_global_init(), which counts its callers; pair with curl_global_cleanup(). */
bool transfer_open_library(void);

/* Empty the reply for a new exchange of at most "limit" bytes. */
void transfer_init_reply(struct client_reply *reply, size_t limit);

/*
 * Set every option of the transfer: the one place that does.  easy and
 * reply are set by the caller; "body" is borrowed until the transfer is over.
 * SW_EINPUT: a URL or header it refuses.  SW_ENOMEM.  Either way the headers
 * are to be freed with transfer_free_headers(), after the handle was reset.
 */
SW_MUSTCHECK enum sw_err
transfer_prepare(struct transfer *transfer, const struct client_request *request, const char *body);

/* Fill in the reply after libcurl's verdict and translate that: errors of client_perform(). */
SW_MUSTCHECK enum sw_err transfer_finish(struct transfer *transfer, CURLcode code);

/* Cleanse (a token may be in them) and free.  NULL is fine. */
void transfer_free_headers(struct curl_slist *headers);

#endif
