#ifndef SWITCHBOARD_WORKER_SEAL_H
#define SWITCHBOARD_WORKER_SEAL_H

#include "base/err.h"
#include "worker/context.h"

/*
 * Rotation of SWITCHBOARD_SEAL_KEYS: stored tokens that are not under the first key are sealed
 * anew, a few at a time between other work.  Any number of workers may do so at once.
 */
SW_MUSTCHECK enum sw_err sealer_new(struct sealer **out);

/* NULL is fine. */
void sealer_free(struct sealer *sealer);

/*
 * Do the next few rows when their time has come, and look once a minute whether there are any;
 * gives in how many ms to call again.  The end of it is logged as event=seal.done: then nothing
 * that this worker can see (the database, its own spool) needs another key than the first.  Else
 * event=seal.left says how much does.  A row that no key opens is logged once
 * (event=token.sealed), its location shown as one to be linked again, and the row left as it is:
 * with the key back it is opened again.
 */
int seal_run(struct worker *worker);

#endif
