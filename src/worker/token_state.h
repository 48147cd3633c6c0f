#ifndef SWITCHBOARD_WORKER_TOKEN_STATE_H
#define SWITCHBOARD_WORKER_TOKEN_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "worker/context.h"

/*
 * What this process remembers of each installation's access token: which generation the platform
 * accepted or refused last.  A refused token is not sent again, but its refresh requested;
 * when fresh tokens are refused again and again, refreshes are requested ever less often.
 */
struct token_state;

/* An empty table, the caller's.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err token_states_new(struct token_states **out);

/* NULL is fine. */
void token_states_free(struct token_states *states);

/* Forget installations that were not called for an hour. */
void token_states_sweep(struct token_states *states);

/*
 * The state of an installation, made when there is none; valid until the next token_states_sweep().
 * NULL: out of memory, or the id is longer than any valid one.
 */
struct token_state *token_state_get(struct token_states *states, const char *installation_id);

/* Was this generation of the token refused? */
bool token_state_is_refused(const struct token_state *state, int64_t generation);

/* The platform accepted this generation. */
void token_state_accept(struct token_state *state, int64_t generation);

/*
 * The platform refused this generation, or ("expired") its time is over.  Requests the refresh in
 * the database, as urgent as the call: due at once or, for a fresh token that was never accepted,
 * after a delay of 5 s doubling to 300 s.  When the database does not take it, the next call tries
 * again.  One round trip.
 */
void token_state_refuse(struct worker *worker, struct token_state *state, int64_t generation,
    bool expired, enum work_priority priority);

#endif
