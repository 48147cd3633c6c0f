#ifndef SWITCHBOARD_DB_ATTEMPT_H
#define SWITCHBOARD_DB_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "db/state.h"
#include "db/stmt.h"

/* What became of one attempt at a statement. */
enum db_attempt {
	ATTEMPT_DONE,   /* the server sent a result or an error */
	ATTEMPT_LOST,   /* the connection was lost; the statement may have run */
	ATTEMPT_NOTRUN, /* it has not run: it may be sent again, and prepared again first */
	ATTEMPT_HUNG,   /* no result in time: the connection must be dropped, without another try */
};

/*
 * One attempt at a statement on the connection as it is; blocks for the
 * statement's time limit and DB_GRACE_MS at most.  *out is the caller's,
 * PQclear() it; it may be NULL unless ATTEMPT_DONE.
 */
enum db_attempt
db_attempt(struct db *db, enum stmt_id id, const struct db_param *params, PGresult **out);

/* Wait for poll(2) events on the socket; false when the monotonic deadline passed. */
bool db_attempt_wait(const PGconn *conn, short events, int64_t deadline_ms);

/* Did the statement succeed? */
bool db_attempt_succeeded(const PGresult *result);

/* The SQLSTATE of a result, "" for none. */
const char *db_attempt_sqlstate(const PGresult *result);

#endif
