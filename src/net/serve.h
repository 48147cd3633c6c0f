#ifndef SWITCHBOARD_NET_SERVE_H
#define SWITCHBOARD_NET_SERVE_H

#include <stddef.h>
#include "base/err.h"
#include "net/request.h"
#include "net/response.h"

/*
 * The FastCGI accept loop on descriptor 0 (FCGI_LISTENSOCK_FILENO): one
 * request at a time, signals opened only while waiting (pitfalls of libfcgi:
 * half-read requests, shutdown races).
 *
 * A handler fills the response.  When it returns anything but SW_OK, the
 * loop discards what it wrote and answers with serve_conf.fail (or a JSON
 * error when that is NULL), so no error path ends in an empty reply.
 *
 * Where replies have to wait for a commit, several can wait for the same one: a handler that
 * returns SW_OK with response.deferred set may keep both its pointers.  The loop then goes on with
 * requests that are waiting already, and when there are none, or "batch" were taken, it calls
 * "commit", which fills all deferred responses in and unsets "deferred".  Then they are sent.
 */
#define SERVE_BATCH_MAX 32

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
	/* Called after replies were sent and their connections closed: wake-ups, roll back what was
	 * left open.  May be NULL. */
	void (*after)(void *context);
	/*
	 * Deferred work such as a coalesced wake-up: called once the time asked for with
	 * serve_set_timeout() has come, between requests (a steady stream of them does not put it
	 * off), and before the loop ends as long as it asks for a time within 100 ms.
	 * Returns the next timeout in ms, -1 = none.  May be NULL.
	 */
	int (*idle)(void *context);
	void *context;
};

/*
 * Serve until SIGTERM or SIGINT (finishing what is in hand), or until
 * recycled.  Returns the exit status for main(): 0, or 1 when descriptor 0
 * is not a listening socket (said in one line).  "after" may ask for an idle
 * call by serve_set_timeout().
 */
int serve_run(const struct serve_conf *conf);

/*
 * For a handler that is about to wait for something slow: replies deferred before are committed and
 * sent now, and "after" is called.  The handler's own reply is not touched.
 */
void serve_commit(void);

/* Ask for an "idle" call in "ms" from now (the sooner of this and an earlier request). */
void serve_set_timeout(int ms);

#endif
