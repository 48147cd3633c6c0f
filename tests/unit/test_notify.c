/*
 * notify.h: what is sent, how often, and in which pieces.  The database is replaced by one that
 * records the statements, the clock by one that the tests set.
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
	assert_true(strlen(params[1].text) < 8000); /* the limit of NOTIFY */
	snprintf(channels[sent], sizeof(channels[sent]), "%s", params[0].text);
	snprintf(payloads[sent], sizeof(payloads[sent]), "%s", params[1].text);
	sent++;
	return answer;
}

static void
begin(struct notify *notify)
{
	notify_init(notify, NULL);
	sent = 0;
	answer = SW_OK;
}

static void
without_changes_nothing_is_sent(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 0);
	notify_clear(&notify);
	notify_clear(NULL);
}

static void
an_id_is_sent_once(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	notify_add_page(&notify, "i1");
	notify_add_page(&notify, "i12");
	notify_add_page(&notify, "1");
	notify_add_page(&notify, "i1");
	notify_add_page(&notify, "i12");
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 1);
	assert_string_equal(channels[0], "switchboard_page");
	assert_string_equal(payloads[0], "i1,i12,1");
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 1);
	notify_clear(&notify);
}

static void
people_are_named(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	notify_add_user(&notify, 12);
	notify_add_user(&notify, 1);
	notify_add_page(&notify, "i1");
	notify_add_user(&notify, 12);
	notify_add_user(&notify, INT64_MAX);
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 1);
	assert_string_equal(channels[0], "switchboard_page");
	assert_string_equal(payloads[0], "@12,@1,i1,@9223372036854775807");
	notify_clear(&notify);
}

static void
work_has_a_channel_of_its_own(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	notify_add_work(&notify);
	notify_add_work(&notify);
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 1);
	assert_string_equal(channels[0], "switchboard_work");
	assert_string_equal(payloads[0], "");
	notify_clear(&notify);
}

static void
changes_within_the_spacing_are_sent_together(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	notify_add_page(&notify, "a");
	assert_int_equal(notify_run(&notify), -1);
	notify_add_page(&notify, "b");
	notify_add_user(&notify, 7);
	assert_int_equal(notify_run(&notify), NOTIFY_SPACING_MS);
	now_ms += NOTIFY_SPACING_MS - 1;
	notify_add_page(&notify, "c");
	notify_add_user(&notify, 7);
	assert_int_equal(notify_run(&notify), 1);
	assert_int_equal(sent, 1);
	now_ms++;
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 2);
	assert_string_equal(payloads[1], "b,@7,c");
	notify_clear(&notify);
}

/* What counts is the number of changes, not of installations. */
static void
many_changes_are_sent_less_often(void **state)
{
	static const struct {
		int changes, wait_ms;
	} cases[] = {{1, 1}, {2, 2}, {4, 2}, {5, 3}, {100, 10}, {399, 20}, {400, 20}, {100000, 20}};
	struct notify notify;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		begin(&notify);
		for (int n = 0; n < cases[i].changes; n++)
			notify_add_page(&notify, "i1");
		assert_int_equal(notify_run(&notify), -1);
		notify_add_work(&notify);
		assert_int_equal(notify_run(&notify), cases[i].wait_ms);
		now_ms += cases[i].wait_ms;
		assert_int_equal(notify_run(&notify), -1);
		assert_int_equal(sent, 2);
		/* that wake-up carried one change, so the spacing is short again */
		notify_add_page(&notify, "i1");
		assert_int_equal(notify_run(&notify), NOTIFY_SPACING_MS);
		notify_clear(&notify);
	}
}

