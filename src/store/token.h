#ifndef SWITCHBOARD_STORE_TOKEN_H
#define SWITCHBOARD_STORE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "db/db.h"
#include "base/err.h"
#include "smartthings/oauth.h"
#include "base/secret.h"

/*
 * Tokens (table token).  Callers hand in and get plain tokens; what reaches
 * the database is sealed here.  Only the worker's role may read them.
 * Errors as of db_exec(), and SW_ENOMEM; SW_EINTERNAL when sealing fails.
 */

/*
 * What binds a sealed token to its row: the associated data of secret.h.  "which" is "access" or
 * "refresh".  In the arena; NULL when out of memory.
 */
const char *
store_token_context(struct arena *arena, const char *installation_id, const char *which);

/* The access token of an installation, opened.  store_access_clear() cleanses and frees. */
struct store_access {
	char *token; /* heap */
	size_t length;
	int64_t generation;
	int64_t expires_in_s; /* 0 or less: its time has passed */
};

/*
 * SW_ENOTFOUND: no token is stored.  SW_EFORBIDDEN: there is one, but none of "keys" opens it
 * (logged); *out then has its generation.
 */
SW_MUSTCHECK enum sw_err store_token_load(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *installation_id, struct store_access *out);

/* Cleanse and free; an all-zero struct is fine. */
void store_access_clear(struct store_access *access);

/* A token whose refresh this worker alone may do for 60 s. */
struct store_refresh {
	const char *installation_id; /* in the arena */
	int64_t generation;
	int64_t failures;
	char *refresh_token; /* heap; NULL when none of the keys opens it (logged) */
	size_t length;
};

/* Tokens that are due, at most "limit", in the arena; store_refresh_clear() each of them. */
SW_MUSTCHECK enum sw_err
store_token_claim(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const char *worker_id, int limit, struct store_refresh **out, size_t *count);

/* Cleanse and free; an all-zero struct is fine. */
void store_refresh_clear(struct store_refresh *refresh);

/*
 * Seal and store the answer to a refresh of "generation" that was got "age_s" seconds ago.
 * *stored is false when a newer pair is there, or the installation is gone: the answer is of no
 * use.
 */
SW_MUSTCHECK enum sw_err store_token_store(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *installation_id, int64_t generation,
    const struct oauth_tokens *tokens, int64_t age_s, bool *stored);

/* A call met 401 with this generation: due for refresh now, unless it was refreshed meanwhile. */
SW_MUSTCHECK enum sw_err store_token_refused(
    struct db *db, struct arena *arena, const char *installation_id, int64_t generation);

/* A refresh failed for now; "error" says why, without secrets. */
SW_MUSTCHECK enum sw_err store_token_failed(struct db *db, struct arena *arena,
    const char *installation_id, int64_t generation, const char *error, int64_t delay_ms);

/* The platform refused the refresh token for good; *was_current is false when a newer pair is
 * there. */
SW_MUSTCHECK enum sw_err store_token_dead(struct db *db, struct arena *arena,
    const char *installation_id, int64_t generation, const char *error, bool *was_current);

#endif
