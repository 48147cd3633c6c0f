/*
 * A few pages by session and version, those unused for longest going first.
 * The number is small enough to look through them all.
 */
#include "web/page_cache.h"

#include <stddef.h>
#include <string.h>

static void
drop(struct page_cache *cache, struct page_cache_entry *entry)
{
	cache->bytes -= entry->text.length;
	sbuf_clear(&entry->version);
	sbuf_clear(&entry->text);
	memset(entry, 0, sizeof(*entry));
}

static struct page_cache_entry *
find(struct page_cache *cache, const uint8_t session[static SECRET_SHA256_BYTES])
{
	for (size_t i = 0; i < PAGE_CACHE_ENTRIES; i++) {
		struct page_cache_entry *entry = &cache->entries[i];

		if (entry->used != 0 && memcmp(entry->session, session, SECRET_SHA256_BYTES) == 0)
			return entry;
	}
	return NULL;
}

/* The one unused for longest: a free one if there is one, but with "kept" only those that are not.
 */
static struct page_cache_entry *
oldest(struct page_cache *cache, bool kept)
{
	struct page_cache_entry *found = NULL;

	for (size_t i = 0; i < PAGE_CACHE_ENTRIES; i++) {
		struct page_cache_entry *entry = &cache->entries[i];

		if ((!kept || entry->used != 0) && (found == NULL || entry->used < found->used))
			found = entry;
	}
	return found;
}

bool
page_cache_get(struct page_cache *cache, const uint8_t session[static SECRET_SHA256_BYTES],
    const char *version, int64_t now_ms, struct sbuf *out)
{
	struct page_cache_entry *entry = find(cache, session);

	if (entry == NULL || now_ms - entry->made_ms > PAGE_CACHE_MS ||
	    strcmp(sbuf_text(&entry->version), version) != 0)
		return false;
	entry->used = ++cache->uses;
	sbuf_put(out, entry->text.data, entry->text.length);
	return true;
}

void
page_cache_put(struct page_cache *cache, const uint8_t session[static SECRET_SHA256_BYTES],
    const char *version, int64_t now_ms, const struct sbuf *text)
{
	struct page_cache_entry *entry = find(cache, session);

	if (entry != NULL)
		drop(cache, entry);
	if (sbuf_failed(text) || text->length > PAGE_CACHE_BYTES)
		return;
	while (cache->bytes + text->length > PAGE_CACHE_BYTES)
		drop(cache, oldest(cache, true));
	entry = oldest(cache, false);
	drop(cache, entry);
	sbuf_init_secret(&entry->text, PAGE_CACHE_BYTES);
	sbuf_put_text(&entry->version, version);
	sbuf_put(&entry->text, text->data, text->length);
	memcpy(entry->session, session, SECRET_SHA256_BYTES);
	entry->made_ms = now_ms;
	entry->used = ++cache->uses;
	cache->bytes += entry->text.length;
	if (sbuf_failed(&entry->version) || sbuf_failed(&entry->text))
		drop(cache, entry);
}

int
page_cache_drop_old(struct page_cache *cache, int64_t now_ms)
{
	int64_t next_ms = -1;

	for (size_t i = 0; i < PAGE_CACHE_ENTRIES; i++) {
		struct page_cache_entry *entry = &cache->entries[i];
		int64_t left_ms = entry->made_ms + PAGE_CACHE_MS + 1 - now_ms;

		if (entry->used == 0)
			continue;
		if (left_ms <= 0)
			drop(cache, entry);
		else if (next_ms < 0 || left_ms < next_ms)
			next_ms = left_ms;
	}
	return (int)next_ms;
}

void
page_cache_clear(struct page_cache *cache)
{
	for (size_t i = 0; i < PAGE_CACHE_ENTRIES; i++)
		drop(cache, &cache->entries[i]);
}
