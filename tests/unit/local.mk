# One program per module: tests/unit/test_NAME is made of tests/unit/test_NAME.c.
# A test that needs more sources says so in a tests_unit_test_NAME_SOURCES of its own.
unit_tests =

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
EXTRA_DIST += tests/data
