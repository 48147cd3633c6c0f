/*
 * uuid.h: texts, the clock of version 1, and ids made from a digest.
 */
#include "unit.h"

#include <stdbool.h>
#include <string.h>
#include "formats/uuid.h"

static bool
read_tick(const char *text, int64_t *out)
{
	uint8_t uuid[UUID_BYTES];

	return uuid_parse(text, uuid) && uuid_tick(uuid, out);
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

static void
check_text(void **state)
{
	uint8_t uuid[UUID_BYTES];
	char text[UUID_TEXT_SIZE];

	(void)state;
	assert_true(uuid_parse("FBA06A38-7afb-11f1-b5e6-d369b2c5435d", uuid));
	assert_memory_equal(
	    uuid, "\xfb\xa0\x6a\x38\x7a\xfb\x11\xf1\xb5\xe6\xd3\x69\xb2\xc5\x43\x5d", UUID_BYTES);
	uuid_format(uuid, text);
	assert_string_equal(text, "fba06a38-7afb-11f1-b5e6-d369b2c5435d");
}

/* Version and variant of RFC 9562 5.8, and another id for another index or digest. */
static void
check_derived(void **state)
{
	uint8_t hash[SECRET_SHA256_BYTES] = {0}, first[UUID_BYTES], again[UUID_BYTES];

	(void)state;
	uuid_derive(hash, 0, first);
	uuid_derive(hash, 0, again);
	assert_memory_equal(first, again, UUID_BYTES);
	assert_int_equal(first[6] >> 4, 8);
	assert_int_equal(first[8] >> 6, 2);
	uuid_derive(hash, 1, again);
	assert_memory_not_equal(first, again, UUID_BYTES);
	hash[31] = 1;
	uuid_derive(hash, 0, again);
	assert_memory_not_equal(first, again, UUID_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("a UUID is read in either case and written in lower case", check_text),
	    SAYS("the clock of a version-1 UUID counts from 1970", check_tick),
	    SAYS("other text and other versions have no clock", check_no_tick),
	    SAYS("an id made from a digest is a version-8 UUID of that digest and index",
		check_derived),
	};

	return RUN_TESTS(tests);
}
