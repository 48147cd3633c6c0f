/*
 * The connection of db.c.  What it hides: that connecting has a deadline, which of several servers
 * is tried first, the settings of every connection, the back-off, and noticing that an idle
 * connection was lost.
 */
#include "db/connection.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "base/secret.h"
#include "db/attempt.h"

#define CONNECT_TIMEOUT_MS 3000
#define IDLE_IN_TRANSACTION_MS 60000
#define BACKOFF_MIN_MS 100
/* During back-off calls fail at once; the next connect is at most 1 s away. */
#define BACKOFF_MAX_MS 1000

void
db_connection_drop(struct db *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
	db->stale = false;
	db->ending = false;
	memset(db->prepared, 0, sizeof(db->prepared));
}

/* Our settings after those of the URL's own "options", so both hold and ours win. */
static char *
make_options(const char *url_options, const struct db *db)
{
	struct sbuf text = {0};

	if (url_options != NULL && url_options[0] != '\0')
		sbuf_printf(&text, "%s ", url_options);
	sbuf_printf(&text,
	    "-c statement_timeout=%d -c lock_timeout=%d "
	    "-c idle_in_transaction_session_timeout=%d -c search_path=switchboard",
	    db->timeout_ms, db->lock_timeout_ms, IDLE_IN_TRANSACTION_MS);
	return sbuf_detach(&text);
}

/* A copy of a value of the URL, if it is there; false: out of memory. */
static bool
keep(char **out, const PQconninfoOption *option, const char *keyword)
{
	if (strcmp(option->keyword, keyword) != 0 || option->val == NULL)
		return true;
	*out = strdup(option->val);
	return *out != NULL;
}

static void
conninfo_free(PQconninfoOption *options)
{
	for (PQconninfoOption *i = options; i != NULL && i->keyword != NULL; i++) {
		if (i->val != NULL)
			secret_cleanse(i->val, strlen(i->val));
	}
	PQconninfoFree(options);
}

enum sw_err
db_connection_parse_url(struct db *db)
{
	char *message = NULL;
	const char *url_options = NULL;
	bool kept = true;
	PQconninfoOption *options = PQconninfoParse(db->url, &message);

	if (options == NULL) {
		/* libpq's message may quote the URL, and with it the password. */
		PQfreemem(message);
		log_event(LOG_ERROR, "db.url", "err",
		    "SWITCHBOARD_DATABASE_URL is not a libpq connection URI", (const char *)NULL);
		return SW_EINPUT;
	}
	for (PQconninfoOption *i = options; i->keyword != NULL; i++) {
		if (strcmp(i->keyword, "options") == 0)
			url_options = i->val;
		kept = kept && keep(&db->host, i, "host") && keep(&db->hostaddr, i, "hostaddr") &&
		       keep(&db->port, i, "port");
	}
	db->options = make_options(url_options, db);
	conninfo_free(options);
	return db->options == NULL || !kept ? SW_ENOMEM : SW_OK;
}

/*
 * A list with commas, from its element number "first" on and round to it; a list of one, such as
 * the port of all hosts, stays.  The caller's, free(); NULL for NULL and out of memory.
 */
static char *
rotate(const char *list, unsigned first)
{
	struct sbuf text = {0};
	const char *from = list;
	size_t count = 1;

	if (list == NULL)
		return NULL;
	for (const char *c = list; *c != '\0'; c++)
		count += *c == ',';
	for (size_t i = first % count; i > 0; i--)
		from = strchr(from, ',') + 1;
	sbuf_put_text(&text, from);
	if (from != list) {
		sbuf_put_char(&text, ',');
		sbuf_put(&text, list, (size_t)(from - 1 - list));
	}
	return sbuf_detach(&text);
}

static PGconn *
connect_to(const struct db *db, const char *host, const char *hostaddr, const char *port)
{
	char user_timeout[16];
	/* The URL in "dbname" overrides values before it; values after it override the URL. */
	const char *const names[] = {"connect_timeout", "tcp_user_timeout", "keepalives_idle",
	    "dbname", "application_name", "client_encoding", "options", "target_session_attrs",
	    "host", "hostaddr", "port", NULL};
	const char *const values[] = {"3", user_timeout, "30", db->url, db->program, "UTF8",
	    db->options, "read-write", host, hostaddr, port, NULL};

	snprintf(user_timeout, sizeof(user_timeout), "%d", db->timeout_ms + DB_GRACE_MS);
	return PQconnectStartParams(names, values, 1);
}

/* libpq itself goes on to the next server from one that refuses, but not from one that is silent.
 */
