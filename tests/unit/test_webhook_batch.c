/*
 * webhook_batch.h: what happens to the webhooks of a batch when its commit fails.  The statement is
 * replaced by one whose results the test sets, the clock by one that the test moves.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "web/webhook_batch.h"
#include "base/clock.h"

#define CALLS_MAX 64

int64_t __wrap_clock_monotonic_ms(void);
enum sw_err __wrap_store_event_ingest(struct db *db, const struct store_webhook *webhooks,
    size_t count, bool notify, struct store_ingest *out);

enum sw_err __wrap_store_event_locked(
    struct db *db, const struct store_webhook *webhooks, size_t count, bool *locked);

static int64_t now_ms = 5000;
static struct {
	size_t count;
	char first[32];
	bool notify;
} calls[CALLS_MAX];
static size_t call_count;
static enum sw_err together[4]; /* results of calls with several webhooks, in order */
static size_t together_count;
static const char *bad;     /* the installation whose webhook is refused */
static const char *blocked; /* prefix of installations whose statements take too long */
static const char *locked;  /* the installation whose row is locked */
static const char *busy;    /* prefix of installations of which another row is locked */
static size_t looks;        /* at which rows are locked */

int64_t
__wrap_clock_monotonic_ms(void)
{
	return now_ms;
}

static enum sw_err
outcome(const struct store_webhook *webhooks, size_t count)
{
	const char *id = webhooks[0].installation_id;

	if (count > 1)
		return together[together_count++];
	if ((locked != NULL && strcmp(id, locked) == 0) ||
	    (busy != NULL && strncmp(id, busy, strlen(busy)) == 0))
		return SW_ELOCKED;
	if (blocked != NULL && strncmp(id, blocked, strlen(blocked)) == 0) {
		now_ms += 3000;
		return SW_ETIMEOUT;
	}
	return bad != NULL && strcmp(id, bad) == 0 ? SW_EINPUT : SW_OK;
}

enum sw_err
__wrap_store_event_ingest(struct db *db, const struct store_webhook *webhooks, size_t count,
    bool notify, struct store_ingest *out)
{
	enum sw_err err;

	(void)db;
	assert_true(call_count < CALLS_MAX);
	calls[call_count].count = count;
	calls[call_count].notify = notify;
	snprintf(
	    calls[call_count].first, sizeof(calls[0].first), "%s", webhooks[0].installation_id);
	call_count++;
	err = outcome(webhooks, count);
	memset(out, 0, count * sizeof(*out));
	for (size_t i = 0; err == SW_OK && i < count; i++)
		out[i] = (struct store_ingest){.known = true, .stored = (int64_t)i + 1};
	return err;
}

enum sw_err
__wrap_store_event_locked(
    struct db *db, const struct store_webhook *webhooks, size_t count, bool *out)
{
	(void)db;
	looks++;
	for (size_t i = 0; i < count; i++)
		out[i] = locked != NULL && strcmp(webhooks[i].installation_id, locked) == 0;
	return SW_OK;
}

static struct webhook_batch batch;
static const struct request request = {.id = "id"};

static int
set_up(void **state)
{
	(void)state;
	memset(&batch, 0, sizeof(batch));
	memset(together, 0, sizeof(together));
	call_count = together_count = looks = 0;
	bad = blocked = locked = busy = NULL;
	return 0;
}

static void
add(const char *installation, size_t events)
{
	const struct webhook_body event = {
	    .message = WEBHOOK_BODY_EVENT,
	    .installed_app_id = installation,
	    .events_json = "[]",
	    .event_count = events,
	};

	webhook_batch_add(&batch, &request, &event, NULL);
}

static void
add_all(const char *const *installations, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(installations[i], 1);
}

static void
assert_outcomes(const enum sw_err *expected, size_t count)
{
	assert_int_equal(batch.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(batch.deferred[i].err, expected[i]);
}

/* Store one webhook for each of "installations": these outcomes, with so many calls. */
static void
check_stored(const char *const *installations, const enum sw_err *expected, size_t count,
    size_t expected_calls)
{
	add_all(installations, count);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, count);
	assert_int_equal(call_count, expected_calls);
}

