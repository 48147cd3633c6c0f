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
 * One request and its reply on one connection, from accept to close: what serve.c has in hand,
 * more than one at a time where replies wait for a common commit.  Used again and again; nobody but
 * serve.c needs it.
 */
struct exchange {
	FCGX_Request fcgi;
	struct arena arena;
	struct request request;
	struct response response;
	int64_t start_ms; /* monotonic */
	bool read_whole;  /* nothing that the peer sent is left unread */
};

/* False when libfcgi refuses. */
bool exchange_init(struct exchange *exchange);

/* Free what it holds; an all-zero struct is fine. */
void exchange_clear(struct exchange *exchange);

/* Take a waiting connection; false when there is none, or its peer left at once.  Blocks for the
 * peer's parameters, up to 2 s when nothing at all comes. */
bool exchange_accept(struct exchange *exchange);

/*
 * Read the request; blocks until it has come, 3 s at most for each part.  SW_EINPUT: cut short, or
 * a declared length that is none or not what came. SW_ETOOLARGE: the body is over "body_limit", and
 * unread.  SW_ENOMEM.  The request can be looked at in any case.
 */
SW_MUSTCHECK enum sw_err exchange_read(struct exchange *exchange, size_t body_limit);

/* Send the reply, close the connection, log it, and forget everything. */
void exchange_finish(struct exchange *exchange);

#endif
