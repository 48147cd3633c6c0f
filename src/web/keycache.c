/*
 * Signing keys that this process has parsed.  Parsing one takes half a millisecond (pitfalls.md
 * 5.8), so the result is cached; the platform uses a handful of keyIds, so a list is searched.
 */
#include "web/keycache.h"

#include <stdio.h>
#include <string.h>

static void
set_key_id(char out[static HTTPSIG_KEY_ID_MAX + 1], const char *key_id)
{
	snprintf(out, HTTPSIG_KEY_ID_MAX + 1, "%s", key_id);
}

static void
drop_key(struct keycache_key *entry)
{
	httpsig_key_free(entry->key);
	memset(entry, 0, sizeof(*entry));
}

void
keycache_clear(struct keycache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < KEYCACHE_KEYS_MAX; i++)
		drop_key(&cache->keys[i]);
	memset(cache, 0, sizeof(*cache));
}

static struct keycache_key *
find_key(struct keycache *cache, const char *key_id)
{
	for (size_t i = 0; i < KEYCACHE_KEYS_MAX; i++) {
		if (cache->keys[i].key != NULL && strcmp(cache->keys[i].key_id, key_id) == 0)
			return &cache->keys[i];
	}
	return NULL;
}

static struct keycache_failure *
find_failure(struct keycache *cache, const char *key_id)
{
	for (size_t i = 0; i < KEYCACHE_FAILURES_MAX; i++) {
		if (strcmp(cache->failures[i].key_id, key_id) == 0)
			return &cache->failures[i];
	}
	return NULL;
}

enum sw_err
keycache_find(
    struct keycache *cache, const char *key_id, int64_t now, const struct httpsig_key **out)
{
	struct keycache_key *entry = find_key(cache, key_id);
	const struct keycache_failure *failure;

	*out = NULL;
	if (entry != NULL && now < entry->ends_at) {
		entry->used = ++cache->uses;
		*out = entry->key;
		return SW_OK;
	}
	failure = find_failure(cache, key_id);
	return failure != NULL && now < failure->ends_at ? failure->err : SW_ENOTFOUND;
}

/* The entry for a new key: a free one, or that of the key unused for longest. */
static struct keycache_key *
choose_entry(struct keycache *cache)
{
	struct keycache_key *oldest = &cache->keys[0];

	for (size_t i = 0; i < KEYCACHE_KEYS_MAX; i++) {
		if (cache->keys[i].key == NULL)
			return &cache->keys[i];
		if (cache->keys[i].used < oldest->used)
			oldest = &cache->keys[i];
	}
	return oldest;
}

void
keycache_put_key(
    struct keycache *cache, const char *key_id, struct httpsig_key *key, int64_t ends_at)
{
	struct keycache_key *entry = find_key(cache, key_id);
	struct keycache_failure *failure = find_failure(cache, key_id);

	if (entry == NULL)
		entry = choose_entry(cache);
	drop_key(entry);
	set_key_id(entry->key_id, key_id);
	entry->key = key;
	entry->ends_at = ends_at;
	entry->used = ++cache->uses;
	if (failure != NULL)
		memset(failure, 0, sizeof(*failure));
}

void
keycache_set_refresh(struct keycache *cache, const char *key_id, int64_t refresh_at)
{
	struct keycache_key *entry = find_key(cache, key_id);

	if (entry != NULL)
		entry->refresh_at = refresh_at;
}

bool
keycache_is_due(struct keycache *cache, const char *key_id, int64_t now)
{
	const struct keycache_key *entry = find_key(cache, key_id);

	return entry != NULL && entry->refresh_at != 0 && now >= entry->refresh_at;
}

void
keycache_drop_key(struct keycache *cache, const char *key_id)
{
	struct keycache_key *entry = find_key(cache, key_id);

	if (entry != NULL)
		drop_key(entry);
}

void
keycache_put_failure(struct keycache *cache, const char *key_id, enum sw_err err, int64_t ends_at)
{
	struct keycache_failure *failure = find_failure(cache, key_id);

	if (failure == NULL) {
		failure = &cache->failures[cache->next_failure];
		cache->next_failure = (cache->next_failure + 1) % KEYCACHE_FAILURES_MAX;
	}
	set_key_id(failure->key_id, key_id);
	failure->err = err;
	failure->ends_at = ends_at;
}
