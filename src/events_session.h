#ifndef SWITCHBOARD_EVENTS_SESSION_H
#define SWITCHBOARD_EVENTS_SESSION_H

#include "db.h"
#include "err.h"
#include "events_hub.h"
#include "events_stream.h"

/*
 * Whether streams may go on: their sessions, and the installations those may
 * see.  A session that ended (signed out, expired, nothing left to see) ends
 * its streams with "bye"; a location that was linked meanwhile joins, one
 * that is gone is told as removed.
 *
 * Looks at all streams, SESSION_REACH_MAX in one statement.  On failure the
 * rest stays as it was.  New follows mark their hubs.
 */
SW_MUSTCHECK enum sw_err
events_check_sessions(struct streams *streams, struct hubs *hubs, struct db *db);

#endif
