#ifndef SWITCHBOARD_STORE_TOKEN_H
#define SWITCHBOARD_STORE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"
#include "formats/seal.h"
#include "smartthings/oauth.h"
#include "store/work.h"

/*
 * Tokens (table token).  Callers hand in and get plain tokens; they are sealed and opened here.
 * Only the worker's role may read the table.  Errors as of db_exec(), and SW_ENOMEM; SW_EINTERNAL
 * when sealing fails.
 */

/* Both tokens of an installation as they are stored; store_sealed_clear() frees. */
struct store_sealed {
	uint8_t *access, *refresh;
	size_t access_length, refresh_length;
	char key_id[SEAL_KEY_ID_MAX + 1]; /* of the key that sealed them */
};

/*
 * Seal tokens under the first key.  Each is bound to its installation and to what it is, so that a
 * row that was moved or mixed up does not open.  On failure *out is all zero.
 */
SW_MUSTCHECK enum sw_err store_token_seal(struct arena *arena, const struct seal_keys *keys,
    const char *installation_id, const struct oauth_tokens *tokens, struct store_sealed *out);

/* Free; an all-zero struct is fine. */
void store_sealed_clear(struct store_sealed *sealed);

/* The access token of an installation, opened.  store_access_clear() cleanses and frees. */
struct store_access {
	char *token; /* heap */
	size_t length;
	int64_t generation;
	int64_t expires_in_s; /* 0 or less: it has expired */
};

/*
 * SW_ENOTFOUND: no token is stored.  SW_EFORBIDDEN: there is one, but none of "keys" opens it
 * (logged); *out then has its generation.
 */
SW_MUSTCHECK enum sw_err store_token_load(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *installation_id, struct store_access *out);

/* Cleanse and free; an all-zero struct is fine. */
void store_access_clear(struct store_access *access);

/* The refresh token of an installation, opened.  store_refresh_clear() cleanses and frees. */
struct store_refresh {
	int64_t generation;
	int64_t failures;
	char *refresh_token; /* heap; NULL when none of the keys opens it (logged) */
	size_t length;
};

/* SW_ENOTFOUND: no token is stored.  store_refresh_clear() *out, also on failure. */
SW_MUSTCHECK enum sw_err store_token_to_refresh(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *installation_id, struct store_refresh *out);

/* Cleanse and free; an all-zero struct is fine. */
void store_refresh_clear(struct store_refresh *refresh);

/*
 * Seal and store the reply to a refresh of "generation" that was received "age_s" seconds ago.
 * It takes the place of any older pair.  *stored is false when a newer pair is there, or the
 * installation was removed: the reply is then to be dropped.
 */
SW_MUSTCHECK enum sw_err store_token_store(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *installation_id, int64_t generation,
    const struct oauth_tokens *tokens, int64_t age_s, bool *stored);

/* An answer in a worker's spool, and what the database says of it. */
struct store_spooled {
	const char *installation_id; /* borrowed */
	int64_t generation;          /* of the refresh that it answers */
	enum {
		STORE_SPOOLED_STORED, /* this pair is stored, or that is not known */
		STORE_SPOOLED_NEWER,  /* an older pair is stored */
		STORE_SPOOLED_OLDER   /* a newer pair is stored, or the installation is gone */
	} state;
};

/* Set the state of each of the answers.  One round trip, whose result has the last two kinds only.
 */
SW_MUSTCHECK enum sw_err
store_token_spooled(struct db *db, struct store_spooled *answers, size_t count);

/*
 * A call with this generation got 401, or its time is over: its refresh is due after the delay, as
 * urgent as the call, unless another generation has come meanwhile.
 */
SW_MUSTCHECK enum sw_err store_token_refused(struct db *db, struct arena *arena,
    const char *installation_id, int64_t generation, enum work_priority priority, int64_t delay_ms);

