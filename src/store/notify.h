#ifndef SWITCHBOARD_STORE_NOTIFY_H
#define SWITCHBOARD_STORE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/sbuf.h"
#include "db/db.h"

/*
 * Wake-ups of the streamer and the worker (design.md "Live updates by sequence"): NOTIFY after the
 * commit, in an asynchronous-commit transaction of its own, or within the transaction of the change
 * (notify_begin_inline()).  A wake-up that is lost costs a delay of at most 5 s, never data; so
 * errors are logged and forgotten.
 *
 * Wake-ups are sent apart by NOTIFY_SPACING_MS times the square root of the number of changes that
 * the last one carried, up to NOTIFY_INTERVAL_MS: 1 ms up to 1000 changes a second, 5 ms at 5000,
 * 20 ms from 20 000 on.  So one that carries many, which costs more, is sent less often, and a
 * single change waits for nothing.
 *
 * Payload of switchboard_page: installation ids and people joined by commas; or, from the
 * transaction of the change, one id, a space and the switch that changed (page_wakeup() in sql/).
 * A person is NOTIFY_USER and a number: read this person's sessions again.  "*", which programs of
 * the version before send, means those of everybody.  Payload of switchboard_work: empty.
 */
#define NOTIFY_USER '@' /* in no id */
#define NOTIFY_INTERVAL_MS 20
#define NOTIFY_SPACING_MS 1

struct notify {
	struct db *db;
	struct sbuf page; /* entries to be sent, joined by commas */
	bool work;
	int changes;     /* added since the last wake-up */
	int64_t next_ms; /* monotonic: no wake-up before this */
	int64_t inline_began_ms;
	int64_t next_inline_ms; /* no inline wake-up before this */
};

/* "db" is borrowed. */
void notify_init(struct notify *notify, struct db *db);

/* Frees what was not sent; NULL is fine. */
void notify_clear(struct notify *notify);

/* The page of an installation changed.  Its id is sent once, however often it is added. */
void notify_add_page(struct notify *notify, const char *installation_id);

/*
 * What this person's sessions show changed: signed in or out, a location linked or left.  (Of one
 * that was removed notify_add_page() is enough: the streamer reads the sessions that show it.)
 */
void notify_add_user(struct notify *notify, int64_t user_id);

/* There is work for a worker. */
void notify_add_work(struct notify *notify);

/*
 * May the transaction of the next change send its wake-up itself, in place of notify_add_page()?
 * True when a wake-up is due and nothing else waits to be sent; notify_end_inline() must follow the
 * transaction.  NOTIFY holds a lock of the whole database until the transaction is on disk: so the
 * pause after an inline wake-up is as long as its transaction was.
 */
bool notify_begin_inline(struct notify *notify);

/* The transaction has ended, whether or not it was committed. */
void notify_end_inline(struct notify *notify);

/*
 * Send what was added, when a wake-up is due; what could not be sent is lost, but for what met the
 * lock of another NOTIFY, which is sent later.  Returns in how many ms to call again, -1 when
 * nothing is left.
 */
int notify_run(struct notify *notify);

#endif