static void
all_share_one_call(void **state)
{
	static const char *const installations[] = {"a", "b", "a"};
	static const enum sw_err expected[] = {SW_OK, SW_OK, SW_OK};

	(void)state;
	add_all(installations, 3);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 3);
	assert_int_equal(call_count, 1);
	assert_int_equal(calls[0].count, 3);
	assert_false(calls[0].notify);
	assert_int_equal(batch.deferred[2].done.stored, 3);
}

static void
an_empty_batch_makes_no_call(void **state)
{
	(void)state;
	webhook_batch_store(&batch, NULL, false);
	assert_int_equal(call_count, 0);
}

static void
a_batch_of_one_may_notify(void **state)
{
	(void)state;
	add("a", 1);
	webhook_batch_store(&batch, NULL, true);
	assert_int_equal(call_count, 1);
	assert_true(calls[0].notify);
	assert_int_equal(batch.deferred[0].err, SW_OK);
}

static void
a_refused_webhook_fails_no_other(void **state)
{
	static const char *const installations[] = {"a", "b", "c"};
	static const enum sw_err expected[] = {SW_OK, SW_EINPUT, SW_OK};

	(void)state;
	together[0] = SW_EINPUT;
	bad = "b";
	add_all(installations, 3);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 3);
	assert_int_equal(call_count, 4);
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(calls[i].count, 1);
		assert_string_equal(calls[i].first, installations[i - 1]);
	}
}

/* A deadlock rolls back one of two transactions; it succeeds when it is run again. */
static void
a_conflict_is_tried_once_more(void **state)
{
	static const char *const installations[] = {"a", "b"};
	static const enum sw_err expected[] = {SW_OK, SW_OK};

	(void)state;
	together[0] = SW_ECONFLICT;
	add_all(installations, 2);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 2);
	assert_int_equal(call_count, 2);
	set_up(NULL);
	together[0] = together[1] = SW_ECONFLICT;
	add_all(installations, 2);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 2);
	assert_int_equal(call_count, 4);
}

static void
an_unreachable_database_is_tried_once(void **state)
{
	static const char *const installations[] = {"a", "b", "c"};
	static const enum sw_err expected[] = {SW_EUNAVAILABLE, SW_EUNAVAILABLE, SW_EUNAVAILABLE};

	(void)state;
	together[0] = SW_EUNAVAILABLE;
	check_stored(installations, expected, 3, 1);
}

static void
a_slow_installation_is_waited_for_once(void **state)
{
	static const char *const installations[] = {"a", "blocked", "b", "blocked", "blocked", "c"};
	static const enum sw_err expected[] = {
	    SW_OK, SW_ETIMEOUT, SW_OK, SW_ETIMEOUT, SW_ETIMEOUT, SW_OK};
	int64_t began_ms = now_ms;

	(void)state;
	together[0] = SW_ETIMEOUT;
	blocked = "blocked";
	add_all(installations, 6);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 6);
	assert_int_equal(now_ms - began_ms, 3000);
}

static void
a_locked_row_fails_no_other(void **state)
{
	static const char *const installations[] = {"a", "locked", "b", "locked"};
	static const enum sw_err expected[] = {SW_OK, SW_OK, SW_ELOCKED, SW_ELOCKED};

	(void)state;
	together[0] = SW_ELOCKED;
	locked = "locked";
	check_stored(installations, expected, 4, 2);
	assert_int_equal(calls[1].count, 2);
	assert_string_equal(calls[1].first, "a");
	assert_string_equal(batch.deferred[1].event.installed_app_id, "b");
}