/* A refresh failed for now; "error" says why, without secrets. */
SW_MUSTCHECK enum sw_err store_token_failed(struct db *db, struct arena *arena,
    const char *installation_id, int64_t generation, const char *error, int64_t delay_ms);

/*
 * The platform refused the refresh token.  invalid_grant may be its mistake: the token is sent
 * again after 1 and 10 minutes, then daily for a week.  The location must be linked again at the
 * third refusal, or before when its access token is no good or a refresh had no answer; for any
 * other "error" now.
 * *was_current is false when a newer pair is there, which stays in use.
 */
SW_MUSTCHECK enum sw_err store_token_dead(struct db *db, struct arena *arena,
    const char *installation_id, int64_t generation, const char *error, bool *was_current);

/* What follows from a refusal that does not say what is refused. */
enum store_refusal {
	STORE_REFUSAL_AGAIN,  /* the refresh is tried again after the delay */
	STORE_REFUSAL_CLIENT, /* the same; every location is refused: the client settings are wrong
			       */
	STORE_REFUSAL_DEAD,   /* the location must be linked again */
	STORE_REFUSAL__MAX
};

/*
 * The platform refused the refresh and did not say invalid_grant (platform.md "Refresh"): the token
 * is dead when its 30 days are over, or when it is refused for hours while others are refreshed.
 * "names_client": it refuses the client's credentials, which never makes a location be linked again
 * before the 30 days are over.
 */
SW_MUSTCHECK enum sw_err
store_token_refresh_refused(struct db *db, struct arena *arena, const char *installation_id,
    int64_t generation, bool names_client, int64_t delay_ms, enum store_refusal *out);

/*
 * For store/seal_canary: does the access token in the second column of a row open, of the
 * installation in the first?
 */
SW_MUSTCHECK enum sw_err store_token_opens(struct arena *arena, const struct seal_keys *keys,
    const struct db_result *result, int row, bool *opens);

/*
 * Sealing stored tokens anew under the first key, after the keys were changed.  A row is replaced
 * only while it is the one that was read: a refresh or a new link in between has precedence.
 */

/* May there be rows to seal anew?  Reads the ends of indexes, so it may be called every minute. */
SW_MUSTCHECK enum sw_err store_seal_is_due(struct db *db, const struct seal_keys *keys, bool *due);

/* Rows that another key than the first has sealed, or that store_seal_unopened() has marked. */
struct store_seal_rows {
	struct db_result *result;
	int count;
};

/*
 * At most "limit" of them, in the order of their ids, whose id comes after "after" ("" = from the
 * start).  store_seal_rows_clear() it.
 */
SW_MUSTCHECK enum sw_err store_seal_next(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *after, int limit, struct store_seal_rows *out);

/* Free; an all-zero struct is fine. */
void store_seal_rows_clear(struct store_seal_rows *rows);

/* The installation of a row's tokens; borrowed until the rows are cleared. */
const char *store_seal_installation(const struct store_seal_rows *rows, int row);

/* The id of the key that sealed them; borrowed as well. */
const char *store_seal_key_id(const struct store_seal_rows *rows, int row);

/* Was it marked by store_seal_unopened()?  Then its page changes when it is opened. */
bool store_seal_is_marked(const struct store_seal_rows *rows, int row);

/*
 * Open a row, seal it under the first key, store it.  *stored is false when another pair has taken
 * its place, which is left as it is.  SW_EFORBIDDEN: none of "keys" opens it; nothing was changed.
 */
SW_MUSTCHECK enum sw_err store_seal_renew(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const struct store_seal_rows *rows, int row, bool *stored);

/*
 * Mark a row that no key opens: its location must be linked again, or the key given back.  The
 * sealed pair stays.  *changed is false when it was marked already, or another pair has taken its
 * place.
 */
SW_MUSTCHECK enum sw_err
store_seal_unopened(struct db *db, const struct store_seal_rows *rows, int row, bool *changed);

#endif
