/*
 * secret.h: digests against FIPS 180, and what comparison, random numbers and wiping promise.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/secret.h"

static void
check_sha256(void **state)
{
	/* FIPS 180-2 B.1, and the digest of nothing. */
	static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
	    0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
	    0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	static const uint8_t nothing[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a,
	    0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93,
	    0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
	uint8_t digest[SECRET_SHA256_BYTES];

	(void)state;
	secret_sha256("abc", 3, digest);
	assert_memory_equal(digest, abc, sizeof(abc));
	secret_sha256(NULL, 0, digest);
	assert_memory_equal(digest, nothing, sizeof(nothing));
}

static void
check_equal(void **state)
{
	(void)state;
	assert_true(secret_equal("abc", 3, "abc", 3));
	assert_true(secret_equal(NULL, 0, "", 0));
	assert_false(secret_equal("abc", 3, "abd", 3));
	assert_false(secret_equal("abc", 3, "abc", 2));
	assert_false(secret_equal("abc", 3, NULL, 0));
	assert_true(secret_equal("a\0c", 3, "a\0c", 3));
	assert_false(secret_equal("a\0c", 3, "a\0d", 3));
}

static void
check_random(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0};

	(void)state;
	assert_int_equal(secret_random(a, sizeof(a)), SW_OK);
	assert_int_equal(secret_random(b, sizeof(b)), SW_OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(secret_random(NULL, 0), SW_OK);
}

static void
check_cleanse(void **state)
{
	char text[] = "secret";

	(void)state;
	secret_cleanse(text, 3);
	assert_memory_equal(text, "\0\0\0ret", 7);
	secret_cleanse(NULL, 0);
	secret_cleanse(NULL, 5);
	secret_free(NULL, 0);
	secret_free_text(NULL);
	secret_free_text(strdup("x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("SHA-256 gives the digests of FIPS 180", check_sha256),
	    SAYS("comparison sees every byte and both lengths", check_equal),
	    SAYS("random bytes differ from call to call", check_random),
	    SAYS("cleansing overwrites exactly the given bytes", check_cleanse),
	};

	return RUN_TESTS(tests);
}
