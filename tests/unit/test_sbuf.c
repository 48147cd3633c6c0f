/*
 * sbuf.h: growth, the sticky failure, and who owns what.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include "base/sbuf.h"

static void
check_puts(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	assert_string_equal(sbuf_text(&buf), "");
	sbuf_put(&buf, "abc", 3);
	sbuf_put(&buf, NULL, 0);
	sbuf_put_text(&buf, NULL);
	sbuf_put_text(&buf, "def");
	sbuf_put_char(&buf, '-');
	sbuf_put_int(&buf, INT64_MIN);
	sbuf_put_int(&buf, 0);
	sbuf_printf(&buf, "<%s:%d>", "x", 5);
	assert_string_equal(sbuf_text(&buf), "abcdef--92233720368547758080<x:5>");
	assert_int_equal(buf.length, strlen(buf.data));
	assert_false(sbuf_failed(&buf));
	sbuf_clear(&buf);
}

static void
check_binary(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	sbuf_put(&buf, "a\0b", 3);
	sbuf_put_char(&buf, '\0');
	assert_int_equal(buf.length, 4);
	assert_memory_equal(sbuf_text(&buf), "a\0b\0", 5);
	sbuf_clear(&buf);
}

static void
check_growth(void **state)
{
	struct sbuf buf;

	(void)state;
	for (int secret = 0; secret < 2; secret++) {
		if (secret)
			sbuf_init_secret(&buf, 0);
		else
			sbuf_init(&buf, 0);
		for (int i = 0; i < 10000; i++) {
			sbuf_printf(&buf, "%04d", i);
			assert_int_equal(buf.data[buf.length], '\0');
			assert_true(buf.length < buf.capacity);
		}
		assert_int_equal(buf.length, 40000);
		assert_memory_equal(buf.data + 4 * 1234, "1234", 4);
		sbuf_clear(&buf);
		assert_int_equal(buf.secret, secret);
	}
}

static void
check_limit(void **state)
{
	struct sbuf buf;

	(void)state;
	sbuf_init(&buf, 10);
	sbuf_put_text(&buf, "0123456789");
	assert_false(sbuf_failed(&buf));
	sbuf_put_char(&buf, 'x');
	assert_true(sbuf_failed(&buf));
	sbuf_put_text(&buf, "");
	sbuf_put_int(&buf, 1);
	sbuf_printf(&buf, "%d", 1);
	assert_true(sbuf_failed(&buf));
	assert_string_equal(sbuf_text(&buf), "0123456789");
	sbuf_reset(&buf);
	assert_false(sbuf_failed(&buf));
	assert_string_equal(sbuf_text(&buf), "");
	sbuf_printf(&buf, "%s", "0123456789a");
	assert_true(sbuf_failed(&buf));
	sbuf_put_text(&buf, "fits");
	sbuf_printf(&buf, "fits");
	assert_string_equal(sbuf_text(&buf), "");
	sbuf_clear(&buf);
	assert_false(sbuf_failed(&buf));
	assert_int_equal(buf.limit, 10);
}

static void
check_default_limit(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	sbuf_put(&buf, "x", (size_t)64 * 1024 * 1024 + 1);
	assert_true(sbuf_failed(&buf));
	sbuf_reset(&buf);
	sbuf_put(&buf, "x", SIZE_MAX);
	assert_true(sbuf_failed(&buf));
	sbuf_clear(&buf);
}

static void
check_reset(void **state)
{
	struct sbuf buf;
	char *data;

	(void)state;
	sbuf_init_secret(&buf, 0);
	sbuf_put_text(&buf, "token");
	data = buf.data;
	sbuf_reset(&buf);
	assert_ptr_equal(buf.data, data);
	assert_memory_equal(data, "\0\0\0\0\0", 5);
	sbuf_put_text(&buf, "x");
	assert_string_equal(sbuf_text(&buf), "x");
	sbuf_clear(&buf);
	sbuf_clear(&buf);
}

static void
check_detach(void **state)
{
	struct sbuf buf;
	char *text;

	(void)state;
	sbuf_init(&buf, 4);
	text = sbuf_detach(&buf);
	assert_string_equal(text, "");
	free(text);
	sbuf_put_text(&buf, "abcd");
	text = sbuf_detach(&buf);
	assert_string_equal(text, "abcd");
	assert_string_equal(sbuf_text(&buf), "");
	assert_int_equal(buf.length, 0);
	free(text);
	sbuf_put_text(&buf, "abcde");
	assert_null(sbuf_detach(&buf));
	assert_false(sbuf_failed(&buf));
	sbuf_clear(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("text, characters, numbers and formats are appended", check_puts),
	    SAYS("bytes of any value are stored", check_binary),
	    SAYS("the buffer grows and stays terminated, secret or not", check_growth),
	    SAYS("beyond the limit it fails once and for all until a reset", check_limit),
	    SAYS("without a limit of its own it stops at 64 MB", check_default_limit),
	    SAYS("a reset keeps the memory and wipes a secret", check_reset),
	    SAYS("detach gives the text away, or NULL after a failure", check_detach),
	};

	return RUN_TESTS(tests);
}
