#ifndef SWITCHBOARD_TESTS_UNIT_H
#define SWITCHBOARD_TESTS_UNIT_H

/* What every unit test needs: cmocka in the order it wants its headers, and TAP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* One test: a sentence about behaviour and the function that checks it. */
#define SAYS(sentence, function)                            \
	{                                                   \
		.name = (sentence), .test_func = (function) \
	}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The whole main() of a test program; "tests" is an array of SAYS(). */
#define RUN_TESTS(tests) \
	(cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

#endif
