#ifndef SWITCHBOARD_NET_CLIENT_H
#define SWITCHBOARD_NET_CLIENT_H

#include "base/err.h"
#include "net/client_message.h"

/*
 * The one door for outbound HTTP (libcurl), one request at a time; client_pool.h does many at once.
 * Every transfer has limits on time and size, never follows a redirect, speaks https only (or http
 * to a loopback host), keeps no cookies and verifies certificates.
 */

/* One handle that keeps its connections, for the life of the process. */
struct client;

/* Make it after fork.  *out is the caller's.  SW_ENOMEM, SW_EINTERNAL. */
SW_MUSTCHECK enum sw_err client_new(struct client **out);

/* Closes its connections; NULL is fine. */
void client_free(struct client *client);

/*
 * Perform one request; blocks at most timeout_ms.  SW_OK: an HTTP answer
 * came, whatever its status.  SW_ETIMEOUT; SW_ETOOLARGE: the answer was cut
 * off at response_limit; SW_EUNAVAILABLE: no connection, TLS failure, connection cut; SW_EINPUT:
 * a URL it refuses.  reply must be all zero or from an earlier call (it is reset first).
 * When a kept connection breaks before an answer, GET and DELETE are sent once more; a POST of
 * which a byte had left is not (RFC 9110 9.2.2): SW_EUNAVAILABLE with reply->sent.
 */
SW_MUSTCHECK enum sw_err client_perform(
    struct client *client, const struct client_request *request, struct client_reply *reply);

#endif
