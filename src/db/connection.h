#ifndef SWITCHBOARD_DB_CONNECTION_H
#define SWITCHBOARD_DB_CONNECTION_H

#include "base/err.h"
#include "db/state.h"

/* The connection of a struct db: how it is made, noticed to be dead, and dropped. */

/*
 * Check the URL and prepare the connection options.  SW_EINPUT: libpq does
 * not understand it (logged without its text).  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err db_connection_parse_url(struct db *db);

/*
 * Make sure of a connection fit for a statement.  One that the server closed
 * while it was idle is noticed here, before anything is sent, so that even a
 * statement that must not run twice survives a restart of the server.  Blocks
 * at most 3 s (and name resolution).  SW_EUNAVAILABLE: none, or the back-off
 * has not passed.
 */
SW_MUSTCHECK enum sw_err db_connection_ready(struct db *db);

/* Close the connection and forget what belonged to it.  No transaction survives. */
void db_connection_drop(struct db *db);

#endif
