/*
 * One attempt at a statement.  What it hides: preparing at first use, and that every wait has a
 * deadline of ours, because a server that hangs does not enforce statement_timeout.
 */
#include "db/attempt.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/sbuf.h"

#define PARAMS_MAX 32

bool
db_attempt_wait(const PGconn *conn, short events, int64_t deadline_ms)
{
	struct pollfd wait = {.fd = PQsocket(conn), .events = events};
	int ready;

	do {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();

		if (left_ms <= 0 || wait.fd < 0)
			return false;
		ready = poll(&wait, 1, (int)left_ms);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Send what is buffered; large parameters may not fit the socket at once. */
static bool
flush_input(PGconn *conn, int64_t deadline_ms)
{
	int left;

	while ((left = PQflush(conn)) == 1) {
		if (!db_attempt_wait(conn, POLLIN | POLLOUT, deadline_ms))
			return false;
		if (PQconsumeInput(conn) == 0)
			return true; /* connection lost: PQgetResult() reports it */
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
 * the deadline passed; *out is NULL when the connection was lost before a result.
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
			if (!db_attempt_wait(conn, POLLIN, deadline_ms))
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

const char *
db_attempt_sqlstate(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state == NULL ? "" : state;
}

bool
db_attempt_succeeded(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/*
 * Did a change of a table invalidate the prepared statement?  Recognised by the server's function
 * that reports it, as its messages are translated.
 */
static bool
is_stale_plan(const PGresult *result)
{
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	return strcmp(db_attempt_sqlstate(result), "0A000") == 0 && function != NULL &&
	       strcmp(function, "RevalidateCachedQuery") == 0;
}

/* The text of a statement that names a table (stmt.h). */
static bool
put_name(struct sbuf *text, const struct stmt *stmt, const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	const char *place = strstr(stmt->text, "$1");

	assert(place != NULL && name[0] != '\0' && name[strspn(name, letters)] == '\0');
	sbuf_put(text, stmt->text, (size_t)(place - stmt->text));
	sbuf_put_text(text, name);
	sbuf_put_text(text, place + strlen("$1"));
	return !sbuf_failed(text);
}

static int
send_named(PGconn *conn, const struct stmt *stmt, const char *name)
{
	struct sbuf text = {0};
	int sent = 0;

	if (put_name(&text, stmt, name))
		sent = PQsendQueryParams(conn, sbuf_text(&text), 0, NULL, NULL, NULL, NULL, 0);
	sbuf_clear(&text);
	return sent;
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

static enum db_attempt
judge(struct db *db, const PGresult *result)
{
	if (result == NULL || PQstatus(db->conn) == CONNECTION_BAD)
		return ATTEMPT_LOST;
	if (strcmp(db_attempt_sqlstate(result), "26000") == 0) {
		memset(db->prepared, 0, sizeof(db->prepared));
		return ATTEMPT_NOTRUN;
	}
	/* The server has become read-only, after a fail-over for example: another one takes it. */
	if (strcmp(db_attempt_sqlstate(result), "25006") == 0 || is_stale_plan(result)) {
		db->stale = true;
		return ATTEMPT_NOTRUN;
	}
	return ATTEMPT_DONE;
}

enum db_attempt
db_attempt(struct db *db, enum stmt_id id, const struct db_param *params, PGresult **out)
{
	const struct stmt *stmt = stmt_get(id);
	int64_t deadline_ms = clock_monotonic_ms() + db->timeout_ms + DB_GRACE_MS;
	int sent;

	*out = NULL;
	if (!stmt->unprepared && !db->prepared[id]) {
		if (PQsendPrepare(db->conn, stmt->name, stmt->text, 0, NULL) == 0)
			return ATTEMPT_LOST;
		if (!collect(db->conn, deadline_ms, out))
			return ATTEMPT_HUNG;
		if (!db_attempt_succeeded(*out))
			return judge(db, *out);
		db->prepared[id] = true;
		PQclear(*out);
		*out = NULL;
	}
	if (stmt->names_table)
		sent = send_named(db->conn, stmt, params[0].text);
	else
		sent = send_prepared(db->conn, stmt, params);
	if (sent == 0)
		return ATTEMPT_LOST;
	if (!collect(db->conn, deadline_ms, out))
		return ATTEMPT_HUNG;
	return db_attempt_succeeded(*out) ? ATTEMPT_DONE : judge(db, *out);
}
