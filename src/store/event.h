#ifndef SWITCHBOARD_STORE_EVENT_H
#define SWITCHBOARD_STORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "db/db.h"

/* Statements on event.  Each is one round trip, with the errors of db_exec(). */

/* The events of one webhook: their installation, and webhook_body.events_json. */
struct store_webhook {
	const char *installation_id;
	const char *events_json;
};

/* What they changed. */
struct store_ingest {
	bool known;     /* the installation is linked here */
	int64_t stored; /* events that were new */
	bool page;      /* something that its page shows */
	bool work;      /* the worker's queues */
	bool removed;   /* the installation was removed: sessions may have ended */
};

/*
 * Store and apply the events of "count" webhooks, in this order, in one transaction: all or
 * nothing.  "out" has room for as many.  SW_ELOCKED: somebody else has the row of one of the
 * installations, or another one that is needed.  With "notify_inline" that transaction also sends
 * the wake-up for the page of the first (notify_begin_inline()).  SW_ECONFLICT: repeat it.  SW_OK
 * means committed.
 */
SW_MUSTCHECK enum sw_err store_event_ingest(struct db *db, const struct store_webhook *webhooks,
    size_t count, bool notify_inline, struct store_ingest *out);

/*
 * Which of "count" webhooks are for an installation whose row somebody else has locked now; waits
 * for none.  "locked" has room for as many, all false on failure.
 */
SW_MUSTCHECK enum sw_err
store_event_locked(struct db *db, const struct store_webhook *webhooks, size_t count, bool *locked);

/*
 * Make the partitions of event that are missing, up to 14 days ahead; *made is how many.  Waits for
 * a lock for 100 ms at most: SW_ELOCKED.
 */
SW_MUSTCHECK enum sw_err store_event_partition_make(struct db *db, int64_t *made);

/*
 * Detach a partition with events older than days_kept (without a lock that others wait for), drop
 * one that is detached, and delete events without a partition that are past their time, some of
 * each; *changes counts them, 0 when all is done.  A few round trips; each waits for a lock for
 * 100 ms at most: SW_ELOCKED, for example while a backup reads, and nothing of the others is
 * undone.
 */
SW_MUSTCHECK enum sw_err
store_event_retire(struct db *db, struct arena *arena, int64_t days_kept, int64_t *changes);

#endif
