#ifndef SWITCHBOARD_STORE_SIGNING_KEY_H
#define SWITCHBOARD_STORE_SIGNING_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"

/*
 * Certificates of signing keys, which all processes share (table signing_key).  Each statement is
 * one round trip, with the errors of db_exec(); texts live in the arena.
 */

/* What one process may do about the certificate of a keyId. */
enum store_key_action {
	STORE_KEY_CACHED,      /* use the one in this answer */
	STORE_KEY_REFRESH,     /* the same, and fetch it anew: it is more than a day old */
	STORE_KEY_FETCH,       /* fetch it from the key server, then store_key_put() */
	STORE_KEY_WAIT,        /* another process is fetching it: call again soon */
	STORE_KEY_REFUSED,     /* the key server had none, less than 60 s ago */
	STORE_KEY_AWAY,        /* the key server did not answer, less than 60 s ago */
	STORE_KEY_OVER_BUDGET, /* too many new keyIds in this minute, of this network or of all */
	STORE_KEY_ACTION__MAX
};

struct store_key {
	enum store_key_action action;
	const char *certificate; /* PEM; NULL unless cached, or to be refreshed */
	int64_t age_s;           /* since it was fetched */
};

/*
 * Find a certificate, or decide which process fetches it.  Fetches of what was never there are
 * counted for the network (formats/network.h) that causes them.  SW_EINTERNAL: the database gave
 * another action than these.
 */
SW_MUSTCHECK enum sw_err store_key_find(struct db *db, struct arena *arena, const char *key_id,
    const char *network, struct store_key *out);

/* Store a fetched certificate with the end of its validity (seconds UTC). */
SW_MUSTCHECK enum sw_err store_key_put(struct db *db, struct arena *arena, const char *key_id,
    const char *certificate, int64_t not_after);

/* Store for 60 s that there was none: the key server was away, or has no such key. */
SW_MUSTCHECK enum sw_err store_key_put_failure(struct db *db, const char *key_id, bool away);

/* A certificate was there, but no signature was verified with it: another process may fetch it. */
SW_MUSTCHECK enum sw_err store_key_give_up(struct db *db, const char *key_id);

/* The key server has another certificate for a keyId by now. */
SW_MUSTCHECK enum sw_err store_key_forget(struct db *db, const char *key_id);

#endif
