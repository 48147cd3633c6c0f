/*
 * events_hub.h: who is told what, and how far the id of each event goes.  The
 * database and the streams are replaced by ones that write down what they are
 * asked.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include "stream/hub.h"
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
    const struct follow *follow, int64_t seq)
{
	struct told *one = &told[told_count++];

	assert_true(told_count <= TOLD_MAX);
	assert_ptr_equal(follow->stream, stream);
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

static struct hubs *
begin(void)
{
	struct hubs *hubs = hubs_new();

	assert_non_null(hubs);
	row_count = told_count = questions = 0;
	answer_err = SW_OK;
	full = NULL;
	return hubs;
}

static void
follow(struct hubs *hubs, struct stream *stream, const char *installation, int64_t cursor)
{
	assert_int_equal(hub_follow(hubs, stream, installation, cursor), SW_OK);
}

static bool
refresh(struct hubs *hubs)
{
	bool removed = false;

	told_count = questions = 0;
	assert_int_equal(hubs_refresh(hubs, NULL, &removed), SW_OK);
	assert_false(hubs_are_marked(hubs));
	return removed;
}

static void
end(struct hubs *hubs, struct stream *stream)
{
	hub_unfollow_all(stream);
	hubs_free(hubs);
}

static void
an_id_reaches_a_seq_with_its_last_event(void **state)
{
	static const int64_t ids[] = {2, 3, 3, 5};
	struct hubs *hubs = begin();
	struct stream one = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 5);
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 5);
	put_row(PAGE_CHANGE_MARK, "home", "active", 6);
	follow(hubs, &one, "home", 2);
	refresh(hubs);
	assert_int_equal(told_count, 4);
	for (size_t i = 0; i < told_count; i++)
		assert_int_equal(told[i].seq, ids[i]);
	assert_int_equal(one.follows->cursor, 6);
	end(hubs, &one);
}

static void
each_reader_gets_what_it_lacks(void **state)
{
	struct hubs *hubs = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "home", "off", 4);
	put_row(PAGE_CHANGE_MARK, "home", "active", 4);
	follow(hubs, &one, "home", 3);
	follow(hubs, &two, "home", 1);
	refresh(hubs);
	assert_int_equal(questions, 1);
	assert_int_equal(asked, 1);
	assert_int_equal(asked_cursor, 1);
	assert_int_equal(told_count, 3);
	for (size_t i = 0; i < told_count; i++)
		assert_true(told[i].stream == &two || told[i].seq == 4);
	hubs_mark(hubs, "home");
	refresh(hubs);
	assert_int_equal(questions, 1);
	assert_int_equal(asked_cursor, 4);
	assert_int_equal(told_count, 0);
	hub_unfollow_all(&two);
	end(hubs, &one);
}

static void
a_cursor_from_the_future_starts_anew(void **state)
{
	struct hubs *hubs = begin();
	struct stream one = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_MARK, "home", "active", 4);
	follow(hubs, &one, "home", 1000);
	refresh(hubs);
	assert_int_equal(told_count, 1);
	assert_int_equal(one.follows->cursor, 4);
	end(hubs, &one);
}

static void
what_could_not_be_read_stays_marked(void **state)
{
	struct hubs *hubs = begin();
	struct stream one = {0};
	bool removed = false;

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_MARK, "home", "active", 3);
	follow(hubs, &one, "home", 2);
	answer_err = SW_EUNAVAILABLE;
	assert_int_equal(hubs_refresh(hubs, NULL, &removed), SW_EUNAVAILABLE);
	assert_true(hubs_are_marked(hubs));
	assert_int_equal(told_count, 0);
	answer_err = SW_OK;
	refresh(hubs);
	assert_int_equal(told_count, 1);
	end(hubs, &one);
}

static void
a_full_reader_keeps_its_cursor(void **state)
{
	struct hubs *hubs = begin();
	struct stream slow = {0}, quick = {0};

	(void)state;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_MARK, "home", "active", 3);
	follow(hubs, &slow, "home", 2);
	follow(hubs, &quick, "home", 2);
	full = &slow;
	refresh(hubs);
	assert_int_equal(told_count, 1);
	assert_ptr_equal(told[0].stream, &quick);
	assert_int_equal(slow.follows->cursor, 2);
	full = NULL;
	hubs_mark_all(hubs);
	refresh(hubs);
	assert_int_equal(asked_cursor, 2);
	assert_int_equal(told_count, 1);
	assert_ptr_equal(told[0].stream, &slow);
	hub_unfollow_all(&quick);
	end(hubs, &slow);
}

static void
a_removed_installation_is_said(void **state)
{
	struct hubs *hubs = begin();
	struct stream one = {0};

	(void)state;
	put_row(PAGE_CHANGE_MARK, "home", "active", 3);
	put_row(PAGE_CHANGE_INSTALLATION, "away", "removed", 5);
	put_row(PAGE_CHANGE_MARK, "away", "removed", 5);
	follow(hubs, &one, "home", 3);
	assert_false(refresh(hubs));
	follow(hubs, &one, "away", 4);
	assert_true(refresh(hubs));
	assert_int_equal(told_count, 1);
	assert_non_null(strstr(told[0].text, "\"status\":\"removed\""));
	assert_true(one.follows->removed);
	assert_false(one.follows->next->removed);
	end(hubs, &one);
}

static void
many_are_asked_for_in_several_questions(void **state)
{
	struct hubs *hubs = begin();
	struct stream one = {0};

	(void)state;
	for (int i = 0; i < HUBS_MANY; i++) {
		char id[32];

		snprintf(id, sizeof(id), "home-%d", i);
		follow(hubs, &one, id, 0);
	}
	refresh(hubs);
	assert_int_equal(questions, 2);
	end(hubs, &one);
}

static void
tell(struct hubs *hubs, const char *installation, int64_t seq)
{
	const struct page_change change = {.kind = PAGE_CHANGE_SWITCH,
	    .row = {.installation_id = installation,
		.device_id = "lamp",
		.component = "main",
		.state = "on",
		.level = -1,
		.seq = seq}};

	told_count = questions = 0;
	hubs_tell(hubs, &change);
}

/* Two readers that have seen everything up to seq 2. */
static void
begin_telling(struct hubs *hubs, struct stream *one, struct stream *two)
{
	put_row(PAGE_CHANGE_MARK, "home", "active", 2);
	follow(hubs, one, "home", 2);
	follow(hubs, two, "home", 2);
	refresh(hubs);
}

