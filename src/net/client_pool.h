#ifndef SWITCHBOARD_NET_CLIENT_POOL_H
#define SWITCHBOARD_NET_CLIENT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "net/client_message.h"

/*
 * Outbound HTTP for an event loop: many transfers at once, over HTTP/2 when the server offers it,
 * on connections that are reused.  A connection that dies without a word costs the transfers that
 * are on it: after one timed out, and none that was open gave a reply meanwhile, the transfers that
 * follow use new connections.
 */
struct client_pool;
typedef void client_done(void *context, enum sw_err err, struct client_reply *reply);

/* Make it after fork.  *out is the caller's.  SW_ENOMEM, SW_EINTERNAL. */
SW_MUSTCHECK enum sw_err client_pool_new(struct client_pool **out);

/* Running transfers are dropped without their callback; NULL is fine. */
void client_pool_free(struct client_pool *pool);

/*
 * At most this many connections to one host at once [8]; more transfers wait.  It matters where the
 * server has only HTTP/1.1, which carries one transfer per connection: as many transfers that hang
 * block all others.
 */
void client_pool_limit(struct client_pool *pool, long connections);

/*
 * Start a transfer; everything in "request" is copied.  "done" is called
 * from client_pool_run() exactly once, with the errors of client_perform();
 * the reply is cleared after it returns.
 */
SW_MUSTCHECK enum sw_err client_pool_start(struct client_pool *pool,
    const struct client_request *request, client_done *done, void *context);

/* The number of running transfers. */
size_t client_pool_active(const struct client_pool *pool);

/*
 * Wait until a transfer can go on, one of "extra_count" (at most 16) descriptors is readable or in
 * error (-1 is skipped), or timeout_ms passed; then continue all transfers and call back for those
 * that ended.  extra_ready[i]: descriptor i is ready.  Signals belong in a signalfd among the
 * descriptors, as an ordinary signal need not end the wait.  SW_EINTERNAL when it cannot wait at
 * all.
 */
SW_MUSTCHECK enum sw_err client_pool_run(struct client_pool *pool, const int *extra,
    bool *extra_ready, size_t extra_count, int timeout_ms);

#endif
