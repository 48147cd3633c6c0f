/*
 * Accepted and refused access tokens, in a hash table by installation.
 */
#include "worker/token_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "store/token.h"
#include "worker/id.h"

#define BUCKETS 1024
#define IDLE_MS INT64_C(3600000)
/* Before a fresh token that was refused is refreshed again; doubled for each in a row. */
#define REFUSED_DELAY_MS INT64_C(5000)
#define REFUSED_DELAY_MAX_MS INT64_C(300000)
#define REFUSED_MAX 10 /* counted no further: the delay has reached its most */

struct token_state {
	struct token_state *next;
	char installation_id[ID_SIZE];
	int64_t used_ms;         /* monotonic */
	int64_t accepted;        /* the highest generation that was accepted; 0: none */
	int64_t refused;         /* the last generation that was refused; 0: none */
	int64_t request_from_ms; /* monotonic; its refresh is not due before this */
	int refused_in_a_row;    /* fresh tokens of which none was accepted */
};

struct token_states {
	struct token_state *buckets[BUCKETS];
};

enum sw_err
token_states_new(struct token_states **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? SW_OK : SW_ENOMEM;
}

/* Free all that were last used before a time. */
static void
free_unused(struct token_states *states, int64_t before_ms)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct token_state **link = &states->buckets[i];

		while (*link != NULL) {
			struct token_state *state = *link;

			if (state->used_ms >= before_ms) {
				link = &state->next;
				continue;
			}
			*link = state->next;
			free(state);
		}
	}
}

void
token_states_free(struct token_states *states)
{
	if (states != NULL)
		free_unused(states, INT64_MAX);
	free(states);
}

void
token_states_sweep(struct token_states *states)
{
	free_unused(states, clock_monotonic_ms() - IDLE_MS);
}

static size_t
bucket_of(const char *id)
{
	return hash_text(id) % BUCKETS;
}

struct token_state *
token_state_get(struct token_states *states, const char *installation_id)
{
	struct token_state **bucket = &states->buckets[bucket_of(installation_id)];
	struct token_state *state;

	for (state = *bucket; state != NULL; state = state->next) {
		if (strcmp(state->installation_id, installation_id) == 0)
			break;
	}
	if (state == NULL) {
		state = calloc(1, sizeof(*state));
		if (state == NULL || !id_copy(state->installation_id, installation_id)) {
			free(state);
			return NULL;
		}
		state->next = *bucket;
		*bucket = state;
	}
	state->used_ms = clock_monotonic_ms();
	return state;
}

bool
token_state_is_refused(const struct token_state *state, int64_t generation)
{
	return state->refused == generation;
}

void
token_state_accept(struct token_state *state, int64_t generation)
{
	if (state->accepted < generation)
		state->accepted = generation;
}

/* How long a token that has just been refused waits for its refresh. */
static int64_t
delay_of_refused(struct token_state *state, int64_t generation, bool expired)
{
	bool never_accepted = !expired && state->refused != 0 && state->accepted < generation;
	int64_t delay_ms = 0;

	if (!never_accepted)
		state->refused_in_a_row = 0;
	else if (state->refused_in_a_row < REFUSED_MAX)
		state->refused_in_a_row++;
	if (state->refused_in_a_row > 0)
		delay_ms = REFUSED_DELAY_MS << (state->refused_in_a_row - 1);
	return delay_ms < REFUSED_DELAY_MAX_MS ? delay_ms : REFUSED_DELAY_MAX_MS;
}

void
token_state_refuse(struct worker *worker, struct token_state *state, int64_t generation,
    bool expired, enum work_priority priority)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t left_ms;
	enum sw_err err;

	if (state->refused != generation) {
		state->request_from_ms = now_ms + delay_of_refused(state, generation, expired);
		state->refused = generation;
	}
	left_ms = state->request_from_ms > now_ms ? state->request_from_ms - now_ms : 0;
	err = store_token_refused(
	    worker->db, &worker->scratch, state->installation_id, generation, priority, left_ms);
	if (err != SW_OK)
		log_event(LOG_WARN, "token.refused", "installation", state->installation_id, "err",
		    err_name(err), (const char *)NULL);
	worker->has_work = true;
}
