/*
 * uuid.h: the clock inside version-1 UUIDs.
 */
#include "unit.h"

#include "formats/uuid.h"

static bool
read_tick(const char *text, int64_t *tick)
{
	uint8_t uuid[UUID_BYTES];

	return uuid_parse(text, uuid) && uuid_tick(uuid, tick);
}

static void
check_tick(void **state)
{
	int64_t tick = 7;

	(void)state;
	assert_true(read_tick("fba06a38-7afb-11f1-b5e6-d369b2c5435d", &tick));
	assert_int_equal(tick, INT64_C(17835358102170168));
	assert_true(read_tick("FBA06A38-7AFB-11F1-B5E6-D369B2C5435D", &tick));
	assert_int_equal(tick, INT64_C(17835358102170168));
	assert_true(read_tick("13814000-1dd2-11b2-8000-000000000000", &tick));
	assert_int_equal(tick, 0);
	assert_true(read_tick("ffffffff-ffff-1fff-bfff-ffffffffffff", &tick));
	assert_int_equal(tick, INT64_C(0x0fffffffffffffff) - INT64_C(0x01B21DD213814000));
}

static void
check_no_tick(void **state)
{
	static const char *const none[] = {"", "fba06a38-7afb-11f1-b5e6-d369b2c5435",
	    "fba06a38-7afb-11f1-b5e6-d369b2c5435d0", "fba06a387afb11f1b5e6d369b2c5435d",
	    "{fba06a38-7afb-11f1-b5e6-d369b2c5435d}", "gba06a38-7afb-11f1-b5e6-d369b2c5435d",
	    "fba06a38-7afb-11f1-b5e6_d369b2c5435d",
	    "fba06a38-7afb-41f1-b5e6-d369b2c5435d", /* version 4 */
	    "fba06a38-7afb-11f1-75e6-d369b2c5435d", /* another variant */
	    "fba06a38-7afb-11f1-c5e6-d369b2c5435d",
	    "13813fff-1dd2-11b2-8000-000000000000" /* just before 1970 */};
	int64_t tick = 7;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		if (read_tick(none[i], &tick))
			fail_msg("has a tick: %s", none[i]);
	}
	assert_int_equal(tick, 7);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("the clock of a version-1 UUID counts from 1970", check_tick),
	    SAYS("other text and other versions have no clock", check_no_tick),
	};

	return RUN_TESTS(tests);
}
