/*
 * publish.h: what is sent, how often, and in which pieces.  The database is
 * replaced by one that writes down what it is asked, the clock by one that
 * stands still until it is moved.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/notify.h"

#define SENT_MAX 8

enum sw_err __wrap_db_exec(
    struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out);

static char channels[SENT_MAX][32];
static char payloads[SENT_MAX][8001];
static size_t sent;
static enum sw_err answer;
static int64_t now_ms = 1000000;

int64_t __wrap_clock_monotonic_ms(void);

int64_t
__wrap_clock_monotonic_ms(void)
{
	return now_ms;
}

enum sw_err
__wrap_db_exec(
    struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out)
{
	(void)db;
	assert_int_equal(id, STMT_WAKE);
	assert_null(out);
	assert_true(sent < SENT_MAX);
	assert_true(strlen(params[1].text) < 8000); /* what NOTIFY takes */
	snprintf(channels[sent], sizeof(channels[sent]), "%s", params[0].text);
	snprintf(payloads[sent], sizeof(payloads[sent]), "%s", params[1].text);
	sent++;
	return answer;
}

static void
begin(struct publish *publish)
{
	publish_init(publish, NULL);
	sent = 0;
	answer = SW_OK;
}

static void
nothing_to_say_is_not_said(void **state)
{
	struct publish publish;

	(void)state;
	begin(&publish);
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 0);
	publish_clear(&publish);
	publish_clear(NULL);
}

static void
an_id_is_sent_once(void **state)
{
	struct publish publish;

	(void)state;
	begin(&publish);
	publish_add_page(&publish, "home");
	publish_add_page(&publish, "home2");
	publish_add_page(&publish, "ome");
	publish_add_page(&publish, "home");
	publish_add_page(&publish, "home2");
	publish_add_sessions(&publish);
	publish_add_sessions(&publish);
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 1);
	assert_string_equal(channels[0], "switchboard_page");
	assert_string_equal(payloads[0], "home,home2,ome,*");
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 1);
	publish_clear(&publish);
}

static void
work_has_a_channel_of_its_own(void **state)
{
	struct publish publish;

	(void)state;
	begin(&publish);
	publish_add_work(&publish);
	publish_add_work(&publish);
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 1);
	assert_string_equal(channels[0], "switchboard_work");
	assert_string_equal(payloads[0], "");
	publish_clear(&publish);
}

static void
what_comes_too_soon_waits(void **state)
{
	struct publish publish;

	(void)state;
	begin(&publish);
	publish_add_page(&publish, "a");
	assert_int_equal(publish_run(&publish), -1);
	publish_add_page(&publish, "b");
	publish_add_sessions(&publish);
	assert_int_equal(publish_run(&publish), PUBLISH_SPACING_MS);
	now_ms += PUBLISH_SPACING_MS - 1;
	publish_add_page(&publish, "c");
	publish_add_sessions(&publish);
	assert_int_equal(publish_run(&publish), 1);
	assert_int_equal(sent, 1);
	now_ms++;
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 2);
	assert_string_equal(payloads[1], "b,*,c");
	publish_clear(&publish);
}

/* The more a wake-up carries, of however few homes, the longer the next one waits. */
static void
many_changes_are_told_less_often(void **state)
{
	static const struct {
		int changes, wait_ms;
	} cases[] = {{1, 1}, {2, 2}, {4, 2}, {5, 3}, {100, 10}, {399, 20}, {400, 20}, {100000, 20}};
	struct publish publish;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		begin(&publish);
		for (int n = 0; n < cases[i].changes; n++)
			publish_add_page(&publish, "home");
		assert_int_equal(publish_run(&publish), -1);
		publish_add_work(&publish);
		assert_int_equal(publish_run(&publish), cases[i].wait_ms);
		now_ms += cases[i].wait_ms;
		assert_int_equal(publish_run(&publish), -1);
		assert_int_equal(sent, 2);
		/* and that one carried little again */
		publish_add_page(&publish, "home");
		assert_int_equal(publish_run(&publish), PUBLISH_SPACING_MS);
		publish_clear(&publish);
	}
}

