#ifndef SWITCHBOARD_TESTS_CASES_H
#define SWITCHBOARD_TESTS_CASES_H

#include "unit.h"

/*
 * Tests that are folders: tests/data/MODULE/CASE/ holds the input and what is
 * expected.  Adding a case is adding a folder.  SWITCHBOARD_TEST_DATA names
 * tests/data (default: below the current directory).
 */

/*
 * Run the fixed tests, then "on_case" once for each folder of tests/data/MODULE,
 * with *state pointing to the folder's path.  TAP on stdout; the result for main().
 */
int cases_run(
    const char *module, const struct CMUnitTest *fixed, size_t count, CMUnitTestFunction on_case);

/*
 * A file of a case, NUL-terminated, free() it.  NULL when there is no such
 * file.  "length" may be NULL.
 */
char *case_read(const char *folder, const char *file, size_t *length);

/* The same for tests/data/MODULE/CASE/FILE, which must be there. */
char *case_open(const char *module, const char *name, const char *file, size_t *length);

/* A file of a case that must be there, without the line break at its end. */
char *case_read_line(const char *folder, const char *file);

#endif
