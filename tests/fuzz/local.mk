# Fuzz targets for libFuzzer: tests/fuzz/fuzz_NAME.c is the target NAME, its seeds are in
# tests/fuzz/corpus/NAME.  "./configure --enable-fuzzers CC=clang", then "make fuzz" or tests/fuzz/run.sh.
fuzz_targets = \
	tests/fuzz/fuzz_cookie tests/fuzz/fuzz_date tests/fuzz/fuzz_device tests/fuzz/fuzz_webhook_body \
	tests/fuzz/fuzz_query tests/fuzz/fuzz_signature tests/fuzz/fuzz_signing_key \
	tests/fuzz/fuzz_token tests/fuzz/fuzz_url
fuzz_common = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
fuzz_json = $(fuzz_common) tests/fuzz/json_mutator.c
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_PROGRAMS += $(fuzz_targets)

tests_fuzz_fuzz_cookie_SOURCES = tests/fuzz/fuzz_cookie.c $(fuzz_common)
tests_fuzz_fuzz_cookie_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_date_SOURCES = tests/fuzz/fuzz_date.c $(fuzz_common)
tests_fuzz_fuzz_date_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_signature_SOURCES = tests/fuzz/fuzz_signature.c $(fuzz_common)
tests_fuzz_fuzz_signature_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_signing_key_SOURCES = tests/fuzz/fuzz_signing_key.c $(fuzz_common)
tests_fuzz_fuzz_signing_key_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_token_SOURCES = tests/fuzz/fuzz_token.c $(fuzz_json)
tests_fuzz_fuzz_token_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_url_SOURCES = tests/fuzz/fuzz_url.c $(fuzz_common)
tests_fuzz_fuzz_url_LDFLAGS = $(fuzz_ldflags)

# Those whose parser allocates from an arena get one that the sanitizer sees through.
tests_fuzz_fuzz_device_SOURCES = tests/fuzz/fuzz_device.c tests/fuzz/arena.c $(fuzz_json)
tests_fuzz_fuzz_device_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_webhook_body_SOURCES = tests/fuzz/fuzz_webhook_body.c tests/fuzz/arena.c $(fuzz_json)
tests_fuzz_fuzz_webhook_body_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_query_SOURCES = tests/fuzz/fuzz_query.c tests/fuzz/arena.c $(fuzz_common)
tests_fuzz_fuzz_query_LDFLAGS = $(fuzz_ldflags)

if ENABLE_FUZZERS
fuzzers: $(fuzz_targets)

# Ten minutes for each target, another seed at every run.
fuzz: fuzzers
	FUZZ_SECONDS="$${FUZZ_SECONDS:-600}" FUZZ_SEED="$${FUZZ_SEED:-0}" \
		$(srcdir)/tests/fuzz/run.sh $(abs_builddir)

CLEANFILES += $(fuzz_targets)
else
fuzzers fuzz:
	@echo "configure with --enable-fuzzers CC=clang first" >&2
	@exit 1
endif
.PHONY: fuzzers fuzz
EXTRA_DIST += tests/fuzz/run.sh tests/fuzz/header.dict tests/fuzz/json.dict \
	tests/fuzz/corpus
