#ifndef SWITCHBOARD_DB_STATE_H
#define SWITCHBOARD_DB_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "db/stmt.h"

/* The members of struct db, for the files of this folder only. */

/* How much longer than the statement timeout we wait for the server to report it. */
#define DB_GRACE_MS 2000
#define DB_LISTENS_MAX 4

struct db {
	PGconn *conn;
	char *url; /* may hold a password */
	char *program;
	char *options;
	/* Of the URL, lists with commas when it names several servers; NULL when it does not say.
	 */
	char *host, *hostaddr, *port;
	unsigned first_host; /* of those lists, for the next connect */
	int timeout_ms;
	int lock_timeout_ms;
	bool prepared[STMT__MAX]; /* on this connection */
	bool stale;  /* to be dropped: its prepared statements are outdated, or it reads only */
	bool ending; /* the server reported that it ends this connection */
	int backoff_ms;
	int64_t retry_at_ms; /* monotonic; no connect before it */
	bool connected_before;
	bool remade; /* since the last db_take_notice() */
	size_t listen_count;
	enum stmt_id listens[DB_LISTENS_MAX];
};

#endif
