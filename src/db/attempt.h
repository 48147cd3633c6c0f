#ifndef SWITCHBOARD_DB_ATTEMPT_H
#define SWITCHBOARD_DB_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "db/state.h"
#include "db/stmt.h"

/* What became of one attempt at a statement. */
enum db_attempt {
	ATTEMPT_DONE,   /* the server answered */
	ATTEMPT_LOST,   /* the connection died, the statement may have run */
	ATTEMPT_NOTRUN, /* certainly not run: it may be sent again, prepared anew */
	ATTEMPT_HUNG, /* no answer in time: the connection is of no use, a second try would hang too
		       */
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

/* Did the server do what was asked? */
bool db_attempt_succeeded(const PGresult *result);

/* The SQLSTATE of an answer, "" for none. */
const char *db_attempt_sqlstate(const PGresult *result);

#endif
