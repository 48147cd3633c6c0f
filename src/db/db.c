/*
 * Statements and notifications of PostgreSQL (libpq).  What it hides: which statements are sent
 * again after a loss, and which error of ours belongs to a SQLSTATE.
 */
#include "db/db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "db/attempt.h"
#include "db/connection.h"

static const struct {
	const char *prefix; /* of the SQLSTATE, PostgreSQL manual appendix A */
	enum sw_err err;
} sqlstates[] = {
    {"57014", SW_ETIMEOUT},     /* query_canceled: statement_timeout */
    {"55P03", SW_ELOCKED},      /* lock_not_available: lock_timeout */
    {"57P0", SW_EUNAVAILABLE},  /* shutting down, starting up */
    {"53", SW_EUNAVAILABLE},    /* insufficient resources */
    {"08", SW_EUNAVAILABLE},    /* connection exception */
    {"25006", SW_EUNAVAILABLE}, /* read-only: a standby, or during a fail-over */
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
	if (err == SW_ECONFLICT || err == SW_ELOCKED)
		return LOG_INFO;
	return err == SW_EINTERNAL || err == SW_EFORBIDDEN ? LOG_ERROR : LOG_WARN;
}

/* The error of a result.  The primary message is logged, never DETAIL, which quotes rows. */
static enum sw_err
classify(enum stmt_id id, const PGresult *result)
{
	enum sw_err err;

	if (db_attempt_succeeded(result))
		return SW_OK;
	err = err_of_sqlstate(db_attempt_sqlstate(result));
	log_event(level_of(err), "db.statement", "statement", stmt_get(id)->name, "sqlstate",
	    db_attempt_sqlstate(result), "err", err_name(err), "message",
	    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), (const char *)NULL);
	return err;
}

static void
log_lost(enum stmt_id id, enum db_attempt what, const PGresult *result, bool again)
{
	log_event(LOG_WARN, what == ATTEMPT_LOST ? "db.lost" : "db.stale", "statement",
	    stmt_get(id)->name, "sqlstate", db_attempt_sqlstate(result), "again",
	    again ? "yes" : "no", (const char *)NULL);
}

/* The server sent no result in time: drop the connection, or its result would come later. */
static enum sw_err
give_up(struct db *db, enum stmt_id id, PGresult **out)
{
	log_event(LOG_ERROR, "db.hangs", "statement", stmt_get(id)->name, "waited_ms",
	    log_int(db->timeout_ms + DB_GRACE_MS), (const char *)NULL);
	PQclear(*out);
	*out = NULL;
	db_connection_drop(db);
	return SW_EUNAVAILABLE;
}

static enum sw_err
run(struct db *db, enum stmt_id id, const struct db_param *params, bool repeatable, PGresult **out)
{
	for (int tries = 0;; tries++) {
		enum sw_err err = db_connection_ready(db);
		enum db_attempt what;
		bool again;

		*out = NULL;
		if (err != SW_OK)
			return err;
		what = db_attempt(db, id, params, out);
		if (what == ATTEMPT_DONE)
			return classify(id, *out);
		if (what == ATTEMPT_HUNG)
			return give_up(db, id, out);
		again = tries == 0 && (what == ATTEMPT_NOTRUN || repeatable);
		log_lost(id, what, *out, again);
		PQclear(*out);
		*out = NULL;
		if (what == ATTEMPT_LOST)
			db_connection_drop(db);
		if (!again)
			return SW_EUNAVAILABLE;
	}
}

/*
 * The public side
 */

enum sw_err
db_new(const char *url, const char *program, int statement_timeout_ms, int lock_timeout_ms,
    struct db **out)
{
	struct db *db;
	enum sw_err err = SW_ENOMEM;

	assert(statement_timeout_ms > 0 && lock_timeout_ms > 0);
	*out = NULL;
	db = calloc(1, sizeof(*db));
	if (db == NULL)
		return SW_ENOMEM;
	db->timeout_ms = statement_timeout_ms;
	db->lock_timeout_ms = lock_timeout_ms;
	db->url = strdup(url);
	db->program = strdup(program);
	if (db->url != NULL && db->program != NULL)
		err = db_connection_parse_url(db);
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
	free(db->host);
	free(db->hostaddr);
	free(db->port);
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
	enum sw_err err = db_connection_ready(db);

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
	enum sw_err err = db_connection_ready(db);

	*payload = NULL;
	if (reconnected != NULL)
		*reconnected = false;
	if (err != SW_OK)
		return err;
	if (reconnected != NULL)
		*reconnected = db_was_remade(db);
	return next_notice(db, arena, payload);
}
