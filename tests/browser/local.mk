# Tests in a real browser, run by ./check.
EXTRA_DIST += tests/browser
