#ifndef SWITCHBOARD_STORE_SIGNING_KEY_H
#define SWITCHBOARD_STORE_SIGNING_KEY_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "db/db.h"
#include "base/err.h"
#include "base/secret.h"

/*
 * Statements on signing_key and confirmation.  Each is one round trip, with
 * the errors of db_exec(); what they hand out lives in the arena.
 */

/* What one process may do about the certificate of a keyId. */
enum store_key_action {
	STORE_KEY_CACHED,      /* use the one that comes with this answer */
	STORE_KEY_FETCH,       /* ask the key server, then store_key_put() */
	STORE_KEY_WAIT,        /* another process is asking: come back soon */
	STORE_KEY_REFUSED,     /* the key server had none, less than 60 s ago */
	STORE_KEY_AWAY,        /* the key server did not answer, less than 60 s ago */
	STORE_KEY_OVER_BUDGET, /* too many keyIds never seen before in this minute */
	STORE_KEY_ACTION__MAX
};

struct store_key {
	enum store_key_action action;
	const char *certificate; /* PEM; NULL unless cached */
	int64_t age_s;           /* since it was fetched */
};

/* Decide who fetches.  SW_EINTERNAL: the database says a word we do not know. */
SW_MUSTCHECK enum sw_err
store_key_claim(struct db *db, struct arena *arena, const char *key_id, struct store_key *out);

/* Store a fetched certificate with the end of its life (seconds UTC). */
SW_MUSTCHECK enum sw_err store_key_put(struct db *db, struct arena *arena, const char *key_id,
    const char *certificate, int64_t not_after);

/* Remember for 60 s that there was none: the key server was away, or has no such key. */
SW_MUSTCHECK enum sw_err store_key_put_failure(struct db *db, const char *key_id, bool away);

/* Queue the fetch of a confirmation address, once; "*fresh" when it is new. */
SW_MUSTCHECK enum sw_err
store_confirmation_put(struct db *db, const uint8_t hash[static SECRET_SHA256_BYTES],
    const char *app_id, const char *url, bool *fresh);

struct store_confirmation {
	uint8_t hash[SECRET_SHA256_BYTES];
	const char *url; /* holds a one-time token: not for logs */
	int64_t attempts;
};

/* Addresses for this worker to fetch, at most "limit"; nobody else gets them for 60 s. */
SW_MUSTCHECK enum sw_err store_confirmation_claim(struct db *db, struct arena *arena,
    const char *worker_id, int limit, struct store_confirmation **out, size_t *count);

/* It is done ("error" NULL), or is to be tried again after the delay. */
SW_MUSTCHECK enum sw_err store_confirmation_finish(struct db *db, struct arena *arena,
    const uint8_t hash[static SECRET_SHA256_BYTES], const char *error, int64_t delay_ms);

#endif
