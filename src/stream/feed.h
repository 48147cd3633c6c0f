#ifndef SWITCHBOARD_STREAM_FEED_H
#define SWITCHBOARD_STREAM_FEED_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "db/db.h"
#include "store/stream.h"
#include "stream/stream.h"

/*
 * Feeds: one for each installation that an open stream shows.  A wake-up makes a feed stale; a
 * refresh reads what changed after the oldest cursor of its subscribers, and writes to each stream
 * what is after its own cursor (design.md "Live updates by sequence").
 */
struct feeds;

/* NULL when out of memory. */
struct feeds *feeds_new(void);

/* Only when no stream is left; NULL is fine. */
void feeds_free(struct feeds *feeds);

/*
 * Let a stream read an installation from a cursor on.  The feed becomes stale: the next refresh
 * writes what is missing.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err feed_subscribe(
    struct feeds *feeds, struct stream *stream, const char *installation_id, int64_t cursor);

/* End and free one subscriber; its feed goes with the last one. */
void feed_unsubscribe(struct subscriber *subscriber);

/* The same for all of a stream. */
void feed_unsubscribe_all(struct stream *stream);

/* The installation may have changed; nothing to do when no stream shows it. */
void feeds_mark_stale(struct feeds *feeds, const char *installation_id);

/* All of them may have changed. */
void feeds_mark_all_stale(struct feeds *feeds);

/*
 * A switch changed, and nothing else did at its seq (struct page_notice of store/stream.h): written
 * to all streams of the installation at once.  When one of them misses an earlier change, or the
 * feed is stale already, nothing is written and the next refresh reads it.
 */
void feeds_notify(struct feeds *feeds, const struct page_change *change);

/* Is there anything to refresh? */
bool feeds_have_stale(const struct feeds *feeds);

/*
 * Read and write what is new in all stale feeds, PAGE_CHANGES_MAX of them in one statement.
 * Blocks for the statements.  Errors are store_page_changes()'s; feeds that could not be read stay
 * stale.  Streams that show an installation which turned out to be removed are unchecked then
 * (session_index.h): sessions_check() is due.
 */
SW_MUSTCHECK enum sw_err feeds_refresh(struct feeds *feeds, struct db *db);

#endif
