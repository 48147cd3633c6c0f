# make bench: figures of this machine, as ratios (see tests/bench/README.md).  No part of ./check.
bench_programs = tests/bench/empty tests/bench/hops tests/bench/load tests/bench/sign
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

tests_bench_empty_SOURCES = tests/bench/empty.c
tests_bench_empty_LDADD = $(FCGI_LIBS) $(PQ_LIBS)
tests_bench_hops_SOURCES = tests/bench/hops.c tests/bench/clock.h
tests_bench_hops_LDADD = $(PQ_LIBS)
tests_bench_load_SOURCES = tests/bench/load.c tests/bench/clock.h
tests_bench_load_LDADD =
tests_bench_sign_SOURCES = tests/bench/sign.c
tests_bench_sign_LDADD = $(CRYPTO_LIBS)

.PHONY: bench
bench: all $(bench_programs)
	SWITCHBOARD_BUILD_DIR='$(abs_builddir)' node $(srcdir)/tests/bench/run.mjs $(BENCH)
