/*
 * events_hub.h: who is told what, and how far the id of each event goes.  The
 * database and the streams are replaced by ones that write down what they are
 * asked.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include "stream/feed.h"
#include "store/stream.h"

#define ROWS_MAX 16
#define TOLD_MAX 64
#define HUBS_MANY (PAGE_CHANGES_MAX + 50)

/* The database: changes by installation and seq, and how far each installation is. */
static struct page_change rows[ROWS_MAX];
static size_t row_count;
static struct page_change answer[ROWS_MAX];
static enum sw_err answer_err;
static size_t questions;
static size_t asked;         /* installations of the last question */
static int64_t asked_cursor; /* of the first of them */

/* The streams. */
static struct told {
	const struct stream *stream;
	char text[256];
	int64_t seq;
} told[TOLD_MAX];
static size_t told_count;
static const struct stream *full;

enum sw_err
store_page_changes(struct db *db, const char *const *installations, const int64_t *cursors,
    size_t count, struct page_changes *out)
{
	(void)db;
	*out = (struct page_changes){0};
	questions++;
	asked = count;
	asked_cursor = cursors[0];
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
	struct told *one = &told[told_count++];

	assert_true(told_count <= TOLD_MAX);
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
	row_count = told_count = questions = 0;
	answer_err = SW_OK;
	full = NULL;
	return feeds;
}

static void
follow(struct feeds *feeds, struct stream *stream, const char *installation, int64_t cursor)
{
	assert_int_equal(feed_subscribe(feeds, stream, installation, cursor), SW_OK);
}

static bool
refresh(struct feeds *feeds)
{
	bool removed = false;

	told_count = questions = 0;
	assert_int_equal(feeds_refresh(feeds, NULL, &removed), SW_OK);
	assert_false(feeds_have_stale(feeds));
	return removed;
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
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 5);
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 5);
	put_row(PAGE_CHANGE_MARK, "home", "active", 6);
	follow(feeds, &one, "home", 2);
	refresh(feeds);
	assert_int_equal(told_count, 4);
	for (size_t i = 0; i < told_count; i++)
		assert_int_equal(told[i].seq, ids[i]);
	assert_int_equal(one.follows->cursor, 6);
	end(feeds, &one);
}

static void
each_reader_gets_what_it_lacks(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "home", "off", 4);
	put_row(PAGE_CHANGE_MARK, "home", "active", 4);
	follow(feeds, &one, "home", 3);
	follow(feeds, &two, "home", 1);
	refresh(feeds);
	assert_int_equal(questions, 1);
	assert_int_equal(asked, 1);
	assert_int_equal(asked_cursor, 1);
	assert_int_equal(told_count, 3);
	for (size_t i = 0; i < told_count; i++)
		assert_true(told[i].stream == &two || told[i].seq == 4);
	feeds_mark_stale(feeds, "home");
	refresh(feeds);
	assert_int_equal(questions, 1);
	assert_int_equal(asked_cursor, 4);
	assert_int_equal(told_count, 0);
	feed_unsubscribe_all(&two);
	end(feeds, &one);
}

static void
a_cursor_from_the_future_starts_anew(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_MARK, "home", "active", 4);
	follow(feeds, &one, "home", 1000);
	refresh(feeds);
	assert_int_equal(told_count, 1);
	assert_int_equal(one.follows->cursor, 4);
	end(feeds, &one);
}

static void
what_could_not_be_read_stays_marked(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};
	bool removed = false;

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_MARK, "home", "active", 3);
	follow(feeds, &one, "home", 2);
	answer_err = SW_EUNAVAILABLE;
	assert_int_equal(feeds_refresh(feeds, NULL, &removed), SW_EUNAVAILABLE);
	assert_true(feeds_have_stale(feeds));
	assert_int_equal(told_count, 0);
	answer_err = SW_OK;
	refresh(feeds);
	assert_int_equal(told_count, 1);
	end(feeds, &one);
}

static void
a_full_reader_keeps_its_cursor(void **state)
{
	struct feeds *feeds = begin();
	struct stream slow = {0}, quick = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_MARK, "home", "active", 3);
	follow(feeds, &slow, "home", 2);
	follow(feeds, &quick, "home", 2);
	full = &slow;
	refresh(feeds);
	assert_int_equal(told_count, 1);
	assert_ptr_equal(told[0].stream, &quick);
	assert_int_equal(slow.follows->cursor, 2);
	full = NULL;
	feeds_mark_all_stale(feeds);
	refresh(feeds);
	assert_int_equal(asked_cursor, 2);
	assert_int_equal(told_count, 1);
	assert_ptr_equal(told[0].stream, &slow);
	feed_unsubscribe_all(&quick);
	end(feeds, &slow);
}

