#ifndef SWITCHBOARD_STREAM_SESSION_H
#define SWITCHBOARD_STREAM_SESSION_H

#include "db/db.h"
#include "base/err.h"
#include "stream/hub.h"
#include "stream/stream.h"

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

/*
 * Note that the sessions of open streams are in use: when a stream is new, and every ten minutes.
 * What cannot be noted now is noted the next time.
 */
SW_MUSTCHECK enum sw_err
events_see_sessions(struct streams *streams, struct db *db, int64_t now_ms);

#endif
