#ifndef SWITCHBOARD_STREAM_HUB_H
#define SWITCHBOARD_STREAM_HUB_H

#include <stdbool.h>
#include <stdint.h>
#include "db/db.h"
#include "base/err.h"
#include "stream/stream.h"
#include "store/stream.h"

/*
 * Hubs: one per installation that somebody follows.  A wake-up marks a hub;
 * refreshing reads what changed after the oldest cursor of its followers and gives each
 * what it has not seen (design.md "Live updates by sequence").
 */
struct hubs;

/* NULL when out of memory. */
struct hubs *hubs_new(void);
/* Only after the last stream is gone. */
void hubs_free(struct hubs *hubs);

/*
 * Let a stream follow an installation from a cursor on; the hub is marked, so
 * that the next refresh brings it up to date.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
hub_follow(struct hubs *hubs, struct stream *stream, const char *installation_id, int64_t cursor);

/* End one follow, or all of a stream; a hub without followers goes. */
void hub_unfollow(struct follow *follow);

/* End all follows of a stream. */
void hub_unfollow_all(struct stream *stream);

/* Something changed: this installation, if anybody follows it; or perhaps all of them. */
void hubs_mark(struct hubs *hubs, const char *installation_id);

/* Perhaps all of them changed. */
void hubs_mark_all(struct hubs *hubs);

/*
 * A switch changed, and nothing else did at its seq (store_stream.h page_told): followers who
 * have seen all that was before get it now.  If there is one who has not, the hub is marked
 * instead.
 */
void hubs_tell(struct hubs *hubs, const struct page_change *change);

/* Is anything marked? */
bool hubs_are_marked(const struct hubs *hubs);

/*
 * Read and deliver for all marked hubs, PAGE_CHANGES_MAX in one statement.
 * Blocks for the statements.  On failure what was not read stays marked.
 * *removed is set when an installation turned out to be removed: sessions must be looked at.
 */
SW_MUSTCHECK enum sw_err hubs_refresh(struct hubs *hubs, struct db *db, bool *removed);

#endif
