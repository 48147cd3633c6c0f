#ifndef SWITCHBOARD_STORE_SEAL_CANARY_H
#define SWITCHBOARD_STORE_SEAL_CANARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"
#include "formats/seal.h"

/*
 * Known texts under each seal key (table seal_canary): they show which of our keys are the ones
 * that the other hosts seal with, before a token is touched.
 */
struct store_canary {
	const char *key_id; /* in the arena */
	enum {
		STORE_CANARY_OURS,   /* our key opens it */
		STORE_CANARY_WRONG,  /* we have a key of this id, and it is another one */
		STORE_CANARY_ABSENT, /* we lack the key; it has a known text */
		STORE_CANARY_UNKNOWN /* there is no known text, but tokens are sealed with it */
	} state;
	bool used;        /* tokens are sealed with it */
	bool elsewhere;   /* a running worker has the key, and lacks no other */
	int64_t unseen_s; /* for so long no worker has had it */
};
struct store_canaries {
	size_t count;
	const struct store_canary *canaries; /* in the arena */
};

/*
 * All known texts, and keys of tokens without one.  That of the first key is made when neither it
 * nor such a token is there.  Three short looks at indexes.  Errors as of db_exec(), SW_ENOMEM, and
 * SW_EINTERNAL when sealing fails.
 */
SW_MUSTCHECK enum sw_err store_canary_check(
    struct db *db, struct arena *arena, const struct seal_keys *keys, struct store_canaries *out);

/*
 * For the worker, a key of ours in the state unknown: try it with some of its tokens, and keep a
 * known text when it opens one.  *opened is false when it opens none, though there are some.
 */
SW_MUSTCHECK enum sw_err store_canary_prove(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *key_id, bool *opened);

/* Record that a worker runs which has all of "keys", and lacks the key "missing" (NULL: none). */
SW_MUSTCHECK enum sw_err store_canary_seen(
    struct db *db, const struct seal_keys *keys, const char *worker_id, const char *missing);

/* Is there a key of this id among them? */
bool store_canary_has_key(const struct seal_keys *keys, const char *key_id);

#endif
