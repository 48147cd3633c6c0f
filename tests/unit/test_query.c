/*
 * query.h: array literals as PostgreSQL reads them (its manual, "Array Input and Output Syntax").
 */
#include "unit.h"

#include "store/query.h"

static void
check_empty(void **state)
{
	struct sbuf array = {0};

	(void)state;
	store_array_end(&array);
	assert_string_equal(sbuf_text(&array), "{}");
	sbuf_clear(&array);
}

static void
check_numbers(void **state)
{
	struct sbuf array = {0};

	(void)state;
	store_array_put_int(&array, 1);
	store_array_put_int(&array, -20);
	store_array_end(&array);
	assert_string_equal(sbuf_text(&array), "{1,-20}");
	sbuf_clear(&array);
}

static void
check_text(void **state)
{
	struct sbuf array = {0};

	(void)state;
	store_array_put(&array, "a");
	store_array_put(&array, "");
	store_array_put(&array, "NULL");
	store_array_put(&array, "b,{c} \"d\"");
	store_array_put(&array, "\\x00");
	store_array_end(&array);
	assert_string_equal(
	    sbuf_text(&array), "{\"a\",\"\",\"NULL\",\"b,{c} \\\"d\\\"\",\"\\\\x00\"}");
	sbuf_clear(&array);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("an array may be empty", check_empty),
	    SAYS("an array of numbers has them between commas", check_numbers),
	    SAYS(
		"text in an array is quoted, quotes and backslashes in it are escaped", check_text),
	};

	return RUN_TESTS(tests);
}
