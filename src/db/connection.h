#ifndef SWITCHBOARD_DB_CONNECTION_H
#define SWITCHBOARD_DB_CONNECTION_H

#include "base/err.h"
#include "db/state.h"

/* The connection of a struct db: making it, noticing that it is lost, and dropping it. */

/*
 * Check the URL and prepare the connection options.  SW_EINPUT: libpq does
 * not understand it (logged without its text).  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err db_connection_parse_url(struct db *db);

/*
 * Make sure that there is a connection for a statement.  One that the server closed while it was
 * idle is noticed here, before anything is sent, so that after a restart of the server even a
 * statement that must not run twice succeeds.  Blocks at most 3 s (and name resolution).
 * SW_EUNAVAILABLE: no connection, or the back-off has not passed.
 */
SW_MUSTCHECK enum sw_err db_connection_ready(struct db *db);

/* Close the connection and forget what was prepared on it. */
void db_connection_drop(struct db *db);

#endif
