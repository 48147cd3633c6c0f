#ifndef SWITCHBOARD_NET_CLIENT_TRANSFER_H
#define SWITCHBOARD_NET_CLIENT_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "base/err.h"
#include "net/client_message.h"

/*
 * One HTTP transfer on one easy handle: what client.c (one at a time) and client_pool.c (many)
 * share. No other file includes it.
 */

/* No connection is reused longer than that. */
#define TRANSFER_CONNECTION_LIFE_S 3600L

/* One transfer; it owns what libcurl borrows until the transfer is over. */
struct transfer {
	CURL *easy;
	struct curl_slist *headers;
	struct client_reply *reply;
	size_t response_limit;
	size_t header_bytes;
	bool once; /* libcurl must not send it again */
	bool too_large;
};

/* curl_global_init(), which counts its callers; pair with curl_global_cleanup(). */
bool transfer_open_library(void);

/* Empty the reply for a new transfer of at most "limit" bytes. */
void transfer_init_reply(struct client_reply *reply, size_t limit);

/*
 * Set every option of the transfer.  easy and reply are set by the caller; "body" is borrowed until
 * the transfer is over.
 * SW_EINPUT: a URL or header it refuses.  SW_ENOMEM.  Either way the headers
 * are to be freed with transfer_free_headers(), after the handle was reset.
 */
SW_MUSTCHECK enum sw_err
transfer_prepare(struct transfer *transfer, const struct client_request *request, const char *body);

/* Fill in the reply after libcurl's result; returns the errors of client_perform(). */
SW_MUSTCHECK enum sw_err transfer_finish(struct transfer *transfer, CURLcode code);

/* Cleanse (a token may be in them) and free.  NULL is fine. */
void transfer_free_headers(struct curl_slist *headers);

#endif
