# Tests over HTTP against the whole running stack, run by ./check.
EXTRA_DIST += tests/integration tests/bench tests/processes.mjs tests/seal.mjs tests/stack.mjs tests/web_server.mjs
