/*
 * cursor.h: what comes back from browsers as Last-Event-ID and ?cursor=.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include "formats/cursor.h"

static void
one_and_several_are_read(void **state)
{
	struct arena arena = {0};
	struct cursor_entry *entries;
	size_t count;

	(void)state;
	assert_int_equal(cursor_parse(&arena, "installation:7", &entries, &count), SW_OK);
	assert_int_equal(count, 1);
	assert_string_equal(entries[0].installation_id, "installation");
	assert_int_equal(entries[0].seq, 7);
	assert_int_equal(
	    cursor_parse(&arena, "a.b_c-D:0,x:999999999999999999", &entries, &count), SW_OK);
	assert_int_equal(count, 2);
	assert_string_equal(entries[0].installation_id, "a.b_c-D");
	assert_int_equal(entries[0].seq, 0);
	assert_string_equal(entries[1].installation_id, "x");
	assert_int_equal(entries[1].seq, 999999999999999999);
	arena_free(&arena);
}

static void
nothing_is_no_entry(void **state)
{
	struct arena arena = {0};
	struct cursor_entry *entries;
	size_t count = 1;

	(void)state;
	assert_int_equal(cursor_parse(&arena, "", &entries, &count), SW_OK);
	assert_int_equal(count, 0);
	arena_free(&arena);
}

static void
anything_else_is_refused(void **state)
{
	static const char *const texts[] = {
	    "installation",
	    ":",
	    ":7",
	    "installation:",
	    "installation:-1",
	    "installation:+1",
	    "installation: 1",
	    "installation:1 ",
	    " installation:1",
	    "installation:1x",
	    "installation:0x1",
	    "installation:1000000000000000000", /* one digit more than always fits */
	    "installation:99999999999999999999999999999999",
	    "installation:1,",
	    ",installation:1",
	    "installation:1,,b:2",
	    "installation:1;b:2",
	    "installation:1:2",
	    "..:1",
	    "ho me:1",
	    "ho\nme:1",
	    "ho'me:1",
	    "ho\"me:1",
	    "h\xc3\xb6me:1",
	    "{}:1",
	};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct cursor_entry *entries = (struct cursor_entry *)&arena;
		size_t count = 1;

		if (cursor_parse(&arena, texts[i], &entries, &count) != SW_EINPUT)
			fail_msg("accepted: %s", texts[i]);
		assert_null(entries);
		assert_int_equal(count, 0);
	}
	arena_free(&arena);
}

/* A cursor of that many installations, "i0:0,i1:1,...". */
static void
put_many(struct sbuf *buf, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char id[32];

		snprintf(id, sizeof(id), "i%zu", i);
		cursor_put(buf, id, (int64_t)i);
	}
}

static void
as_many_as_one_user_may_have(void **state)
{
	struct arena arena = {0};
	struct cursor_entry *entries;
	struct sbuf text = {0};
	size_t count;

	(void)state;
	put_many(&text, CURSOR_MAX);
	assert_int_equal(cursor_parse(&arena, sbuf_text(&text), &entries, &count), SW_OK);
	assert_int_equal(count, CURSOR_MAX);
	assert_string_equal(entries[CURSOR_MAX - 1].installation_id, "i63");
	assert_int_equal(entries[CURSOR_MAX - 1].seq, CURSOR_MAX - 1);
	cursor_put(&text, "more", 1);
	assert_int_equal(cursor_parse(&arena, sbuf_text(&text), &entries, &count), SW_EINPUT);
	sbuf_clear(&text);
	arena_free(&arena);
}

static void
an_id_too_long_is_refused(void **state)
{
	struct arena arena = {0};
	struct cursor_entry *entries;
	char text[140];
	size_t count;

	(void)state;
	memset(text, 'a', sizeof(text));
	snprintf(text + 128, 3, ":1");
	assert_int_equal(cursor_parse(&arena, text, &entries, &count), SW_OK);
	memset(text, 'a', sizeof(text));
	snprintf(text + 129, 3, ":1");
	assert_int_equal(cursor_parse(&arena, text, &entries, &count), SW_EINPUT);
	arena_free(&arena);
}

static void
memory_that_runs_out_is_said(void **state)
{
	struct arena arena;
	struct cursor_entry *entries;
	size_t count;

	(void)state;
	arena_init(&arena, 64);
	assert_int_equal(cursor_parse(&arena, "installation:1", &entries, &count), SW_ENOMEM);
	assert_null(entries);
	arena_free(&arena);
	arena_init(&arena, CURSOR_MAX * sizeof(struct cursor_entry) + 8);
	assert_int_equal(
	    cursor_parse(&arena, "an-installation-with-a-long-name:1", &entries, &count),
	    SW_ENOMEM);
	arena_free(&arena);
}

static void
what_is_written_reads_back(void **state)
{
	struct sbuf text = {0};

	(void)state;
	cursor_put(&text, "installation", 7);
	assert_string_equal(sbuf_text(&text), "installation:7");
	cursor_put(&text, "away", 0);
	assert_string_equal(sbuf_text(&text), "installation:7,away:0");
	sbuf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("one entry and several are read", one_and_several_are_read),
	    SAYS("no text is no entry", nothing_is_no_entry),
	    SAYS("anything malformed is refused whole", anything_else_is_refused),
	    SAYS("as many entries as a user may have, and no more", as_many_as_one_user_may_have),
	    SAYS("an id longer than the platform's is refused", an_id_too_long_is_refused),
	    SAYS("memory that runs out is reported as such, not as a malformed cursor",
		memory_that_runs_out_is_said),
	    SAYS("entries are written with commas between them", what_is_written_reads_back),
	};

	return RUN_TESTS(tests);
}
