#ifndef SWITCHBOARD_NET_EXCHANGE_H
#define SWITCHBOARD_NET_EXCHANGE_H

#include <fcgiapp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "net/request.h"
#include "net/response.h"

/*
 * One request and its reply on one connection, from accept to close.  Only serve.c uses it: several
 * at a time where replies wait for a batch commit, and each for one connection after another.
 */
struct exchange {
	FCGX_Request fcgi;
	struct arena arena;
	struct request request;
	struct response response;
	int64_t start_ms;    /* monotonic */
	int64_t again_at_ms; /* monotonic; when parked for a time */
	bool read_whole;     /* everything that the peer sent was read */
};

/* False when libfcgi refuses. */
bool exchange_init(struct exchange *exchange);

/* Free what it holds; an all-zero struct is fine. */
void exchange_clear(struct exchange *exchange);

/*
 * Accept a waiting connection; false when there is none, or its peer closed it at once.  Blocks
 * until the peer's parameters have come, up to 2 s when it sends nothing at all.
 */
bool exchange_accept(struct exchange *exchange);

/*
 * Read the request; blocks at most 3 s for each read.  SW_EINPUT: cut short, or Content-Length is
 * no number or more than what came.  SW_ETOOLARGE: the body is over "body_limit", and was not read.
 * SW_ENOMEM.  The request's members can be read in any case.
 */
SW_MUSTCHECK enum sw_err exchange_read(struct exchange *exchange, size_t body_limit);

/* Send the reply, close the connection, log the request, and get ready for the next one. */
void exchange_finish(struct exchange *exchange);

#endif
