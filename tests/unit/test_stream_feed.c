/*
 * stream/feed.h: which events each stream gets, and how far the id of each event goes.  The
 * database and the streams are replaced by ones that record their calls.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include "store/stream.h"
#include "stream/feed.h"

#define ROWS_MAX 16
#define WRITTEN_MAX 64
#define MANY_FEEDS (PAGE_CHANGES_MAX + 50)

/* The database: changes by installation and seq, and how far each installation is. */
static struct page_change rows[ROWS_MAX];
static size_t row_count;
static struct page_change answer[ROWS_MAX];
static enum sw_err answer_err;
static size_t queries;
static size_t query_size;    /* installations in the last query */
static int64_t query_cursor; /* of the first of them */

/* What was written to the streams. */
static struct written {
	const struct stream *stream;
	char text[256];
	int64_t seq;
} written[WRITTEN_MAX];
static size_t written_count;
static const struct stream *full;
static struct streams streams;

enum sw_err
store_page_changes(struct db *db, const char *const *installations, const int64_t *cursors,
    size_t count, struct page_changes *out)
{
	(void)db;
	*out = (struct page_changes){0};
	queries++;
	query_size = count;
	query_cursor = cursors[0];
	assert_in_range(count, 1, PAGE_CHANGES_MAX);
	if (answer_err != SW_OK)
		return answer_err;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < row_count; k++) {
			if (strcmp(rows[k].row.installation_id, installations[i]) == 0 &&
			    (rows[k].kind == PAGE_CHANGE_MARK || rows[k].row.seq > cursors[i]))
				answer[out->count++] = rows[k];
		}
	}
	return SW_OK;
}

void
page_changes_get(const struct page_changes *changes, int i, struct page_change *out)
{
	assert_in_range(i, 0, changes->count - 1);
	*out = answer[i];
}

void
page_changes_free(struct page_changes *changes)
{
	*changes = (struct page_changes){0};
}

void
stream_put_event(struct stream *stream, const char *text, size_t length,
    const struct subscriber *subscriber, int64_t seq)
{
	struct written *one = &written[written_count++];

	assert_true(written_count <= WRITTEN_MAX);
	assert_ptr_equal(subscriber->stream, stream);
	one->stream = stream;
	one->seq = seq;
	snprintf(one->text, sizeof(one->text), "%.*s", (int)length, text);
}

bool
stream_is_full(const struct stream *stream)
{
	return stream == full;
}

static void
put_row(enum page_change_kind kind, const char *installation, const char *state, int64_t seq)
{
	rows[row_count++] = (struct page_change){.kind = kind,
	    .row = {.installation_id = installation,
		.device_id = "lamp",
		.component = "main",
		.state = state,
		.level = -1,
		.seq = seq}};
}

static struct feeds *
begin(void)
{
	struct feeds *feeds = feeds_new();

	assert_non_null(feeds);
	row_count = written_count = queries = 0;
	answer_err = SW_OK;
	full = NULL;
	return feeds;
}

static void
subscribe(struct feeds *feeds, struct stream *stream, const char *installation, int64_t cursor)
{
	stream->streams = &streams;
	stream->entry.stream = stream;
	assert_int_equal(feed_subscribe(feeds, stream, installation, cursor), SW_OK);
}

static void
refresh(struct feeds *feeds)
{
	written_count = queries = 0;
	assert_int_equal(feeds_refresh(feeds, NULL), SW_OK);
	assert_false(feeds_have_stale(feeds));
}

static void
end(struct feeds *feeds, struct stream *stream)
{
	feed_unsubscribe_all(stream);
	feeds_free(feeds);
}

static void
an_id_reaches_a_seq_with_its_last_event(void **state)
{
	static const int64_t ids[] = {2, 3, 3, 5};
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 5);
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 5);
	put_row(PAGE_CHANGE_MARK, "inst-1", "active", 6);
	subscribe(feeds, &one, "inst-1", 2);
	refresh(feeds);
	assert_int_equal(written_count, 4);
	for (size_t i = 0; i < written_count; i++)
		assert_int_equal(written[i].seq, ids[i]);
	assert_int_equal(one.subscribers->cursor, 6);
	end(feeds, &one);
}