static void
a_removed_installation_is_said(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	put_row(PAGE_CHANGE_MARK, "home", "active", 3);
	put_row(PAGE_CHANGE_INSTALLATION, "away", "removed", 5);
	put_row(PAGE_CHANGE_MARK, "away", "removed", 5);
	follow(feeds, &one, "home", 3);
	assert_false(refresh(feeds));
	follow(feeds, &one, "away", 4);
	assert_true(refresh(feeds));
	assert_int_equal(told_count, 1);
	assert_non_null(strstr(told[0].text, "\"status\":\"removed\""));
	assert_true(one.follows->removed);
	assert_false(one.follows->next->removed);
	end(feeds, &one);
}

static void
many_are_asked_for_in_several_questions(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	for (int i = 0; i < HUBS_MANY; i++) {
		char id[32];

		snprintf(id, sizeof(id), "home-%d", i);
		follow(feeds, &one, id, 0);
	}
	refresh(feeds);
	assert_int_equal(questions, 2);
	end(feeds, &one);
}

static void
tell(struct feeds *feeds, const char *installation, int64_t seq)
{
	const struct page_change change = {.kind = PAGE_CHANGE_SWITCH,
	    .row = {.installation_id = installation,
		.device_id = "lamp",
		.component = "main",
		.state = "on",
		.level = -1,
		.seq = seq}};

	told_count = questions = 0;
	feeds_notify(feeds, &change);
}

/* Two readers that have seen everything up to seq 2. */
static void
begin_telling(struct feeds *feeds, struct stream *one, struct stream *two)
{
	put_row(PAGE_CHANGE_MARK, "home", "active", 2);
	follow(feeds, one, "home", 2);
	follow(feeds, two, "home", 2);
	refresh(feeds);
}

static void
what_a_wake_up_tells_is_passed_on(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	begin_telling(feeds, &one, &two);
	tell(feeds, "home", 3);
	assert_false(feeds_have_stale(feeds));
	assert_int_equal(told_count, 2);
	assert_int_equal(told[0].seq, 3);
	assert_non_null(strstr(told[0].text, "\"state\":\"on\""));
	assert_int_equal(two.follows->cursor, 3);
	/* once */
	tell(feeds, "home", 3);
	tell(feeds, "home", 2);
	assert_int_equal(told_count, 0);
	assert_false(feeds_have_stale(feeds));
	tell(feeds, "away", 3);
	assert_int_equal(told_count, 0);
	feed_unsubscribe_all(&two);
	end(feeds, &one);
}

static void
a_reader_who_lacks_more_has_it_read(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	begin_telling(feeds, &one, &two);
	tell(feeds, "home", 4);
	assert_int_equal(told_count, 0);
	assert_true(feeds_have_stale(feeds));
	/* and nothing comes before what will be read */
	tell(feeds, "home", 3);
	assert_int_equal(told_count, 0);
	rows[0].row.seq = 4;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "home", "off", 4);
	refresh(feeds);
	assert_int_equal(told_count, 4);
	assert_int_equal(one.follows->cursor, 4);
	feed_unsubscribe_all(&two);
	end(feeds, &one);
}

static void
a_full_reader_is_told_later(void **state)
{
	struct feeds *feeds = begin();
	struct stream slow = {0}, quick = {0};

	(void)state;
	begin_telling(feeds, &slow, &quick);
	full = &slow;
	tell(feeds, "home", 3);
	assert_int_equal(told_count, 1);
	assert_int_equal(slow.follows->cursor, 2);
	assert_int_equal(quick.follows->cursor, 3);
	full = NULL;
	tell(feeds, "home", 4);
	assert_int_equal(told_count, 0);
	assert_true(feeds_have_stale(feeds));
	feed_unsubscribe_all(&quick);
	end(feeds, &slow);
}

static void
nobody_is_asked_for_whom_nobody_follows(void **state)
{
	struct feeds *feeds = begin();
	struct stream one = {0};

	(void)state;
	feeds_mark_stale(feeds, "home");
	assert_false(feeds_have_stale(feeds));
	follow(feeds, &one, "home", 0);
	feed_unsubscribe(one.follows);
	assert_null(one.follows);
	refresh(feeds);
	assert_int_equal(questions, 0);
	follow(feeds, &one, "home", 0);
	refresh(feeds);
	assert_int_equal(questions, 1);
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
	    SAYS(
		"one question, and each reader gets what it lacks", each_reader_gets_what_it_lacks),
	    SAYS("a cursor from the future starts anew", a_cursor_from_the_future_starts_anew),
	    SAYS("what could not be read stays marked", what_could_not_be_read_stays_marked),
	    SAYS("a reader with too much waiting keeps its cursor", a_full_reader_keeps_its_cursor),
	    SAYS("a removed installation is said", a_removed_installation_is_said),
	    SAYS(
		"many are asked for in several questions", many_are_asked_for_in_several_questions),
	    SAYS("what a wake-up tells is passed on, once", what_a_wake_up_tells_is_passed_on),
	    SAYS("a reader who lacks more has all of it read", a_reader_who_lacks_more_has_it_read),
	    SAYS("a reader with too much waiting is told later", a_full_reader_is_told_later),
	    SAYS("nobody asks for installations that nobody follows",
		nobody_is_asked_for_whom_nobody_follows),
	};

	return RUN_TESTS(tests);
}
