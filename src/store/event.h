#ifndef SWITCHBOARD_STORE_EVENT_H
#define SWITCHBOARD_STORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include "db/db.h"
#include "base/err.h"

/* Statements on event.  Each is one round trip, with the errors of db_exec(). */

/* A webhook's events: whose, and webhook_body.events_json. */
struct store_webhook {
	const char *installation_id;
	const char *events_json;
};

struct store_ingest {
	bool known;     /* the installation is linked here */
	int64_t stored; /* events that were new */
	bool page;      /* something to show changed */
	bool work;      /* there is something for a worker */
	bool removed;   /* the installation is gone, sessions may have ended */
};

/*
 * Store and apply the events of "count" webhooks, in this order, in one transaction: all or
 * nothing.  "out" has room for as many.  With "tell" those who show the page of the first are woken
 * by that same transaction (notify_begin_inline()).  SW_ECONFLICT: repeat it.  SW_OK means
 * committed.
 */
SW_MUSTCHECK enum sw_err store_event_ingest(struct db *db, const struct store_webhook *webhooks,
    size_t count, bool tell, struct store_ingest *out);

/* Make the coming partitions of event, drop those past their time; "*changes" counts both. */
SW_MUSTCHECK enum sw_err store_event_keep_partitions(struct db *db, int64_t *changes);

#endif