static void
each_stream_gets_what_it_misses(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "off", 4);
	put_row(PAGE_CHANGE_MARK, "inst-1", "active", 4);
	subscribe(feeds, &one, "inst-1", 3);
	subscribe(feeds, &two, "inst-1", 1);
	refresh(feeds);
	assert_int_equal(queries, 1);
	assert_int_equal(query_size, 1);
	assert_int_equal(query_cursor, 1);
	assert_int_equal(written_count, 3);
	for (size_t i = 0; i < written_count; i++)
		assert_true(written[i].stream == &two || written[i].seq == 4);
	feeds_mark_stale(feeds, "inst-1");
	refresh(feeds);
	assert_int_equal(queries, 1);
	assert_int_equal(query_cursor, 4);
	assert_int_equal(written_count, 0);
	feed_unsubscribe_all(&two);
	end(feeds, &one);
}

static void
a_cursor_above_the_database_starts_anew(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 3);
	put_row(PAGE_CHANGE_MARK, "inst-1", "active", 4);
	subscribe(feeds, &one, "inst-1", 1000);
	refresh(feeds);
	assert_int_equal(written_count, 1);
	assert_int_equal(one.subscribers->cursor, 4);
	end(feeds, &one);
}

static void
what_could_not_be_read_stays_stale(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 3);
	put_row(PAGE_CHANGE_MARK, "inst-1", "active", 3);
	subscribe(feeds, &one, "inst-1", 2);
	answer_err = SW_EUNAVAILABLE;
	assert_int_equal(feeds_refresh(feeds, NULL), SW_EUNAVAILABLE);
	assert_true(feeds_have_stale(feeds));
	assert_int_equal(written_count, 0);
	answer_err = SW_OK;
	refresh(feeds);
	assert_int_equal(written_count, 1);
	end(feeds, &one);
}

static void
a_full_stream_keeps_its_cursor(void **state)
{
	struct feeds *feeds = begin();
	struct stream slow = {0}, quick = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 3);
	put_row(PAGE_CHANGE_MARK, "inst-1", "active", 3);
	subscribe(feeds, &slow, "inst-1", 2);
	subscribe(feeds, &quick, "inst-1", 2);
	full = &slow;
	refresh(feeds);
	assert_int_equal(written_count, 1);
	assert_ptr_equal(written[0].stream, &quick);
	assert_int_equal(slow.subscribers->cursor, 2);
	full = NULL;
	feeds_mark_all_stale(feeds);
	refresh(feeds);
	assert_int_equal(query_cursor, 2);
	assert_int_equal(written_count, 1);
	assert_ptr_equal(written[0].stream, &slow);
	feed_unsubscribe_all(&quick);
	end(feeds, &slow);
}

static void
a_removed_installation_is_reported(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0}, other = {0}, *unchecked[2];

	(void)state;
	put_row(PAGE_CHANGE_MARK, "inst-1", "active", 3);
	put_row(PAGE_CHANGE_INSTALLATION, "inst-2", "removed", 5);
	put_row(PAGE_CHANGE_MARK, "inst-2", "removed", 5);
	subscribe(feeds, &one, "inst-1", 3);
	subscribe(feeds, &other, "inst-1", 3);
	refresh(feeds);
	assert_int_equal(session_index_take(&streams.index, unchecked, 2), 0);
	subscribe(feeds, &one, "inst-2", 4);
	refresh(feeds);
	assert_int_equal(session_index_take(&streams.index, unchecked, 2), 1);
	assert_ptr_equal(unchecked[0], &one);
	assert_int_equal(written_count, 1);
	assert_non_null(strstr(written[0].text, "\"status\":\"removed\""));
	assert_true(one.subscribers->removed);
	assert_false(one.subscribers->next->removed);
	feed_unsubscribe_all(&other);
	end(feeds, &one);
}

static void
many_feeds_take_several_queries(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	for (int i = 0; i < MANY_FEEDS; i++) {
		char id[32];

		snprintf(id, sizeof(id), "inst-%d", i);
		subscribe(feeds, &one, id, 0);
	}
	refresh(feeds);
	assert_int_equal(queries, 2);
	end(feeds, &one);
}

static void
notify_change(struct feeds *feeds, const char *installation, int64_t seq)
{
	const struct page_change change = {.kind = PAGE_CHANGE_SWITCH,
	    .row = {.installation_id = installation,
		.device_id = "lamp",
		.component = "main",
		.state = "on",
		.level = -1,
		.seq = seq}};

	written_count = queries = 0;
	feeds_notify(feeds, &change);
}