/* The next batches do not wait for it: it is left out before they are stored, until it is free. */
static void
a_locked_row_is_met_once(void **state)
{
	static const char *const installations[] = {"locked", "a"};
	static const enum sw_err left_out[] = {SW_OK, SW_ELOCKED};
	static const enum sw_err alone[] = {SW_ELOCKED};
	static const enum sw_err stored[] = {SW_OK, SW_OK};

	(void)state;
	locked = "locked";
	add("locked", 1);
	webhook_batch_store(&batch, NULL, true);
	assert_outcomes(alone, 1);
	assert_int_equal(call_count, 1);
	webhook_batch_clear(&batch);
	add_all(installations, 2);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(left_out, 2);
	assert_int_equal(call_count, 2);
	assert_string_equal(calls[1].first, "a");
	webhook_batch_clear(&batch);
	add("locked", 1);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(alone, 1);
	assert_int_equal(call_count, 2);
	webhook_batch_clear(&batch);
	locked = NULL;
	add_all(installations, 2);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(stored, 2);
	assert_int_equal(call_count, 3);
	looks = 0;
	webhook_batch_clear(&batch);
	add_all(installations, 2);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(stored, 2);
	assert_int_equal(looks, 0);
}

static void
another_locked_row_fails_no_other(void **state)
{
	static const char *const installations[] = {"a", "busy", "b", "busy"};
	static const enum sw_err expected[] = {SW_OK, SW_ELOCKED, SW_OK, SW_ELOCKED};

	(void)state;
	together[0] = SW_ELOCKED;
	busy = "busy";
	check_stored(installations, expected, 4, 4);
}

static void
few_locks_are_waited_for(void **state)
{
	static const char *const installations[] = {"busy1", "busy2", "busy3", "a"};
	static const enum sw_err expected[] = {SW_ELOCKED, SW_ELOCKED, SW_ELOCKED, SW_ELOCKED};

	(void)state;
	together[0] = SW_ELOCKED;
	busy = "busy";
	check_stored(installations, expected, 4, 3);
}

/* The platform no longer waits for their answers by then. */
static void
no_statement_begins_too_late(void **state)
{
	static const char *const installations[] = {"blocked1", "blocked2", "a", "blocked3", "b"};
	static const enum sw_err expected[] = {
	    SW_ETIMEOUT, SW_ETIMEOUT, SW_ETIMEOUT, SW_ETIMEOUT, SW_ETIMEOUT};
	int64_t began_ms = now_ms;

	(void)state;
	together[0] = SW_ETIMEOUT;
	blocked = "blocked";
	add_all(installations, 5);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 5);
	assert_int_equal(now_ms - began_ms, 6000);
	assert_int_equal(call_count, 3);
}

static void
it_is_full_by_number_and_by_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < WEBHOOK_BATCH_MAX; i++) {
		assert_false(webhook_batch_is_full(&batch));
		add("a", 1);
	}
	assert_true(webhook_batch_is_full(&batch));
	set_up(NULL);
	add("a", WEBHOOK_BATCH_EVENTS - 1);
	assert_false(webhook_batch_is_full(&batch));
	add("b", 1);
	assert_true(webhook_batch_is_full(&batch));
}

#define SAYS_BATCH(sentence, function)                                              \
	{                                                                           \
		.name = (sentence), .test_func = (function), .setup_func = (set_up) \
	}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS_BATCH("all share one call, each has its own outcome", all_share_one_call),
	    SAYS_BATCH("an empty batch makes no call", an_empty_batch_makes_no_call),
	    SAYS_BATCH("the commit of a batch of one may notify", a_batch_of_one_may_notify),
	    SAYS_BATCH("a webhook that is refused does not fail the others",
		a_refused_webhook_fails_no_other),
	    SAYS_BATCH(
		"a conflict is tried once more, then each alone", a_conflict_is_tried_once_more),
	    SAYS_BATCH(
		"an unreachable database is tried once", an_unreachable_database_is_tried_once),
	    SAYS_BATCH("an installation that takes too long is waited for once",
		a_slow_installation_is_waited_for_once),
	    SAYS_BATCH("a locked row does not fail the others", a_locked_row_fails_no_other),
	    SAYS_BATCH("a locked row is waited for by one batch only", a_locked_row_is_met_once),
	    SAYS_BATCH(
		"another locked row does not fail the others", another_locked_row_fails_no_other),
	    SAYS_BATCH("after two locks the rest is not tried", few_locks_are_waited_for),
	    SAYS_BATCH("no statement begins too late", no_statement_begins_too_late),
	    SAYS_BATCH("it is full by number and by events", it_is_full_by_number_and_by_events),
	};

	return RUN_TESTS(tests);
}
