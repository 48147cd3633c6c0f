#ifndef SWITCHBOARD_NET_CLIENT_POOL_H
#define SWITCHBOARD_NET_CLIENT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "net/client_message.h"

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
