#ifndef SWITCHBOARD_WORKER_SEAL_H
#define SWITCHBOARD_WORKER_SEAL_H

#include "base/err.h"
#include "worker/context.h"

/*
 * Rotation of SWITCHBOARD_SEAL_KEYS: stored tokens that are not sealed under the first key are
 * sealed again under it, a few at a time between other work.  Several workers may do so at once.
 */
SW_MUSTCHECK enum sw_err sealer_new(struct sealer **out);

/* NULL is fine. */
void sealer_free(struct sealer *sealer);

/*
 * Seal the next few rows when their time has come, and check once a minute whether there are any.
 * Returns in how many ms to call it again.  At most 8 rows, with two round trips each.
 * When all is done event=seal.done is logged: nothing in the database or in this worker's spool
 * needs another key than the first.  Else event=seal.left says how much does.  A row that no key
 * opens stays as it is; when its key is lost (key_check.h), it is logged once (event=token.sealed),
 * and its location is shown as one to be linked again until the key is back.
 */
int seal_run(struct worker *worker);

#endif
