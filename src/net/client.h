#ifndef SWITCHBOARD_NET_CLIENT_H
#define SWITCHBOARD_NET_CLIENT_H

#include "base/err.h"
#include "net/client_message.h"

/*
 * Outbound HTTP (libcurl), one request at a time; client_pool.h does many at once.  Every transfer
 * has limits on time and size, never follows a redirect, uses https only (or http to a loopback
 * host), stores no cookies and verifies certificates.
 */

/* One handle, whose connections stay open for the next request, until one of them times out. */
struct client;

/* Make it after fork.  *out is the caller's.  SW_ENOMEM, SW_EINTERNAL. */
SW_MUSTCHECK enum sw_err client_new(struct client **out);

/* Closes its connections; NULL is fine. */
void client_free(struct client *client);

/*
 * Close all connections, so that the next request gets a new one: for a request that must not be
 * lost and cannot be repeated, as a connection that was idle may have died without a word.  Never
 * blocks.  SW_ENOMEM: they are still open.
 */
SW_MUSTCHECK enum sw_err client_disconnect(struct client *client);

/*
 * Perform one request; blocks at most timeout_ms.  SW_OK: an HTTP reply came, whatever its status.
 * SW_ETIMEOUT; SW_ETOOLARGE: the reply was cut off at response_limit; SW_EUNAVAILABLE: no
 * connection, TLS failure, connection lost; SW_EINPUT: a URL or header it refuses; SW_ENOMEM.
 * "reply" must be all zero or from an earlier call (it is reset first). When a reused connection
 * breaks before a reply, GET and DELETE are sent once more; a POST of which a byte was sent is not
 * (RFC 9110 9.2.2): SW_EUNAVAILABLE with reply->sent.
 */
SW_MUSTCHECK enum sw_err client_perform(
    struct client *client, const struct client_request *request, struct client_reply *reply);

#endif