static void
what_a_wake_up_tells_is_passed_on(void **state)
{
	struct hubs *hubs = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	begin_telling(hubs, &one, &two);
	tell(hubs, "home", 3);
	assert_false(hubs_are_marked(hubs));
	assert_int_equal(told_count, 2);
	assert_int_equal(told[0].seq, 3);
	assert_non_null(strstr(told[0].text, "\"state\":\"on\""));
	assert_int_equal(two.follows->cursor, 3);
	/* once */
	tell(hubs, "home", 3);
	tell(hubs, "home", 2);
	assert_int_equal(told_count, 0);
	assert_false(hubs_are_marked(hubs));
	tell(hubs, "away", 3);
	assert_int_equal(told_count, 0);
	hub_unfollow_all(&two);
	end(hubs, &one);
}

static void
a_reader_who_lacks_more_has_it_read(void **state)
{
	struct hubs *hubs = begin();
	struct stream one = {0}, two = {0};

	(void)state;
	begin_telling(hubs, &one, &two);
	tell(hubs, "home", 4);
	assert_int_equal(told_count, 0);
	assert_true(hubs_are_marked(hubs));
	/* and nothing comes before what will be read */
	tell(hubs, "home", 3);
	assert_int_equal(told_count, 0);
	rows[0].row.seq = 4;
	put_row(PAGE_CHANGE_SWITCH, "home", "on", 3);
	put_row(PAGE_CHANGE_SWITCH, "home", "off", 4);
	refresh(hubs);
	assert_int_equal(told_count, 4);
	assert_int_equal(one.follows->cursor, 4);
	hub_unfollow_all(&two);
	end(hubs, &one);
}

static void
a_full_reader_is_told_later(void **state)
{
	struct hubs *hubs = begin();
	struct stream slow = {0}, quick = {0};

	(void)state;
	begin_telling(hubs, &slow, &quick);
	full = &slow;
	tell(hubs, "home", 3);
	assert_int_equal(told_count, 1);
	assert_int_equal(slow.follows->cursor, 2);
	assert_int_equal(quick.follows->cursor, 3);
	full = NULL;
	tell(hubs, "home", 4);
	assert_int_equal(told_count, 0);
	assert_true(hubs_are_marked(hubs));
	hub_unfollow_all(&quick);
	end(hubs, &slow);
}

static void
nobody_is_asked_for_whom_nobody_follows(void **state)
{
	struct hubs *hubs = begin();
	struct stream one = {0};

	(void)state;
	hubs_mark(hubs, "home");
	assert_false(hubs_are_marked(hubs));
	follow(hubs, &one, "home", 0);
	hub_unfollow(one.follows);
	assert_null(one.follows);
	refresh(hubs);
	assert_int_equal(questions, 0);
	follow(hubs, &one, "home", 0);
	refresh(hubs);
	assert_int_equal(questions, 1);
	hub_unfollow_all(&one);
	hubs_mark_all(hubs);
	assert_false(hubs_are_marked(hubs));
	hubs_free(hubs);
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