static void
an_inline_wake_up_keeps_the_spacing(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	assert_true(notify_begin_inline(&notify));
	notify_end_inline(&notify);
	assert_false(notify_begin_inline(&notify));
	notify_add_page(&notify, "a");
	assert_int_equal(notify_run(&notify), NOTIFY_SPACING_MS);
	now_ms += NOTIFY_SPACING_MS;
	assert_false(notify_begin_inline(&notify)); /* "a" would be overtaken */
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 1);
	assert_false(notify_begin_inline(&notify));
	now_ms += NOTIFY_SPACING_MS;
	assert_true(notify_begin_inline(&notify));
	notify_end_inline(&notify);
	now_ms += NOTIFY_SPACING_MS;
	notify_add_work(&notify);
	assert_false(notify_begin_inline(&notify));
	assert_int_equal(notify_run(&notify), -1);
	now_ms += NOTIFY_INTERVAL_MS;
	notify_add_user(&notify, 7);
	assert_false(notify_begin_inline(&notify));
	notify_clear(&notify);
}

static void
after_a_slow_inline_wake_up_the_next_waits_as_long(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	assert_true(notify_begin_inline(&notify));
	now_ms += 10;
	notify_end_inline(&notify);
	now_ms += 9;
	assert_false(notify_begin_inline(&notify));
	/* an ordinary wake-up need not wait */
	notify_add_page(&notify, "a");
	assert_int_equal(notify_run(&notify), -1);
	now_ms += NOTIFY_SPACING_MS;
	assert_true(notify_begin_inline(&notify));
	notify_clear(&notify);
}

static void
ids_that_do_not_fit_are_sent_in_several(void **state)
{
	struct notify notify;
	char id[32];
	int next = 0;

	(void)state;
	begin(&notify);
	for (int i = 0; i < 2000; i++) {
		snprintf(id, sizeof(id), "inst-%05d", i);
		notify_add_page(&notify, id);
	}
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 3);
	for (size_t i = 0; i < sent; i++) {
		const char *at = payloads[i];

		for (; *at != '\0'; at += at[10] == ',' ? 11 : 10) {
			snprintf(id, sizeof(id), "inst-%05d", next++);
			assert_memory_equal(at, id, 10);
		}
	}
	assert_int_equal(next, 2000);
	notify_clear(&notify);
}

/* The lock is that of all NOTIFY, and not of an installation. */
static void
a_wake_up_that_meets_a_lock_is_sent_later(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	answer = SW_ELOCKED;
	notify_add_page(&notify, "i1");
	notify_add_work(&notify);
	assert_int_equal(notify_run(&notify), 20);
	assert_int_equal(sent, 1);
	now_ms += 19;
	assert_int_equal(notify_run(&notify), 1);
	answer = SW_OK;
	now_ms += 1;
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 3);
	assert_string_equal(payloads[1], "i1");
	assert_string_equal(channels[2], "switchboard_work");
	notify_clear(&notify);
}

static void
a_lost_wake_up_is_forgotten(void **state)
{
	struct notify notify;

	(void)state;
	begin(&notify);
	answer = SW_EUNAVAILABLE;
	notify_add_page(&notify, "a");
	notify_add_work(&notify);
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 2);
	answer = SW_OK;
	assert_int_equal(notify_run(&notify), -1);
	assert_int_equal(sent, 2);
	notify_clear(&notify);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("without changes nothing is sent", without_changes_nothing_is_sent),
	    SAYS("an id is sent once, ids that contain each other all", an_id_is_sent_once),
	    SAYS("the people whose sessions changed are named", people_are_named),
	    SAYS("work has a channel of its own", work_has_a_channel_of_its_own),
	    SAYS("changes within the spacing wait and are sent together",
		changes_within_the_spacing_are_sent_together),
	    SAYS("many changes are sent less often", many_changes_are_sent_less_often),
	    SAYS("an inline wake-up keeps the spacing and overtakes nothing",
		an_inline_wake_up_keeps_the_spacing),
	    SAYS("after a slow inline wake-up the next waits as long",
		after_a_slow_inline_wake_up_the_next_waits_as_long),
	    SAYS("ids that do not fit into one notification are sent in several",
		ids_that_do_not_fit_are_sent_in_several),
	    SAYS("a wake-up that meets a lock is sent later",
		a_wake_up_that_meets_a_lock_is_sent_later),
	    SAYS("a lost wake-up is forgotten", a_lost_wake_up_is_forgotten),
	};

	return RUN_TESTS(tests);
}
