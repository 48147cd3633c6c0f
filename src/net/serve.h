#ifndef SWITCHBOARD_NET_SERVE_H
#define SWITCHBOARD_NET_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "net/request.h"
#include "net/response.h"

/*
 * The FastCGI accept loop on descriptor 0 (FCGI_LISTENSOCK_FILENO): one request at a time.  Signals
 * are unblocked only while it waits: libfcgi returns a half-read request when one arrives while it
 * reads, and misses one that arrives just before it waits.
 *
 * A handler fills the response.  When it returns anything but SW_OK, the
 * loop discards what it wrote and answers with serve_conf.fail (or a JSON
 * error when that is NULL), so no error path ends in an empty reply.
 *
 * Deferred replies: several requests can share one commit.  A handler that returns SW_OK with
 * response.deferred set may use both its pointers until that commit.  The loop serves the requests
 * that are already waiting, up to "batch" of them, then calls "commit", which fills in all deferred
 * responses and unsets "deferred".  Then they are sent.
 *
 * Parked requests: a request that needs what takes its time (a fetch of this process, or a lock
 * that somebody else holds) does not keep others waiting.  Its handler returns SW_OK with
 * response.awaited set, and is called again with the same pointers once "is_ready" says so of what
 * is awaited; or with response.again_ms set, and is called again after that time; also after a
 * signal to stop.  "commit" may set again_ms too.  When "parked" of them wait already, the answer
 * is SW_EUNAVAILABLE.
 */
#define SERVE_BATCH_MAX 32
#define SERVE_PARKED_MAX 256

typedef enum sw_err serve_handler(void *context, const struct request *req, struct response *res);
typedef void
serve_fail(void *context, const struct request *req, enum sw_err err, struct response *res);

struct serve_conf {
	const char *program;    /* for the log */
	size_t body_limit;      /* larger bodies: SW_ETOOLARGE without reading them */
	unsigned recycle_after; /* leave after about this many requests (jittered by a tenth), 0 =
				   never */
	serve_handler *handle;
	serve_fail *fail;
	size_t batch; /* replies that may be deferred at a time, up to SERVE_BATCH_MAX; 0 = none */
	void (*commit)(void *context); /* may be NULL where none is */
	size_t parked; /* requests that may be parked at a time, up to SERVE_PARKED_MAX; 0 = none */
	/*
	 * Go on with what requests were parked for: wait until some of it is done, "fd" (-1: none)
	 * is readable, or timeout_ms passed.  Called from the loop with no request being handled.
	 * False, at once: nothing is under way.  It and "is_ready" may be NULL where no handler
	 * sets response.awaited.
	 */
	bool (*wait)(void *context, int fd, int timeout_ms);
	bool (*is_ready)(void *context, const void *awaited);
	/* Called after replies were sent and connections closed: for wake-ups.  May be NULL. */
	void (*after)(void *context);
	/*
	 * Work for later, such as a coalesced wake-up: called between requests when the time set by
	 * serve_set_timeout() has passed, also while requests come without a pause, and before the
	 * loop ends when it is due within 100 ms.  Returns the next timeout in ms, -1 = none.  May
	 * be NULL.
	 */
	int (*idle)(void *context);
	void *context;
};

/*
 * Serve until SIGTERM or SIGINT (after finishing the requests that were accepted), or until
 * recycled. Returns the exit status for main(): 0, or 1 when descriptor 0 is not a listening socket
 * (reported in one line on stderr).  "after" may call serve_set_timeout().
 */
int serve_run(const struct serve_conf *conf);

/*
 * For a handler that is about to wait for something slow: commit and send the replies deferred so
 * far, and call "after".  The handler's own reply is not touched.
 */
void serve_commit(void);

/* Have "idle" called in "ms" from now, or earlier when it is due earlier; negative: no change. */
void serve_set_timeout(int ms);

#endif
