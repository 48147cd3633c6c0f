#ifndef SWITCHBOARD_WEB_KEYCACHE_H
#define SWITCHBOARD_WEB_KEYCACHE_H

#include <stdint.h>
#include "base/err.h"
#include "formats/httpsig_key.h"

/*
 * Keys that this process has parsed, and keyIds that lately gave none
 * (platform.md "Webhooks": cacheable for 24 h; design.md: failures 60 s).
 * Both lists are bounded, and apart: keyIds that a stranger invents never
 * drive out a key of the platform.
 */
#define KEYCACHE_KEYS_MAX 16
#define KEYCACHE_FAILURES_MAX 64
#define KEYCACHE_LIFE_S (24 * 3600)
#define KEYCACHE_FAILURE_S 60

struct keycache_key {
	char key_id[HTTPSIG_KEY_ID_MAX + 1];
	struct httpsig_key *key;
	int64_t ends_at;
	uint64_t used; /* the cache's count of uses when it was last used */
};

struct keycache_failure {
	char key_id[HTTPSIG_KEY_ID_MAX + 1];
	enum sw_err err;
	int64_t ends_at;
};

/* All zero is an empty cache. */
struct keycache {
	uint64_t uses;
	struct keycache_key keys[KEYCACHE_KEYS_MAX];
	size_t next_failure;
	struct keycache_failure failures[KEYCACHE_FAILURES_MAX];
};

/* Forget and free all keys; an all-zero struct is fine. */
void keycache_clear(struct keycache *cache);

/*
 * What is known about a keyId at "now" (seconds UTC).  SW_OK: *out is the key, borrowed until
 * the next call that changes the cache.  SW_ENOTFOUND: nothing, or not any more.  Otherwise the
 * failure that was remembered.
 */
SW_MUSTCHECK enum sw_err keycache_find(
    struct keycache *cache, const char *key_id, int64_t now, const struct httpsig_key **out);

/*
 * Keep a key until "ends_at".  It is the cache's from here on; the one unused for longest, or
 * the same keyId's, gives way.
 */
void keycache_put_key(
    struct keycache *cache, const char *key_id, struct httpsig_key *key, int64_t ends_at);

/* Remember until "ends_at" that there is none, and why; the oldest failure gives way. */
void
keycache_put_failure(struct keycache *cache, const char *key_id, enum sw_err err, int64_t ends_at);

#endif
