#ifndef SWITCHBOARD_DB_DB_H
#define SWITCHBOARD_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/stmt.h"

/*
 * PostgreSQL (libpq): one connection per struct db, made at the first use and again after a loss;
 * statements are prepared at their first use on each connection.  Only statements of stmt.h are
 * sent.
 */
struct db;

/*
 * The longest wait for a lock in a loop that works for all installations: for whatever reason the
 * rows of one are locked, the others do not wait for longer.
 */
#define DB_LOCK_TIMEOUT_MS 200

/*
 * Remember where the database is; connects at the first use.  Sets on the
 * connection: application_name=program, client_encoding UTF8, connect_timeout 3 s,
 * tcp_user_timeout, statement_timeout (statement_timeout_ms), lock_timeout (lock_timeout_ms),
 * idle_in_transaction_session_timeout (60 s), search_path switchboard; other "options" of the URL
 * stay in force.  Of several servers in the URL the one that can be written to is taken; a
 * connection to one that no longer can is dropped (25006), and the statement, which did not run, is
 * sent once more.  *out is the caller's.  SW_EINPUT: not a libpq connection URI.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err db_new(const char *url, const char *program, int statement_timeout_ms,
    int lock_timeout_ms, struct db **out);

/* Closes the connection; NULL is fine. */
void db_free(struct db *db);

/* Decimal text of a number in the arena, for DB_TEXT; NULL (SQL NULL) when out of memory. */
const char *db_int_text(struct arena *arena, int64_t value);

struct db_result;

/*
 * Run a statement.  "params" has exactly the count stmt.h names (checked by assert).  *out (may be
 * NULL when no rows are wanted) is the caller's, db_result_free(); NULL on failure.
 * Blocks at most 3 s for a connection, and statement timeout + 2 s even when the server
 * hangs (then the connection is closed: SW_EUNAVAILABLE).  After a failed
 * connect, further calls fail at once until a back-off (100 ms doubling to
 * 1 s, or to as long as the try took; half of the delay is random jitter) has passed.  A statement
 * flagged as safe to repeat is run once more on a fresh connection when the connection was lost.
 * SW_EUNAVAILABLE: no connection, or shutting down (57P0x, 53xxx, 08xxx, 25006).  SW_ETIMEOUT:
 * 57014.  SW_ELOCKED: 55P03, it waited for a lock for lock_timeout_ms; the statement has done
 * nothing, and the caller may repeat it later.  SW_ECONFLICT: 23505, and 40001/40P01 (the caller
 * may repeat).  SW_EINPUT: 22xxx and 23514, 23503, 23502. SW_ENOTFOUND: P0002 raised by our
 * functions.  SW_EFORBIDDEN: 42501. SW_EINTERNAL: anything else.  Logs SQLSTATE, statement name and
 * primary message; never parameters or DETAIL.
 */
SW_MUSTCHECK enum sw_err
db_exec(struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out);

/* The number of rows.  Texts of values are borrowed until db_result_free(). */
int db_result_rows(const struct db_result *result);

/* Is this value SQL NULL? */
bool db_result_is_null(const struct db_result *result, int row, int column);

/* Text of a value, "" for NULL. */
const char *db_result_text(const struct db_result *result, int row, int column);

/* The same, but NULL for SQL NULL. */
const char *db_result_text_or_null(const struct db_result *result, int row, int column);

/* A whole number; 0 for NULL or another text. */
int64_t db_result_int(const struct db_result *result, int row, int column);

/* True for true; false for NULL too. */
bool db_result_bool(const struct db_result *result, int row, int column);

/* Bytes of a bytea value, malloc'd for the caller, *length set; NULL for NULL or no memory. */
uint8_t *db_result_bytes(const struct db_result *result, int row, int column, size_t *length);

/* NULL is fine. */
void db_result_free(struct db_result *result);

/* Is there a live connection now (without trying)? */
bool db_is_connected(const struct db *db);

/*
 * Was the connection remade since the last call (or db_take_notice())?  Then a statement sent on
 * the old one may have run although it was reported as failed.
 */
bool db_was_remade(struct db *db);

/*
 * LISTEN (streamer and worker): remembers the channel and issues LISTEN now
 * and again after every reconnect.  The channels are fixed names of ours:
 * "switchboard_page" and "switchboard_work".  Errors as db_exec(): the loop may go on, it
 * connects later.
 */
SW_MUSTCHECK enum sw_err db_listen(struct db *db, enum stmt_id listen_statement);

/* The descriptor to wait on for notifications, -1 when not connected. */
int db_socket(const struct db *db);

/*
 * Read what has arrived without blocking and give the payload of the next
 * notification (arena), NULL when there is none.  *reconnected (may be NULL) is set when the
 * connection was remade since the last call, so notifications may have been missed.
 * SW_EUNAVAILABLE: connection lost (it is remade by a later call, with the back-off). Call it until
 * it gives NULL, also after db_exec(), which may have read notifications from the descriptor
 * already. Reconnecting blocks at most 3 s.
 */
SW_MUSTCHECK enum sw_err
db_take_notice(struct db *db, struct arena *arena, const char **payload, bool *reconnected);

#endif
