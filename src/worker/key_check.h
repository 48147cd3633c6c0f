#ifndef SWITCHBOARD_WORKER_KEY_CHECK_H
#define SWITCHBOARD_WORKER_KEY_CHECK_H

#include <stdbool.h>
#include "base/err.h"
#include "worker/context.h"

/*
 * Are our SWITCHBOARD_SEAL_KEYS those that the tokens are sealed with?  Checked at the start and on
 * each connection before anything is claimed, and then once a minute.
 */
SW_MUSTCHECK enum sw_err key_check_new(struct key_check **out);

/* NULL is fine. */
void key_check_free(struct key_check *check);

/* Another connection: check before anything else is done. */
void key_check_request(struct worker *worker);

/*
 * Check when it is due: up to four round trips, more in the first minute of a new version.  False:
 * it is not known yet whether the keys are right, or a key is another one than that of the same id
 * that sealed tokens; then worker->misconfigured is set, after one line on stderr that names it.
 */
bool key_check_run(struct worker *worker);

/* In how many ms to call key_check_run() again. */
int key_check_wait_ms(const struct worker *worker);

/*
 * Tokens are sealed with a key that we lack, while another running worker has all that are needed:
 * whatever we would claim may be of such a token, so we claim nothing (event=seal.missing).
 */
bool key_check_pauses(const struct worker *worker);

/*
 * Must locations whose tokens this key sealed be linked again?  True for a key that is ours, for
 * what it does not open is damaged, and for one that no worker has had for an hour.  Else somebody
 * took it from SWITCHBOARD_SEAL_KEYS too early: it may come back.
 */
bool key_check_is_lost(const struct worker *worker, const char *key_id);

#endif
