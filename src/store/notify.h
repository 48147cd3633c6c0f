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
 * NOTIFY_SPACING_MS times the square root of how many changes that one carried, up to
 * NOTIFY_INTERVAL_MS.  So they wait for no longer than it takes that their wake-ups cost little: 1
 * ms up to 1000 changes a second, 5 ms at 5000, 20 ms from 20 000 on.  A wake-up that is lost costs
 * a delay of at most 5 s, never data; so errors are logged and forgotten.
 *
 * Payload of switchboard_page: installation ids and "*" (look at all sessions
 * again: sign-in, sign-out, uninstall) joined by commas; or, from the transaction that made the
 * change, one id, a space and the switch that changed (page_wakeup() in sql/).  Payload of
 * switchboard_work: empty.
 */
#define NOTIFY_INTERVAL_MS 20
#define NOTIFY_SPACING_MS 1

struct notify {
	struct db *db;
	struct sbuf page; /* ids not sent yet, joined by commas */
	bool sessions;
	bool work;
	int changes;     /* remembered since the last sending */
	int64_t next_ms; /* monotonic: not before this */
	int64_t inline_began_ms;
	int64_t next_inline_ms; /* nor a turn before this */
};

/* "db" is borrowed. */
void notify_init(struct notify *notify, struct db *db);

/* Frees what was not sent. */
void notify_clear(struct notify *notify);

/* Remember that the page of an installation changed; an id is kept once. */
void notify_add_page(struct notify *notify, const char *installation_id);

/* Remember that sessions changed: sign-in, sign-out, uninstall. */
void notify_add_sessions(struct notify *notify);

/* Remember that there is something for a worker. */
void notify_add_work(struct notify *notify);

/*
 * May one change be told at once, by a NOTIFY in the caller's own transaction, in place of
 * notify_add_page()?  When it is time and nothing else is remembered: true, and notify_end_inline()
 * must follow the transaction.  Whoever else wants to NOTIFY waits meanwhile until it is on disk,
 * so that turns are as far apart as they take long.
 */
bool notify_begin_inline(struct notify *notify);
void notify_end_inline(struct notify *notify);

/*
 * Send what has been remembered, when it is time.  Returns in
 * how many ms to call again, -1 when nothing is left.
 */
int notify_run(struct notify *notify);

#endif