static PGconn *
connect_start(const struct db *db)
{
	char *host = rotate(db->host, db->first_host);
	char *hostaddr = rotate(db->hostaddr, db->first_host);
	char *port = rotate(db->port, db->first_host);
	PGconn *conn = NULL;

	if ((host != NULL) == (db->host != NULL) && (hostaddr != NULL) == (db->hostaddr != NULL) &&
	    (port != NULL) == (db->port != NULL))
		conn = connect_to(db, host, hostaddr, port);
	free(host);
	free(hostaddr);
	free(port);
	return conn;
}

/* Wait for the connection, with our own deadline: PQconnectPoll() ignores connect_timeout. */
static bool
connect_wait(PGconn *conn)
{
	int64_t deadline_ms = clock_monotonic_ms() + CONNECT_TIMEOUT_MS;
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (conn == NULL || PQstatus(conn) == CONNECTION_BAD)
		return false;
	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
		if (!db_attempt_wait(
			conn, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms))
			return false;
		status = PQconnectPoll(conn);
	}
	return status == PGRES_POLLING_OK && PQsetnonblocking(conn, 1) == 0;
}

/* With a server that hangs, the delay grows to as long as a try takes ("took_ms"). */
static void
back_off(struct db *db, int64_t took_ms)
{
	int most_ms = took_ms > BACKOFF_MAX_MS ? (int)took_ms : BACKOFF_MAX_MS;
	uint32_t random = 0;

	db->backoff_ms = db->backoff_ms == 0 ? BACKOFF_MIN_MS : db->backoff_ms * 2;
	if (db->backoff_ms > most_ms)
		db->backoff_ms = most_ms;
	/* Half of the delay is random jitter, so that many processes do not reconnect at once. */
	if (secret_random(&random, sizeof(random)) != SW_OK)
		random = 0;
	db->retry_at_ms = clock_monotonic_ms() + db->backoff_ms / 2 +
			  (int64_t)(random % (uint32_t)(db->backoff_ms / 2 + 1));
}

static enum sw_err
connect_failed(struct db *db, int64_t began_ms)
{
	const char *why = "out of memory";

	db->first_host++; /* the next try begins with another server */
	if (db->conn != NULL)
		why = PQstatus(db->conn) == CONNECTION_BAD ? PQerrorMessage(db->conn)
							   : "no answer in time";
	log_event(LOG_WARN, "db.connect", "err", why, (const char *)NULL);
	db_connection_drop(db);
	back_off(db, clock_monotonic_ms() - began_ms);
	return SW_EUNAVAILABLE;
}

/* LISTEN anew on a connection just made. */
static bool
listen_again(struct db *db)
{
	for (size_t i = 0; i < db->listen_count; i++) {
		PGresult *result;
		bool ok = db_attempt(db, db->listens[i], NULL, &result) == ATTEMPT_DONE &&
			  PQresultStatus(result) == PGRES_COMMAND_OK;

		PQclear(result);
		if (!ok)
			return false;
	}
	return true;
}

/* A server that ends an idle connection first sends a fatal error, to libpq a notice. */
static void
on_notice(void *context, const PGresult *result)
{
	struct db *db = context;
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		db->ending = true;
}

static enum sw_err
make_connection(struct db *db)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms < db->retry_at_ms)
		return SW_EUNAVAILABLE;
	db->conn = connect_start(db);
	if (!connect_wait(db->conn))
		return connect_failed(db, now_ms);
	PQsetNoticeReceiver(db->conn, on_notice, db);
	if (!listen_again(db))
		return connect_failed(db, now_ms);
	db->backoff_ms = 0;
	db->retry_at_ms = 0;
	if (db->connected_before || db->listen_count > 0)
		db->remade = true;
	db->connected_before = true;
	return SW_OK;
}

/* Read what the server sent while the connection was idle; false when the connection is lost. */
static bool
take_input(struct db *db)
{
	struct pollfd wait = {.fd = PQsocket(db->conn), .events = POLLIN};

	while (wait.fd >= 0 && poll(&wait, 1, 0) > 0) {
		if (PQconsumeInput(db->conn) == 0)
			return false;
		(void)PQisBusy(db->conn); /* parses what was read */
	}
	return PQstatus(db->conn) == CONNECTION_OK && !db->ending;
}

enum sw_err
db_connection_ready(struct db *db)
{
	if (db->conn != NULL && db->stale)
		db_connection_drop(db);
	if (db->conn != NULL && !take_input(db)) {
		log_event(LOG_WARN, "db.closed", (const char *)NULL);
		db_connection_drop(db);
	}
	if (db->conn != NULL)
		return SW_OK;
	return make_connection(db);
}
