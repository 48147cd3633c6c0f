#ifndef SWITCHBOARD_DB_CONNECTION_H
#define SWITCHBOARD_DB_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "db/db.h"

/*
 * The inside of struct db, shared by db.c (statements) and db_conn.c (the
 * connection) and by nobody else.
 */

/* How much longer than its own statement timeout the server may take to say so. */
#define DB_GRACE_MS 2000
#define DB_LISTENS_MAX 4

struct db {
	PGconn *conn;
	char *url; /* may hold a password */
	char *program;
	char *options;
	int timeout_ms;
	bool prepared[STMT__MAX]; /* on this connection */
	bool in_transaction; /* between db_begin() and its end, whatever the connection thinks */
	bool drop_when_idle; /* its cached plans are stale */
	bool dying;          /* the server said that it ends this connection */
	int backoff_ms;
	int64_t retry_at_ms; /* monotonic; no connect before it */
	bool connected_before;
	bool remade; /* since the last db_take_notice() */
	size_t listen_count;
	enum stmt_id listens[DB_LISTENS_MAX];
};

/* What became of one attempt at a statement. */
enum db_attempt {
	ATTEMPT_DONE,   /* the server answered */
	ATTEMPT_LOST,   /* the connection died, the statement may have run */
	ATTEMPT_NOTRUN, /* certainly not run: it may be sent again, prepared anew */
};

/*
 * Check the URL and prepare the connection options.  SW_EINPUT: libpq does
 * not understand it (logged without its text).  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err db_conn_parse_url(struct db *db);

/*
 * Make sure of a connection fit for a statement.  One that the server closed
 * while it was idle is noticed here, before anything is sent, so that even a
 * statement that must not run twice survives a restart of the server.  Blocks
 * at most 3 s (and name resolution).  SW_EUNAVAILABLE: none, or the back-off
 * has not passed, or the connection of an open transaction is gone.
 */
SW_MUSTCHECK enum sw_err db_conn_ready(struct db *db);

/* Close the connection and forget what belonged to it.  No transaction survives. */
void db_conn_drop(struct db *db);

/* Wait for poll(2) events on the socket; false when the monotonic deadline passed. */
bool db_conn_wait(const PGconn *conn, short events, int64_t deadline_ms);

/*
 * One attempt at a statement on the connection as it is.  *out is the
 * caller's, PQclear() it; after ATTEMPT_DONE it is NULL only when the server
 * did not answer in time and the connection was closed.
 */
enum db_attempt
db_attempt(struct db *db, enum stmt_id id, const struct db_param *params, PGresult **out);

#endif
