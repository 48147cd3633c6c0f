#ifndef SWITCHBOARD_STORE_EVENT_H
#define SWITCHBOARD_STORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include "db.h"
#include "err.h"

/* Statements on event.  Each is one round trip, with the errors of db_exec(). */

struct store_ingest {
	bool known;     /* the installation is linked here */
	int64_t stored; /* events that were new */
	bool page;      /* something to show changed */
	bool work;      /* there is something for a worker */
	bool removed;   /* the installation is gone, sessions may have ended */
};

/*
 * Store and apply the events of one webhook, all or nothing; "events_json" is
 * event_request.events_json.  SW_ECONFLICT: repeat it.  SW_OK means committed.
 */
SW_MUSTCHECK enum sw_err store_event_ingest(
    struct db *db, const char *installation_id, const char *events_json, struct store_ingest *out);

/* Make the coming partitions of event, drop those past their time; "*changes" counts both. */
SW_MUSTCHECK enum sw_err store_event_keep_partitions(struct db *db, int64_t *changes);

#endif
