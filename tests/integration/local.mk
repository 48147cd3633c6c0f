# Tests over HTTP against the whole running stack, run by ./check.
EXTRA_DIST += tests/integration tests/bench tests/stack.mjs
