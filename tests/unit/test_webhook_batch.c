/*
 * webhook_batch.h: what becomes of webhooks that share a commit when there is none.  The database
 * is replaced by one that follows a script, the clock by one that stands still until it is moved.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "web/webhook_batch.h"
#include "base/clock.h"

#define CALLS_MAX 64

int64_t __wrap_clock_monotonic_ms(void);
enum sw_err __wrap_store_event_ingest(struct db *db, const struct store_webhook *webhooks,
    size_t count, bool tell, struct store_ingest *out);

static int64_t now_ms = 5000;
static struct {
	size_t count;
	char first[32];
	bool tell;
} calls[CALLS_MAX];
static size_t call_count;
static enum sw_err together[4]; /* of calls with several, in order */
static size_t together_count;
static const char *bad;   /* what the database refuses */
static const char *stuck; /* homes whose rows somebody keeps, beginning with this */

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
	if (stuck != NULL && strncmp(id, stuck, strlen(stuck)) == 0) {
		now_ms += 3000;
		return SW_ETIMEOUT;
	}
	return bad != NULL && strcmp(id, bad) == 0 ? SW_EINPUT : SW_OK;
}

enum sw_err
__wrap_store_event_ingest(struct db *db, const struct store_webhook *webhooks, size_t count,
    bool tell, struct store_ingest *out)
{
	enum sw_err err;

	(void)db;
	assert_true(call_count < CALLS_MAX);
	calls[call_count].count = count;
	calls[call_count].tell = tell;
	snprintf(
	    calls[call_count].first, sizeof(calls[0].first), "%s", webhooks[0].installation_id);
	call_count++;
	err = outcome(webhooks, count);
	memset(out, 0, count * sizeof(*out));
	for (size_t i = 0; err == SW_OK && i < count; i++)
		out[i] = (struct store_ingest){.known = true, .stored = (int64_t)i + 1};
	return err;
}

static struct webhook_batch batch;
static const struct request request = {.id = "id"};

static int
set_up(void **state)
{
	(void)state;
	memset(&batch, 0, sizeof(batch));
	memset(together, 0, sizeof(together));
	call_count = together_count = 0;
	bad = stuck = NULL;
	return 0;
}

static void
add(const char *home, size_t events)
{
	const struct webhook_body event = {
	    .message = WEBHOOK_BODY_EVENT,
	    .installed_app_id = home,
	    .events_json = "[]",
	    .event_count = events,
	};

	webhook_batch_add(&batch, &request, &event, NULL);
}

static void
add_homes(const char *const *homes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(homes[i], 1);
}

static void
assert_outcomes(const enum sw_err *expected, size_t count)
{
	assert_int_equal(batch.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(batch.waiting[i].err, expected[i]);
}

static void
all_share_one_call(void **state)
{
	static const char *const homes[] = {"a", "b", "a"};
	static const enum sw_err expected[] = {SW_OK, SW_OK, SW_OK};

	(void)state;
	add_homes(homes, 3);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 3);
	assert_int_equal(call_count, 1);
	assert_int_equal(calls[0].count, 3);
	assert_false(calls[0].tell);
	assert_int_equal(batch.waiting[2].done.stored, 3);
}

static void
nothing_is_no_call(void **state)
{
	(void)state;
	webhook_batch_store(&batch, NULL, false);
	assert_int_equal(call_count, 0);
}

static void
one_alone_may_tell(void **state)
{
	(void)state;
	add("a", 1);
	webhook_batch_store(&batch, NULL, true);
	assert_int_equal(call_count, 1);
	assert_true(calls[0].tell);
	assert_int_equal(batch.waiting[0].err, SW_OK);
}

static void
one_that_is_refused_spoils_no_other(void **state)
{
	static const char *const homes[] = {"a", "b", "c"};
	static const enum sw_err expected[] = {SW_OK, SW_EINPUT, SW_OK};

	(void)state;
	together[0] = SW_EINPUT;
	bad = "b";
	add_homes(homes, 3);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 3);
	assert_int_equal(call_count, 4);
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(calls[i].count, 1);
		assert_string_equal(calls[i].first, homes[i - 1]);
	}
}

/* Two that waited for each other: nothing was stored, and it need not happen again. */
static void
a_conflict_is_tried_once_more(void **state)
{
	static const char *const homes[] = {"a", "b"};
	static const enum sw_err expected[] = {SW_OK, SW_OK};

	(void)state;
	together[0] = SW_ECONFLICT;
	add_homes(homes, 2);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 2);
	assert_int_equal(call_count, 2);
	set_up(NULL);
	together[0] = together[1] = SW_ECONFLICT;
	add_homes(homes, 2);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 2);
	assert_int_equal(call_count, 4);
}

static void
a_database_that_is_away_is_asked_once(void **state)
{
	static const char *const homes[] = {"a", "b", "c"};
	static const enum sw_err expected[] = {SW_EUNAVAILABLE, SW_EUNAVAILABLE, SW_EUNAVAILABLE};

	(void)state;
	together[0] = SW_EUNAVAILABLE;
	add_homes(homes, 3);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 3);
	assert_int_equal(call_count, 1);
}

static void
a_home_that_is_stuck_is_waited_for_once(void **state)
{
	static const char *const homes[] = {"a", "stuck", "b", "stuck", "stuck", "c"};
	static const enum sw_err expected[] = {
	    SW_OK, SW_ETIMEOUT, SW_OK, SW_ETIMEOUT, SW_ETIMEOUT, SW_OK};
	int64_t began_ms = now_ms;

	(void)state;
	together[0] = SW_ETIMEOUT;
	stuck = "stuck";
	add_homes(homes, 6);
	webhook_batch_store(&batch, NULL, false);
	assert_outcomes(expected, 6);
	assert_int_equal(now_ms - began_ms, 3000);
}

/* Whoever sent them has gone by then. */
static void
nothing_is_begun_too_late(void **state)
{
	static const char *const homes[] = {"stuck1", "stuck2", "a", "stuck3", "b"};
	static const enum sw_err expected[] = {
	    SW_ETIMEOUT, SW_ETIMEOUT, SW_ETIMEOUT, SW_ETIMEOUT, SW_ETIMEOUT};
	int64_t began_ms = now_ms;

	(void)state;
	together[0] = SW_ETIMEOUT;
	stuck = "stuck";
	add_homes(homes, 5);
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
	    SAYS_BATCH("nothing is no call", nothing_is_no_call),
	    SAYS_BATCH("one alone may be told by its commit", one_alone_may_tell),
	    SAYS_BATCH("one that is refused spoils no other", one_that_is_refused_spoils_no_other),
	    SAYS_BATCH(
		"a conflict is tried once more, then each alone", a_conflict_is_tried_once_more),
	    SAYS_BATCH(
		"a database that is away is asked once", a_database_that_is_away_is_asked_once),
	    SAYS_BATCH(
		"a home that is stuck is waited for once", a_home_that_is_stuck_is_waited_for_once),
	    SAYS_BATCH("nothing is begun too late", nothing_is_begun_too_late),
	    SAYS_BATCH("it is full by number and by events", it_is_full_by_number_and_by_events),
	};

	return RUN_TESTS(tests);
}
