#ifndef SWITCHBOARD_SERVE_H
#define SWITCHBOARD_SERVE_H

#include <stddef.h>
#include "err.h"
#include "request.h"
#include "response.h"

/*
 * The FastCGI accept loop on descriptor 0 (FCGI_LISTENSOCK_FILENO): one
 * request at a time, signals opened only while waiting (pitfalls of libfcgi:
 * half-read requests, shutdown races).
 *
 * A handler fills the response.  When it returns anything but SW_OK, the
 * loop discards what it wrote and answers with serve_conf.fail (or a JSON
 * error when that is NULL), so no error path ends in an empty reply.
 */
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
	/* Called after the reply was sent and the connection closed: wake-ups, roll back what was
	 * left open.  May be NULL. */
	void (*after)(void *context);
	/*
	 * Deferred work such as a coalesced wake-up: called once the time asked for with
	 * serve_set_timeout() has come, between requests (a steady stream of them does not put it
	 * off), and a last time before the loop ends when something was still asked for.
	 * Returns the next timeout in ms, -1 = none.  May be NULL.
	 */
	int (*idle)(void *context);
	void *context;
};

/*
 * Serve until SIGTERM or SIGINT (finishing the request in hand), or until
 * recycled.  Returns the exit status for main(): 0, or 1 when descriptor 0
 * is not a listening socket (said in one line).  "after" may ask for an idle
 * call by serve_set_timeout().
 */
int serve_run(const struct serve_conf *conf);

/* Ask for an "idle" call in "ms" from now (the sooner of this and an earlier request). */
void serve_set_timeout(int ms);

#endif
