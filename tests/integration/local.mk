# Tests over HTTP against the whole running stack, run by ./check.
EXTRA_DIST += tests/integration tests/bench tests/processes.mjs tests/seal.mjs tests/stack.mjs tests/tcp_relay.mjs \
	tests/tls_front.mjs tests/wait.mjs tests/web_server.mjs
