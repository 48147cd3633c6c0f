#ifndef SWITCHBOARD_WEB_SERVE_MAIN_H
#define SWITCHBOARD_WEB_SERVE_MAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "web/program.h"
#include "web/route.h"

/* What distinguishes one of the three FastCGI programs from the others. */
struct serve_main {
	const char *name;      /* in logs and, as switchboard-NAME, in pg_stat_activity */
	unsigned config_parts; /* CONFIG_… that it needs */
	int statement_timeout_ms;
	int lock_timeout_ms;
	size_t body_limit;      /* bytes */
	unsigned recycle_after; /* requests */
	struct route_table routes;
	/* Answers a request that could not be read, or whose handler returned an error. */
	void (*fail)(const struct program *program, const struct request *req, enum sw_err err,
	    struct response *res);
	/* Replies that may be deferred, and the batch commit (serve.h); 0 and NULL for none. */
	size_t batch;
	void (*commit)(struct program *program);
	/* serve.h: requests that may be parked, 0: none; NULL where none sets response.awaited. */
	size_t parked;
	bool (*wait)(struct program *program, int fd, int timeout_ms);
	bool (*is_ready)(struct program *program, const void *awaited);
	/*
	 * A handler that returns SW_ELOCKED is called again as long as the request is not older
	 * than this; for handlers that do nothing before the statement that may be refused so, or
	 * only what can be done twice.  0: it is an error at once.
	 */
	int locked_ms;
	/* Before the first request; SW_EINPUT: the configuration is wrong (reported).  May be NULL.
	 */
	enum sw_err (*start)(struct program *program);
	/* After replies were sent; may be NULL. */
	void (*after)(struct program *program);
};

/*
 * The whole of main(): read the configuration, open the database and, with CONFIG_CLIENT, a client
 * for outbound calls, serve until stopped, close. "program" is all zero; it may be the first member
 * of a larger struct.  Returns the exit status: that of serve_run(), 1 when out of memory,
 * CONFIG_EXIT_STATUS for a wrong configuration (reported in one line).
 */
int serve_main(struct program *program, const struct serve_main *conf);

#endif