/* Two streams that have everything up to seq 2. */
static void
begin_notifying(struct feeds *feeds, struct stream *one, struct stream *two)
{
	put_row(PAGE_CHANGE_MARK, "inst-1", "active", 2);
	subscribe(feeds, one, "inst-1", 2);
	subscribe(feeds, two, "inst-1", 2);
	refresh(feeds);
}

static void
a_change_in_a_wake_up_is_written_once(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	begin_notifying(feeds, &one, &two);
	notify_change(feeds, "inst-1", 3);
	assert_false(feeds_have_stale(feeds));
	assert_int_equal(written_count, 2);
	assert_int_equal(written[0].seq, 3);
	assert_non_null(strstr(written[0].text, "\"state\":\"on\""));
	assert_int_equal(two.subscribers->cursor, 3);
	/* once */
	notify_change(feeds, "inst-1", 3);
	notify_change(feeds, "inst-1", 2);
	assert_int_equal(written_count, 0);
	assert_false(feeds_have_stale(feeds));
	notify_change(feeds, "inst-2", 3);
	assert_int_equal(written_count, 0);
	feed_unsubscribe_all(&two);
	end(feeds, &one);
}

static void
a_stream_that_misses_more_has_it_read(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	begin_notifying(feeds, &one, &two);
	notify_change(feeds, "inst-1", 4);
	assert_int_equal(written_count, 0);
	assert_true(feeds_have_stale(feeds));
	/* and nothing comes before what will be read */
	notify_change(feeds, "inst-1", 3);
	assert_int_equal(written_count, 0);
	rows[0].row.seq = 4;
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "inst-1", "off", 4);
	refresh(feeds);
	assert_int_equal(written_count, 4);
	assert_int_equal(one.subscribers->cursor, 4);
	feed_unsubscribe_all(&two);
	end(feeds, &one);
}

static void
a_full_stream_is_notified_later(void **state)
{
	struct feeds *feeds = begin();
	struct stream slow = {0}, quick = {0};

	(void)state;
	begin_notifying(feeds, &slow, &quick);
	full = &slow;
	notify_change(feeds, "inst-1", 3);
	assert_int_equal(written_count, 1);
	assert_int_equal(slow.subscribers->cursor, 2);
	assert_int_equal(quick.subscribers->cursor, 3);
	full = NULL;
	notify_change(feeds, "inst-1", 4);
	assert_int_equal(written_count, 0);
	assert_true(feeds_have_stale(feeds));
	feed_unsubscribe_all(&quick);
	end(feeds, &slow);
}

static void
a_feed_without_subscribers_is_not_read(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	feeds_mark_stale(feeds, "inst-1");
	assert_false(feeds_have_stale(feeds));
	subscribe(feeds, &one, "inst-1", 0);
	feed_unsubscribe(one.subscribers);
	assert_null(one.subscribers);
	refresh(feeds);
	assert_int_equal(queries, 0);
	subscribe(feeds, &one, "inst-1", 0);
	refresh(feeds);
	assert_int_equal(queries, 1);
	feed_unsubscribe_all(&one);
	feeds_mark_all_stale(feeds);
	assert_false(feeds_have_stale(feeds));
	feeds_free(feeds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("an id reaches a seq with the last event of that seq",
		an_id_reaches_a_seq_with_its_last_event),
	    SAYS("one query, and each stream gets what it misses", each_stream_gets_what_it_misses),
	    SAYS("a cursor above the seq of the database starts anew",
		a_cursor_above_the_database_starts_anew),
	    SAYS("a feed that could not be read stays stale", what_could_not_be_read_stays_stale),
	    SAYS("a stream with too much waiting keeps its cursor", a_full_stream_keeps_its_cursor),
	    SAYS("a removed installation is reported, and the streams that show it are unchecked",
		a_removed_installation_is_reported),
	    SAYS("many feeds are read in several queries", many_feeds_take_several_queries),
	    SAYS("the change in a wake-up is written, once", a_change_in_a_wake_up_is_written_once),
	    SAYS("a stream that misses more is served by the next refresh",
		a_stream_that_misses_more_has_it_read),
	    SAYS("a stream with too much waiting is notified later",
		a_full_stream_is_notified_later),
	    SAYS("a feed without subscribers is not read", a_feed_without_subscribers_is_not_read),
	};

	return RUN_TESTS(tests);
}
