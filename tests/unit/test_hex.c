/*
 * hex.h against the vectors of RFC 4648 10.
 */
#include "unit.h"

#include <string.h>
#include <strings.h>
#include "base/hex.h"

static void
check_encoding(void **state)
{
	char text[13];

	(void)state;
	hex_encode("", 0, text);
	assert_string_equal(text, "");
	hex_encode("foobar", 6, text);
	assert_string_equal(text, "666f6f626172");
	hex_encode("\xfb\xff\xfe", 3, text);
	assert_string_equal(text, "fbfffe");
}

static void
check_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char lower[3] = "", upper[3] = "";

		assert_ptr_equal(hex_put_byte((uint8_t)i, hex_lower, lower), lower + 2);
		hex_put_byte((uint8_t)i, hex_upper, upper);
		assert_int_equal(hex_read_byte(lower), i);
		assert_int_equal(hex_read_byte(upper), i);
		assert_int_equal(strcasecmp(lower, upper), 0);
		assert_int_equal(strspn(upper, "0123456789ABCDEF"), 2);
	}
}

static void
check_malformed(void **state)
{
	static const char *const bad[] = {"", "0", "g0", "0g", " 0", "0 ", "-1", "+1", "0x", "/0",
	    ":0", "@0", "G0", "`0",
	    "\xc1"
	    "0"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(hex_read_byte(bad[i]), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("bytes become lower-case digits", check_encoding),
	    SAYS("every byte is read back in either case", check_bytes),
	    SAYS("what is no pair of digits is refused", check_malformed),
	};

	return RUN_TESTS(tests);
}
