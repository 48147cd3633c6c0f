/*
 * The check of the seal keys.  What it hides: how often, and what it remembers of keys that we
 * lack.
 */
#include "worker/key_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/seal_canary.h"

#define CHECK_MS 60000
/* While a key is missing: another worker's end, or start, is noticed sooner. */
#define CHECK_MISSING_MS 5000
#define RETRY_MS 500
/* Somebody who took away a key too early has an hour to give it back. */
#define LOST_S 3600

/* A key that tokens are sealed with, and that we lack. */
struct missing_key {
	char id[SEAL_KEY_ID_MAX + 1];
	bool elsewhere;
	bool lost;
};

struct key_check {
	bool done;       /* on this connection */
	int64_t next_ms; /* monotonic */
	size_t count;
	struct missing_key missing[SEAL_KEYS_MAX];
};

enum sw_err
key_check_new(struct key_check **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? SW_OK : SW_ENOMEM;
}

void
key_check_free(struct key_check *check)
{
	free(check);
}

void
key_check_request(struct worker *worker)
{
	worker->key_check->done = false;
	worker->key_check->next_ms = 0;
}

static void
log_missing(const struct missing_key *key)
{
	log_event(LOG_ERROR, "seal.missing", "key", key->id, "message",
	    key->elsewhere
		? "tokens are sealed with it and SWITCHBOARD_SEAL_KEYS lacks it, another worker "
		  "has it: nothing is claimed here"
	    : key->lost
		? "tokens are sealed with it and no worker has had it for an hour: their "
		  "locations must be linked again, or the key given back"
		: "tokens are sealed with it and SWITCHBOARD_SEAL_KEYS lacks it: give it back",
	    (const char *)NULL);
}

/* The same as before: log nothing. */
static bool
is_known(const struct key_check *check, const struct missing_key *key)
{
	for (size_t i = 0; i < check->count; i++) {
		const struct missing_key *old = &check->missing[i];

		if (strcmp(old->id, key->id) == 0)
			return old->elsewhere == key->elsewhere && old->lost == key->lost;
	}
	return false;
}

/* Remember the keys that we lack, in place of those of the last check. */
static void
take_missing(
    struct key_check *check, const struct seal_keys *keys, const struct store_canaries *found)
{
	struct key_check next = {.done = check->done, .next_ms = check->next_ms};

	for (size_t i = 0; i < found->count && next.count < SEAL_KEYS_MAX; i++) {
		const struct store_canary *canary = &found->canaries[i];
		struct missing_key *key = &next.missing[next.count];

		bool untold = canary->state == STORE_CANARY_UNKNOWN &&
			      !store_canary_has_key(keys, canary->key_id);

		if ((canary->state != STORE_CANARY_ABSENT && !untold) || !canary->used)
			continue;
		snprintf(key->id, sizeof(key->id), "%s", canary->key_id);
		key->elsewhere = canary->elsewhere;
		/* Without a known text nobody can say how long ago a worker had it. */
		key->lost = untold || (!canary->elsewhere && canary->unseen_s > LOST_S);
		if (!is_known(check, key))
			log_missing(key);
		next.count++;
	}
	if (check->count > 0 && next.count == 0)
		log_event(LOG_INFO, "seal.complete", (const char *)NULL);
	*check = next;
}

/* *wrong is the id of a key of ours that is another one than that of the others; NULL: none. */
static enum sw_err
find_wrong(struct worker *worker, const struct store_canaries *found, const char **wrong)
{
	const struct seal_keys *keys = &worker->config->seal_keys;
	enum sw_err err = SW_OK;

	*wrong = NULL;
	for (size_t i = 0; i < found->count && err == SW_OK && *wrong == NULL; i++) {
		const struct store_canary *canary = &found->canaries[i];
		bool opened = true;

		if (canary->state == STORE_CANARY_WRONG)
			opened = false;
		else if (canary->state == STORE_CANARY_UNKNOWN &&
			 store_canary_has_key(keys, canary->key_id))
			err = store_canary_prove(
			    worker->db, &worker->scratch, keys, canary->key_id, &opened);
		if (err == SW_OK && !opened)
			*wrong = canary->key_id;
	}
	return err;
}

static enum sw_err
check_keys(struct worker *worker)
{
	struct key_check *check = worker->key_check;
	const struct seal_keys *keys = &worker->config->seal_keys;
	struct store_canaries found;
	const char *wrong;
	enum sw_err err = store_canary_check(worker->db, &worker->scratch, keys, &found);

	if (err == SW_OK)
		err = find_wrong(worker, &found, &wrong);
	if (err != SW_OK)
		return err;
	if (wrong != NULL) {
		config_complain_seal_key(worker->config, wrong);
		worker->misconfigured = true;
		return SW_OK;
	}
	take_missing(check, keys, &found);
	return store_canary_seen(
	    worker->db, keys, worker->id, check->count > 0 ? check->missing[0].id : NULL);
}

bool
key_check_run(struct worker *worker)
{
	struct key_check *check = worker->key_check;
	int64_t now_ms = clock_monotonic_ms();

	if (!worker->misconfigured && now_ms >= check->next_ms) {
		if (check_keys(worker) == SW_OK) {
			check->done = true;
			check->next_ms = now_ms + (check->count > 0 ? CHECK_MISSING_MS : CHECK_MS);
		} else {
			check->next_ms = now_ms + RETRY_MS;
		}
	}
	return check->done && !worker->misconfigured;
}

int
key_check_wait_ms(const struct worker *worker)
{
	int64_t left_ms = worker->key_check->next_ms - clock_monotonic_ms();

	if (worker->misconfigured)
		return CHECK_MS;
	return left_ms > 0 ? (int)left_ms : 0;
}

bool
key_check_pauses(const struct worker *worker)
{
	for (size_t i = 0; i < worker->key_check->count; i++) {
		if (worker->key_check->missing[i].elsewhere)
			return true;
	}
	return false;
}

bool
key_check_is_lost(const struct worker *worker, const char *key_id)
{
	const struct key_check *check = worker->key_check;

	for (size_t i = 0; i < check->count; i++) {
		if (strcmp(check->missing[i].id, key_id) == 0)
			return check->missing[i].lost;
	}
	/* Else it came after the last check: another worker has it. */
	return store_canary_has_key(&worker->config->seal_keys, key_id);
}