/* One that is told by the transaction that made it. */
static void
a_turn_is_a_wake_up_like_others(void **state)
{
	struct publish publish;

	(void)state;
	begin(&publish);
	assert_true(publish_take_turn(&publish));
	publish_end_turn(&publish);
	assert_false(publish_take_turn(&publish));
	publish_add_page(&publish, "a");
	assert_int_equal(publish_run(&publish), PUBLISH_SPACING_MS);
	now_ms += PUBLISH_SPACING_MS;
	assert_false(publish_take_turn(&publish)); /* "a" would be overtaken */
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 1);
	assert_false(publish_take_turn(&publish));
	now_ms += PUBLISH_SPACING_MS;
	assert_true(publish_take_turn(&publish));
	publish_end_turn(&publish);
	now_ms += PUBLISH_SPACING_MS;
	publish_add_work(&publish);
	assert_false(publish_take_turn(&publish));
	assert_int_equal(publish_run(&publish), -1);
	now_ms += PUBLISH_INTERVAL_MS;
	publish_add_sessions(&publish);
	assert_false(publish_take_turn(&publish));
	publish_clear(&publish);
}

static void
slow_turns_are_rare(void **state)
{
	struct publish publish;

	(void)state;
	begin(&publish);
	assert_true(publish_take_turn(&publish));
	now_ms += 10;
	publish_end_turn(&publish);
	now_ms += 9;
	assert_false(publish_take_turn(&publish));
	/* which keeps nobody from telling it the other way */
	publish_add_page(&publish, "a");
	assert_int_equal(publish_run(&publish), -1);
	now_ms += PUBLISH_SPACING_MS;
	assert_true(publish_take_turn(&publish));
	publish_clear(&publish);
}

static void
a_long_list_goes_in_pieces(void **state)
{
	struct publish publish;
	char id[32];
	int next = 0;

	(void)state;
	begin(&publish);
	for (int i = 0; i < 2000; i++) {
		snprintf(id, sizeof(id), "home-%05d", i);
		publish_add_page(&publish, id);
	}
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 3);
	for (size_t i = 0; i < sent; i++) {
		const char *at = payloads[i];

		for (; *at != '\0'; at += at[10] == ',' ? 11 : 10) {
			snprintf(id, sizeof(id), "home-%05d", next++);
			assert_memory_equal(at, id, 10);
		}
	}
	assert_int_equal(next, 2000);
	publish_clear(&publish);
}

static void
a_lost_wake_up_is_forgotten(void **state)
{
	struct publish publish;

	(void)state;
	begin(&publish);
	answer = SW_EUNAVAILABLE;
	publish_add_page(&publish, "a");
	publish_add_work(&publish);
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 2);
	answer = SW_OK;
	assert_int_equal(publish_run(&publish), -1);
	assert_int_equal(sent, 2);
	publish_clear(&publish);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("nothing to say is not said", nothing_to_say_is_not_said),
	    SAYS("an id is sent once, ids that contain each other all", an_id_is_sent_once),
	    SAYS("work has a channel of its own", work_has_a_channel_of_its_own),
	    SAYS("what comes within the interval waits and is joined", what_comes_too_soon_waits),
	    SAYS("many changes are told less often", many_changes_are_told_less_often),
	    SAYS("a turn is a wake-up like others", a_turn_is_a_wake_up_like_others),
	    SAYS("slow turns are rare", slow_turns_are_rare),
	    SAYS("a list longer than a notification goes in pieces", a_long_list_goes_in_pieces),
	    SAYS("a lost wake-up is forgotten", a_lost_wake_up_is_forgotten),
	};

	return RUN_TESTS(tests);
}
