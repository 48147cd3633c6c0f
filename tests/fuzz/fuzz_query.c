/*
 * Query strings and forms: names and values are UTF-8 without NUL, names
 * without controls, at most 64 pairs, and encoding them again gives the same
 * pairs.  The cursor that comes back from browsers is tried too.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "formats/cursor.h"
#include "base/sbuf.h"
#include "formats/url.h"
#include "formats/url_query.h"

#define PAIRS_MAX 64

static void
require_clean(const struct url_query *query)
{
	FUZZ_REQUIRE(query->count <= PAIRS_MAX);
	for (size_t i = 0; i < query->count; i++) {
		FUZZ_REQUIRE(fuzz_is_utf8(query->pairs[i].name));
		FUZZ_REQUIRE(fuzz_is_utf8(query->pairs[i].value));
		for (const char *c = query->pairs[i].name; *c != '\0'; c++)
			FUZZ_REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
}

/* A name given once is found; twice, it is absent and said to be ambiguous. */
static void
require_lookup(const struct url_query *query)
{
	for (size_t i = 0; i < query->count; i++) {
		const char *name = query->pairs[i].name;
		size_t same = 0;
		bool twice = false;
		const char *value = url_query_get(query, name, &twice);

		for (size_t k = 0; k < query->count; k++)
			same += strcmp(query->pairs[k].name, name) == 0;
		FUZZ_REQUIRE(twice == (same > 1));
		FUZZ_REQUIRE(value == (same > 1 ? NULL : query->pairs[i].value));
		FUZZ_REQUIRE(url_query_get(query, name, NULL) == value);
	}
}

static void
put_pairs(struct sbuf *buf, const struct url_query *query)
{
	for (size_t i = 0; i < query->count; i++) {
		if (i > 0)
			sbuf_put_char(buf, '&');
		url_put_encoded(buf, query->pairs[i].name);
		sbuf_put_char(buf, '=');
		url_put_encoded(buf, query->pairs[i].value);
	}
}

static void
require_round_trip(struct arena *arena, const struct url_query *query)
{
	struct url_query again;
	struct sbuf buf = {0};

	put_pairs(&buf, query);
	FUZZ_REQUIRE(!sbuf_failed(&buf) && fuzz_is_printable(buf.data, buf.length));
	FUZZ_REQUIRE(url_query_parse(arena, sbuf_text(&buf), buf.length, &again) == SW_OK);
	FUZZ_REQUIRE(again.count == query->count);
	for (size_t i = 0; i < again.count; i++) {
		FUZZ_REQUIRE(strcmp(again.pairs[i].name, query->pairs[i].name) == 0);
		FUZZ_REQUIRE(strcmp(again.pairs[i].value, query->pairs[i].value) == 0);
	}
	sbuf_clear(&buf);
}

/* What is not a form must be refused. */
static bool
must_be_refused(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\0')
			return true;
		if (text[i] == '%' &&
		    (i + 2 >= length || strspn(text + i + 1, "0123456789abcdefABCDEF") < 2))
			return true;
	}
	return false;
}

static void
require_same_cursor(struct arena *arena, const struct cursor_entry *entries, size_t count)
{
	struct cursor_entry *again;
	struct sbuf buf = {0};
	size_t same;

	for (size_t i = 0; i < count; i++) {
		FUZZ_REQUIRE(fuzz_is_id(entries[i].installation_id) && entries[i].seq >= 0);
		cursor_put(&buf, entries[i].installation_id, entries[i].seq);
	}
	FUZZ_REQUIRE(cursor_parse(arena, sbuf_text(&buf), &again, &same) == SW_OK);
	FUZZ_REQUIRE(same == count);
	for (size_t i = 0; i < count; i++) {
		FUZZ_REQUIRE(strcmp(again[i].installation_id, entries[i].installation_id) == 0);
		FUZZ_REQUIRE(again[i].seq == entries[i].seq);
	}
	sbuf_clear(&buf);
}

static void
try_cursor(const char *text)
{
	struct cursor_entry *entries;
	struct arena arena = {0};
	size_t count;
	enum sw_err err = cursor_parse(&arena, text, &entries, &count);

	FUZZ_REQUIRE(err == SW_OK || (err == SW_EINPUT && count == 0));
	FUZZ_REQUIRE(count <= CURSOR_MAX);
	require_same_cursor(&arena, entries, count);
	arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *exact = malloc(size > 0 ? size : 1);
	struct arena arena = {0}, small;
	struct url_query query;
	enum sw_err err;

	if (exact == NULL)
		abort();
	memcpy(exact, text, size);
	err = url_query_parse(&arena, exact, size, &query);
	free(exact);
	FUZZ_REQUIRE(err == SW_OK || err == SW_EINPUT);
	FUZZ_REQUIRE(err == SW_OK || query.count == 0);
	FUZZ_REQUIRE(err != SW_OK || !must_be_refused(text, size));
	require_clean(&query);
	require_lookup(&query);
	if (err == SW_OK)
		require_round_trip(&arena, &query);
	arena_free(&arena);

	arena_init(&small, 100);
	err = url_query_parse(&small, text, size, &query);
	FUZZ_REQUIRE(err == SW_OK || err == SW_EINPUT || err == SW_ENOMEM);
	arena_free(&small);
	try_cursor(text);
	free(text);
	return 0;
}
