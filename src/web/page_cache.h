#ifndef SWITCHBOARD_WEB_PAGE_CACHE_H
#define SWITCHBOARD_WEB_PAGE_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/sbuf.h"
#include "base/secret.h"

/*
 * Pages that this process has written.  What a page shows of a location changes only together
 * with its seq (design.md "Live updates by sequence"), so a page may be shown again to the same
 * session for as long as its version (store_session.h) is the same.  Only "5 min ago" grows old,
 * so not for longer than PAGE_CACHE_MS.
 */
#define PAGE_CACHE_ENTRIES 32
#define PAGE_CACHE_BYTES ((size_t)4 << 20) /* of text; a page that is larger is not kept */
#define PAGE_CACHE_MS 10000

struct page_cache_entry {
	uint8_t session[SECRET_SHA256_BYTES]; /* hash of its cookie */
	struct sbuf version;
	struct sbuf text; /* holds the session's CSRF token: cleansed */
	int64_t made_ms;
	uint64_t used; /* the cache's count of uses when it was last used */
};

/* All zero is an empty one. */
struct page_cache {
	uint64_t uses;
	size_t bytes;
	struct page_cache_entry entries[PAGE_CACHE_ENTRIES];
};

/* Append this session's page for this version to "out"; false when there is none, or it is too old.
 * "now_ms" is the monotonic clock's. */
bool page_cache_get(struct page_cache *cache, const uint8_t session[static SECRET_SHA256_BYTES],
    const char *version, int64_t now_ms, struct sbuf *out);

/* Keep a copy of a page; it takes the place of the session's last one, or of those unused for
 * longest. Without memory nothing is kept. */
void page_cache_put(struct page_cache *cache, const uint8_t session[static SECRET_SHA256_BYTES],
    const char *version, int64_t now_ms, const struct sbuf *text);

/* Forget those that are too old.  In how many ms the next one will be, -1 when none is left. */
int page_cache_drop_old(struct page_cache *cache, int64_t now_ms);

/* Forget all. */
void page_cache_clear(struct page_cache *cache);

#endif
