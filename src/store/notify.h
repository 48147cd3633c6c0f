#ifndef SWITCHBOARD_STORE_NOTIFY_H
#define SWITCHBOARD_STORE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include "db/db.h"
#include "base/sbuf.h"

/*
 * Wake-ups (design.md "Live updates by sequence"): NOTIFY after the commit, in
 * its own asynchronous-commit transaction (or, when it is quiet, in that which made the change).  A
 * change is told at once when the last wake-up of this process is long enough ago:
 * PUBLISH_SPACING_MS times the square root of how many changes that one carried, up to
 * PUBLISH_INTERVAL_MS.  So they wait for no longer than it takes that their wake-ups cost little: 1
 * ms up to 1000 changes a second, 5 ms at 5000, 20 ms from 20 000 on.  A wake-up that is lost costs
 * a delay of at most 5 s, never data; so errors are logged and forgotten.
 *
 * Payload of switchboard_page: installation ids and "*" (look at all sessions
 * again: sign-in, sign-out, uninstall) joined by commas; or, from the transaction that made the
 * change, one id, a space and the switch that changed (page_wakeup() in sql/).  Payload of
 * switchboard_work: empty.
 */
#define PUBLISH_INTERVAL_MS 20
#define PUBLISH_SPACING_MS 1

struct publish {
	struct db *db;
	struct sbuf page; /* ids not sent yet, joined by commas */
	bool sessions;
	bool work;
	int changes;     /* remembered since the last sending */
	int64_t next_ms; /* monotonic: not before this */
	int64_t turn_began_ms;
	int64_t next_turn_ms; /* nor a turn before this */
};

/* "db" is borrowed. */
void publish_init(struct publish *publish, struct db *db);

/* Frees what was not sent. */
void publish_clear(struct publish *publish);

/* Remember that the page of an installation changed; an id is kept once. */
void publish_add_page(struct publish *publish, const char *installation_id);

/* Remember that sessions changed: sign-in, sign-out, uninstall. */
void publish_add_sessions(struct publish *publish);

/* Remember that there is something for a worker. */
void publish_add_work(struct publish *publish);

/*
 * May one change be told at once, by a NOTIFY in the caller's own transaction, in place of
 * publish_add_page()?  When it is time and nothing else is remembered: true, and publish_end_turn()
 * must follow the transaction.  Whoever else wants to NOTIFY waits meanwhile until it is on disk,
 * so that turns are as far apart as they take long.
 */
bool publish_take_turn(struct publish *publish);
void publish_end_turn(struct publish *publish);

/*
 * Send what has been remembered, when it is time.  Returns in
 * how many ms to call again, -1 when nothing is left.
 */
int publish_run(struct publish *publish);

#endif
