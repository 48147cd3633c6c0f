/*
 * The door to PostgreSQL (libpq): statements, transactions, notifications.
 * What it hides: preparing at first use, what is sent again after a loss and
 * what is not, and that every wait has a deadline of ours: statement_timeout
 * is the server's promise, and a server that hangs keeps none.
 */
#include "db/db.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/connection.h"
#include "base/log.h"
#include "base/secret.h"

#define PARAMS_MAX 32

/* Send what is buffered; large parameters may not fit the socket at once. */
static bool
flush_input(PGconn *conn, int64_t deadline_ms)
{
	int left;

	while ((left = PQflush(conn)) == 1) {
		if (!db_conn_wait(conn, POLLIN | POLLOUT, deadline_ms))
			return false;
		if (PQconsumeInput(conn) == 0)
			return true; /* dead: collecting the result says so */
	}
	return true;
}

static bool
is_copy(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/*
 * The result of what was sent, read until the server is ready for more.  False when
 * the deadline passed; *out is NULL when the connection died without a word.
 */
static bool
collect(PGconn *conn, int64_t deadline_ms, PGresult **out)
{
	PGresult *result;

	*out = NULL;
	if (!flush_input(conn, deadline_ms))
		return false;
	for (;;) {
		while (PQisBusy(conn)) {
			if (!db_conn_wait(conn, POLLIN, deadline_ms))
				return false;
			if (PQconsumeInput(conn) == 0)
				break;
		}
		result = PQgetResult(conn);
		if (result == NULL)
			return true;
		PQclear(*out);
		*out = result;
		if (is_copy(result))
			return false;
	}
}

static const char *
sqlstate(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state == NULL ? "" : state;
}

static bool
is_success(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* The tables changed under a prepared statement; told by its origin, since messages are translated.
 */
static bool
is_stale_plan(const PGresult *result)
{
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	return strcmp(sqlstate(result), "0A000") == 0 && function != NULL &&
	       strcmp(function, "RevalidateCachedQuery") == 0;
}

static int
send_prepared(PGconn *conn, const struct stmt *stmt, const struct db_param *params)
{
	const char *values[PARAMS_MAX] = {0};
	int lengths[PARAMS_MAX] = {0};
	int formats[PARAMS_MAX] = {0};

	assert(stmt->params <= PARAMS_MAX);
	for (int i = 0; i < stmt->params; i++) {
		values[i] = params[i].text;
		if (params[i].bytes != NULL) {
			values[i] = params[i].bytes;
			lengths[i] = (int)params[i].length;
			formats[i] = 1;
		}
	}
	if (stmt->unprepared)
		return PQsendQueryParams(
		    conn, stmt->text, stmt->params, NULL, values, lengths, formats, 0);
	return PQsendQueryPrepared(conn, stmt->name, stmt->params, values, lengths, formats, 0);
}

/* The server does not answer: the connection is of no use, and a second try would hang as well. */
static enum db_attempt
overrun(struct db *db, const struct stmt *stmt, PGresult **out)
{
	log_event(LOG_ERROR, "db.hangs", "statement", stmt->name, "waited_ms",
	    log_int(db->timeout_ms + DB_GRACE_MS), (const char *)NULL);
	PQclear(*out);
	*out = NULL;
	db_conn_drop(db);
	return ATTEMPT_DONE;
}

static enum db_attempt
judge(struct db *db, const PGresult *result)
{
	if (result == NULL || PQstatus(db->conn) == CONNECTION_BAD)
		return ATTEMPT_LOST;
	if (strcmp(sqlstate(result), "26000") == 0) {
		memset(db->prepared, 0, sizeof(db->prepared));
		return ATTEMPT_NOTRUN;
	}
	if (is_stale_plan(result)) {
		db->drop_when_idle = true;
		return ATTEMPT_NOTRUN;
	}
	return ATTEMPT_DONE;
}

enum db_attempt
db_attempt(struct db *db, enum stmt_id id, const struct db_param *params, PGresult **out)
{
	const struct stmt *stmt = stmt_get(id);
	int64_t deadline_ms = clock_monotonic_ms() + db->timeout_ms + DB_GRACE_MS;

	*out = NULL;
	if (!stmt->unprepared && !db->prepared[id]) {
		if (PQsendPrepare(db->conn, stmt->name, stmt->text, 0, NULL) == 0)
			return ATTEMPT_LOST;
		if (!collect(db->conn, deadline_ms, out))
			return overrun(db, stmt, out);
		if (!is_success(*out))
			return judge(db, *out);
		db->prepared[id] = true;
		PQclear(*out);
		*out = NULL;
	}
	if (send_prepared(db->conn, stmt, params) == 0)
		return ATTEMPT_LOST;
	if (!collect(db->conn, deadline_ms, out))
		return overrun(db, stmt, out);
	return is_success(*out) ? ATTEMPT_DONE : judge(db, *out);
}

static const struct {
	const char *prefix; /* of the SQLSTATE, PostgreSQL manual appendix A */
	enum sw_err err;
} sqlstates[] = {
    {"57014", SW_ETIMEOUT},     /* query_canceled: statement_timeout */
    {"55P03", SW_ETIMEOUT},     /* lock_not_available: lock_timeout */
    {"57P0", SW_EUNAVAILABLE},  /* shutting down, starting up */
    {"53", SW_EUNAVAILABLE},    /* insufficient resources */
    {"08", SW_EUNAVAILABLE},    /* connection exception */
    {"25006", SW_EUNAVAILABLE}, /* read-only: a standby, or a fail-over under way */
    {"23505", SW_ECONFLICT},    /* unique_violation */
    {"40001", SW_ECONFLICT},    /* serialization_failure */
    {"40P01", SW_ECONFLICT},    /* deadlock_detected */
    {"22", SW_EINPUT},          /* data exception */
    {"23514", SW_EINPUT},       /* check_violation */
    {"23503", SW_EINPUT},       /* foreign_key_violation */
    {"23502", SW_EINPUT},       /* not_null_violation */
    {"P0002", SW_ENOTFOUND},    /* no_data_found, raised by our functions */
    {"42501", SW_EFORBIDDEN},   /* insufficient_privilege */
};

static enum sw_err
err_of_sqlstate(const char *state)
{
	for (size_t i = 0; i < sizeof(sqlstates) / sizeof(sqlstates[0]); i++) {
		if (strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0)
			return sqlstates[i].err;
	}
	return SW_EINTERNAL;
}

static enum log_level
level_of(enum sw_err err)
{
	if (err == SW_ENOTFOUND)
		return LOG_DEBUG;
	if (err == SW_ECONFLICT)
		return LOG_INFO;
	return err == SW_EINTERNAL || err == SW_EFORBIDDEN ? LOG_ERROR : LOG_WARN;
}

/* What an answer means.  The primary message is logged, never DETAIL, which quotes rows. */
static enum sw_err
classify(enum stmt_id id, const PGresult *result)
{
	enum sw_err err;

	if (is_success(result))
		return SW_OK;
	err = err_of_sqlstate(sqlstate(result));
	log_event(level_of(err), "db.statement", "statement", stmt_get(id)->name, "sqlstate",
	    sqlstate(result), "err", err_name(err), "message",
	    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), (const char *)NULL);
	return err;
}

static void
log_lost(enum stmt_id id, enum db_attempt what, const PGresult *result, bool again)
{
	log_event(LOG_WARN, what == ATTEMPT_LOST ? "db.lost" : "db.stale", "statement",
	    stmt_get(id)->name, "sqlstate", sqlstate(result), "again", again ? "yes" : "no",
	    (const char *)NULL);
}

static enum sw_err
run(struct db *db, enum stmt_id id, const struct db_param *params, bool repeatable, PGresult **out)
{
	for (int tries = 0;; tries++) {
		enum sw_err err = db_conn_ready(db);
		enum db_attempt what;
		bool again;

		*out = NULL;
		if (err != SW_OK)
			return err;
		what = db_attempt(db, id, params, out);
		if (what == ATTEMPT_DONE)
			return *out == NULL ? SW_EUNAVAILABLE : classify(id, *out);
		again = tries == 0 && !db->in_transaction && (what == ATTEMPT_NOTRUN || repeatable);
		log_lost(id, what, *out, again);
		PQclear(*out);
		*out = NULL;
		if (what == ATTEMPT_LOST)
			db_conn_drop(db);
		if (!again)
			return SW_EUNAVAILABLE;
	}
}

/*
 * The public side
 */

enum sw_err
db_new(const char *url, const char *program, int statement_timeout_ms, struct db **out)
{
	struct db *db;
	enum sw_err err = SW_ENOMEM;

	assert(statement_timeout_ms > 0);
	*out = NULL;
	db = calloc(1, sizeof(*db));
	if (db == NULL)
		return SW_ENOMEM;
	db->timeout_ms = statement_timeout_ms;
	db->url = strdup(url);
	db->program = strdup(program);
	if (db->url != NULL && db->program != NULL)
		err = db_conn_parse_url(db);
	if (err != SW_OK) {
		db_free(db);
		return err;
	}
	*out = db;
	return SW_OK;
}

void
db_free(struct db *db)
{
	if (db == NULL)
		return;
	PQfinish(db->conn);
	secret_free_text(db->url);
	free(db->program);
	free(db->options);
	free(db);
}

enum sw_err
db_exec(struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out)
{
	PGresult *result;
	enum sw_err err;

	if (out != NULL)
		*out = NULL;
	assert(params != NULL || stmt_get(id)->params == 0);
	err = run(db, id, params, stmt_get(id)->repeatable, &result);
	if (err == SW_OK && out != NULL)
		*out = (struct db_result *)result;
	else
		PQclear(result);
	return err;
}

enum sw_err
db_begin(struct db *db)
{
	PGresult *result;
	enum sw_err err;

	assert(!db->in_transaction);
	err = run(db, STMT_BEGIN, NULL, true, &result);
	PQclear(result);
	db->in_transaction = err == SW_OK;
	return err;
}

enum sw_err
db_commit(struct db *db)
{
	PGresult *result;
	enum sw_err err;

	assert(db->in_transaction);
	err = run(db, STMT_COMMIT, NULL, false, &result);
	/* A failed transaction answers COMMIT with success and the word ROLLBACK. */
	if (err == SW_OK && strcmp(PQcmdStatus(result), "COMMIT") != 0)
		err = SW_ECONFLICT;
	PQclear(result);
	db_rollback(db); /* whatever went wrong, nothing stays open */
	return err;
}

/* Does the server hold a transaction of ours?  With a dead connection it does not. */
static bool
is_open(const struct db *db)
{
	return db_is_connected(db) && PQtransactionStatus(db->conn) != PQTRANS_IDLE;
}

void
db_rollback(struct db *db)
{
	PGresult *result = NULL;

	if (is_open(db) && run(db, STMT_ROLLBACK, NULL, false, &result) != SW_OK)
		db_conn_drop(db);
	PQclear(result);
	db->in_transaction = false;
}

void
db_check_idle(struct db *db)
{
	if (!db->in_transaction && !is_open(db))
		return;
	log_event(LOG_ERROR, "db.left_open", (const char *)NULL);
	db_rollback(db);
}

bool
db_is_connected(const struct db *db)
{
	return db->conn != NULL && PQstatus(db->conn) == CONNECTION_OK;
}

bool
db_was_remade(struct db *db)
{
	bool remade = db->remade;

	db->remade = false;
	return remade;
}

enum sw_err
db_listen(struct db *db, enum stmt_id listen_statement)
{
	PGresult *result = NULL;
	enum sw_err err = db_conn_ready(db);

	assert(db->listen_count < DB_LISTENS_MAX);
	db->listens[db->listen_count++] = listen_statement;
	if (err == SW_OK)
		err = run(db, listen_statement, NULL, true, &result);
	PQclear(result);
	return err;
}

int
db_socket(const struct db *db)
{
	return db->conn == NULL ? -1 : PQsocket(db->conn);
}

/* The next notification that libpq holds, copied; NULL when there is none. */
static enum sw_err
next_notice(struct db *db, struct arena *arena, const char **payload)
{
	PGnotify *notice = PQnotifies(db->conn);

	if (notice == NULL)
		return SW_OK;
	*payload = arena_strdup(arena, notice->extra);
	PQfreemem(notice);
	return *payload == NULL ? SW_ENOMEM : SW_OK;
}

enum sw_err
db_take_notice(struct db *db, struct arena *arena, const char **payload, bool *reconnected)
{
	enum sw_err err = db_conn_ready(db);

	*payload = NULL;
	if (reconnected != NULL)
		*reconnected = false;
	if (err != SW_OK)
		return err;
	if (reconnected != NULL)
		*reconnected = db_was_remade(db);
	return next_notice(db, arena, payload);
}
