#ifndef SWITCHBOARD_NET_CLIENT_H
#define SWITCHBOARD_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/sbuf.h"

/*
 * The one door for outbound HTTP (libcurl).  Every transfer has limits on
 * time and size, never follows a redirect, speaks https only (or http to a
 * loopback host), keeps no cookies and verifies certificates.
 */
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
	int status;              /* 0 when there was none */
	struct sbuf body;        /* secret: may hold tokens */
	int64_t retry_after_ms;  /* Retry-After (seconds or date), -1 when absent */
	int64_t limit_reset_ms;  /* X-RateLimit-Reset as sent, unit uncertain; -1 when absent */
	int64_t limit_remaining; /* X-RateLimit-Remaining, -1 when absent */
	bool sent; /* (part of) the request left for the server: it may have been carried out */
	int64_t elapsed_ms;
};

/* Cleanse and free what a reply holds; an all-zero struct is fine. */
void client_reply_clear(struct client_reply *reply);

/* Blocking use: one connection-keeping handle per process. */
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

/*
 * Event-loop use: many transfers at once on one curl_multi, HTTP/2 when the
 * server offers it, connections reused.
 */
struct client_pool;
typedef void client_done(void *context, enum sw_err err, struct client_reply *reply);

/* Make it after fork.  *out is the caller's.  SW_ENOMEM, SW_EINTERNAL. */
SW_MUSTCHECK enum sw_err client_pool_new(struct client_pool **out);

/* Transfers under way are dropped without their callback. */
void client_pool_free(struct client_pool *pool);

/*
 * At most this many connections to one host at once [8]; transfers beyond them wait.  With HTTP/2
 * one carries many, so it matters where the server has only HTTP/1.1: there transfers that
 * hang hold all others up when their number is below that of the transfers.
 */
void client_pool_limit(struct client_pool *pool, long connections);

/*
 * Start a transfer; everything in "request" is copied.  "done" is called
 * from client_pool_run() exactly once, with the errors of client_perform();
 * the reply is cleared after it returns.
 */
SW_MUSTCHECK enum sw_err client_pool_start(struct client_pool *pool,
    const struct client_request *request, client_done *done, void *context);

/* Transfers under way. */
size_t client_pool_active(const struct client_pool *pool);

/*
 * Wait until something happens on a transfer, on one of "extra_count" (at most 16)
 * descriptors (readable, or in error; -1 is skipped) or timeout_ms passed, move all transfers on
 * and call back for those that ended.  extra_ready[i] tells which descriptors
 * are ready.  Signals belong in a signalfd among them: one that arrives as an ordinary
 * signal may or may not end the wait early.  SW_EINTERNAL when it cannot wait at all.
 */
SW_MUSTCHECK enum sw_err client_pool_run(struct client_pool *pool, const int *extra,
    bool *extra_ready, size_t extra_count, int timeout_ms);

#endif
