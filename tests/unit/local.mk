# One program per module: tests/unit/test_NAME is made of tests/unit/test_NAME.c.
# A test that needs more sources says so in a tests_unit_test_NAME_SOURCES of its own.
unit_tests =
unit_tests += \
	tests/unit/test_log tests/unit/test_arena tests/unit/test_sbuf tests/unit/test_clock \
	tests/unit/test_secret tests/unit/test_base64 tests/unit/test_url tests/unit/test_cookie \
	tests/unit/test_html tests/unit/test_user_agent tests/unit/test_uuid tests/unit/test_exhaustion \
	tests/unit/test_hex tests/unit/test_number tests/unit/test_network tests/unit/test_seal tests/unit/test_url_query
unit_tests += \
	tests/unit/test_json tests/unit/test_json_span tests/unit/test_httpsig tests/unit/test_oauth tests/unit/test_webhook_body \
	tests/unit/test_device tests/unit/test_exhaustion_parsers
unit_tests += \
	tests/unit/test_config tests/unit/test_request tests/unit/test_response \
	tests/unit/test_serve tests/unit/test_client tests/unit/test_db
unit_tests += \
	tests/unit/test_session tests/unit/test_query tests/unit/test_notify tests/unit/test_keycache \
	tests/unit/test_confirmation tests/unit/test_signing_key
unit_tests += tests/unit/test_api tests/unit/test_json_tolerant
unit_tests += \
	tests/unit/test_worker_spool tests/unit/test_worker_retry \
	tests/unit/test_command_body tests/unit/test_subscription_set
unit_tests += tests/unit/test_cursor tests/unit/test_stream_format tests/unit/test_stream_feed
unit_tests += tests/unit/test_stream tests/unit/test_stream_session
unit_tests += tests/unit/test_webhook_batch
unit_tests += tests/unit/test_reply_record tests/unit/test_switch tests/unit/test_command_input
EXTRA_DIST += tests/unit/unit.h

# Tests that are folders below tests/data.
tests_unit_cases = tests/unit/cases.c tests/unit/cases.h
tests_unit_test_httpsig_SOURCES = tests/unit/test_httpsig.c $(tests_unit_cases)
tests_unit_test_oauth_SOURCES = tests/unit/test_oauth.c $(tests_unit_cases)
tests_unit_test_webhook_body_SOURCES = tests/unit/test_webhook_body.c $(tests_unit_cases)
tests_unit_test_device_SOURCES = tests/unit/test_device.c $(tests_unit_cases)
tests_unit_test_keycache_SOURCES = tests/unit/test_keycache.c $(tests_unit_cases)

# Parts of the streamer; the tests of feeds and sessions replace database and streams.
tests_unit_test_stream_format_SOURCES = tests/unit/test_stream_format.c \
	src/stream/format.c src/stream/format.h
tests_unit_test_stream_feed_SOURCES = tests/unit/test_stream_feed.c \
	src/stream/feed.c src/stream/feed.h \
	src/stream/format.c src/stream/format.h \
	src/stream/session_index.c src/stream/session_index.h
tests_unit_test_stream_session_SOURCES = tests/unit/test_stream_session.c \
	src/stream/format.c src/stream/format.h \
	src/stream/session.c src/stream/session.h \
	src/stream/session_index.c src/stream/session_index.h

tests_unit_test_webhook_batch_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=store_event_ingest,--wrap=store_event_locked,--wrap=clock_monotonic_ms

# Functions of the library that are replaced by the test's own.
tests_unit_test_session_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=db_exec,--wrap=db_result_rows,--wrap=db_result_int,--wrap=db_result_bool \
	-Wl,--wrap=db_result_text,--wrap=db_result_free
tests_unit_test_switch_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=db_exec,--wrap=store_installation_list
tests_unit_test_notify_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=db_exec,--wrap=clock_monotonic_ms

# Parts of the worker.
tests_unit_test_command_body_SOURCES = tests/unit/test_command_body.c src/worker/command_body.c
tests_unit_test_worker_retry_SOURCES = tests/unit/test_worker_retry.c src/worker/retry.c
tests_unit_test_subscription_set_SOURCES = tests/unit/test_subscription_set.c \
	src/worker/subscription_set.c
tests_unit_test_worker_spool_SOURCES = tests/unit/test_worker_spool.c \
	src/worker/folder.c src/worker/replay.c src/worker/retry.c src/worker/spool.c
tests_unit_test_worker_spool_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=store_token_store,--wrap=store_token_spooled,--wrap=notify_add_page

# Allocations of the library go through functions of these tests, which make them fail.
tests_unit_failing = tests/unit/failing.c tests/unit/failing.h
tests_unit_failing_ldflags = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
tests_unit_test_exhaustion_SOURCES = tests/unit/test_exhaustion.c $(tests_unit_failing)
tests_unit_test_exhaustion_LDFLAGS = $(tests_unit_failing_ldflags)
tests_unit_test_exhaustion_parsers_SOURCES = tests/unit/test_exhaustion_parsers.c \
	$(tests_unit_failing) $(tests_unit_cases)
tests_unit_test_exhaustion_parsers_LDFLAGS = $(tests_unit_failing_ldflags)

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
EXTRA_DIST += tests/data tests/unit/valgrind.sh

check-valgrind: $(check_PROGRAMS)
	$(srcdir)/tests/unit/valgrind.sh $(abs_builddir)
.PHONY: check-valgrind
