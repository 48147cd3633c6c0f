#ifndef SWITCHBOARD_STREAM_SESSION_H
#define SWITCHBOARD_STREAM_SESSION_H

#include <stdint.h>
#include "base/err.h"
#include "db/db.h"
#include "stream/feed.h"
#include "stream/stream.h"

/*
 * The sessions of open streams.  Both functions block for a statement for each SESSION_REACH_MAX
 * streams that they read or record; errors are those of store_session_reach() and
 * store_session_seen().
 */

/*
 * Compare the unchecked streams (session_index.h) with what their sessions may see now.  A session
 * that ended (signed out, expired, no installation left) ends its streams with "bye".  A stream is
 * subscribed to installations that were linked meanwhile, which makes their feeds stale, and gets
 * the status "removed" of those that are gone.  On failure the streams not looked at stay as they
 * were, unchecked.  Logs at level debug how many streams it looked at.
 */
SW_MUSTCHECK enum sw_err
sessions_check(struct streams *streams, struct feeds *feeds, struct db *db);

/*
 * Record that the sessions of open streams are in use: at the first call after a stream opened, and
 * every ten minutes.  On failure those streams are recorded ten minutes later.
 */
SW_MUSTCHECK enum sw_err sessions_mark_seen(struct streams *streams, struct db *db, int64_t now_ms);

#endif
