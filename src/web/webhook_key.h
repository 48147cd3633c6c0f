#ifndef SWITCHBOARD_WEB_WEBHOOK_KEY_H
#define SWITCHBOARD_WEB_WEBHOOK_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "net/request.h"
#include "web/keycache.h"
#include "web/program.h"
#include "web/webhook_fetch.h"

/* Where this process finds the platform's signing keys. */
struct webhook_keys {
	const struct program *program;
	struct keycache cache; /* these two are all zero at start */
	struct webhook_fetches fetches;
};

/* A key to verify a signature with. */
struct webhook_key {
	const struct httpsig_key *key; /* borrowed until the request is answered */
	struct webhook_fetch *fetch; /* where it comes from when it is not in memory yet, or NULL */
};

/* Forget all keys, drop the fetches. */
void webhook_keys_clear(struct webhook_keys *keys);

/*
 * The key of a keyId that a request names: from this process's memory, from the database, or from
 * the key server, which one process asks (design.md "Shape").  Blocks for the database only.
 * *awaited, NULL otherwise: the key is on its way, SW_ECONFLICT; to be asked again when
 * webhook_keys_are_ready(). Other errors as webhook_verify().
 */
SW_MUSTCHECK enum sw_err webhook_find_key(struct webhook_keys *keys, const struct request *req,
    const char *key_id, int64_t now, struct webhook_key *out, const void **awaited);

/*
 * A signature was verified with this key: from here on it is in memory and, for all processes, in
 * the database.  No other key gets there.
 */
void webhook_keep_key(struct webhook_keys *keys, struct arena *arena, struct webhook_key *key);

/* serve.h: go on with the fetches; false when none is under way. */
bool webhook_keys_wait(struct webhook_keys *keys, int fd, int timeout_ms);

/* serve.h: is the fetch "awaited" (from webhook_find_key()) over? */
bool webhook_keys_are_ready(const struct webhook_keys *keys, const void *awaited);

#endif
