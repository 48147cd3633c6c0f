#ifndef SWITCHBOARD_WEB_KEYCACHE_H
#define SWITCHBOARD_WEB_KEYCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "formats/httpsig_key.h"

/*
 * Keys that this process has parsed, and keyIds for which there was none lately (design.md
 * "Security": a key until its certificate ends, refreshed after 24 h; a failure for 60 s).  Two
 * bounded lists: keyIds that a stranger invents cannot evict a key of the platform.
 */
#define KEYCACHE_KEYS_MAX 16
#define KEYCACHE_FAILURES_MAX 64
#define KEYCACHE_REFRESH_S (24 * 3600)
#define KEYCACHE_FAILURE_S 60

struct keycache_key {
	char key_id[HTTPSIG_KEY_ID_MAX + 1];
	struct httpsig_key *key;
	int64_t refresh_at; /* 0: at no time */
	int64_t ends_at;
	uint64_t used; /* value of keycache.uses at its last use: the smallest is evicted */
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

/* Free all keys; an all-zero struct is fine. */
void keycache_clear(struct keycache *cache);

/*
 * What is known about a keyId at "now" (seconds UTC).  SW_OK: *out is the key, borrowed until
 * the next call that changes the cache.  SW_ENOTFOUND: nothing, or it has expired.  Any other: the
 * failure that was stored.
 */
SW_MUSTCHECK enum sw_err keycache_find(
    struct keycache *cache, const char *key_id, int64_t now, const struct httpsig_key **out);

/*
 * Cache a key until "ends_at"; it is owned by the cache from here on.  Replaces the key of the same
 * keyId, or the one unused for longest.
 */
void keycache_put_key(
    struct keycache *cache, const char *key_id, struct httpsig_key *key, int64_t ends_at);

/* From "refresh_at" on the key is due to be refreshed; nothing when it is not there. */
void keycache_set_refresh(struct keycache *cache, const char *key_id, int64_t refresh_at);

/* Is the key there, and due to be refreshed at "now" (seconds UTC)? */
bool keycache_is_due(struct keycache *cache, const char *key_id, int64_t now);

/* Forget a key; nothing when it is not there. */
void keycache_drop_key(struct keycache *cache, const char *key_id);

/* Cache until "ends_at" that there is no key, and why; replaces the oldest failure. */
void
keycache_put_failure(struct keycache *cache, const char *key_id, enum sw_err err, int64_t ends_at);

#endif
