#ifndef SWITCHBOARD_DB_STATE_H
#define SWITCHBOARD_DB_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "db/stmt.h"

/* The inside of struct db, shared by the files of this folder and by nobody else. */

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
	bool stale;               /* its cached plans are: to be dropped */
	bool dying;               /* the server said that it ends this connection */
	int backoff_ms;
	int64_t retry_at_ms; /* monotonic; no connect before it */
	bool connected_before;
	bool remade; /* since the last db_take_notice() */
	size_t listen_count;
	enum stmt_id listens[DB_LISTENS_MAX];
};

#endif
