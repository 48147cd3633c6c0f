# What ./demo and ./check share.
EXTRA_DIST += \
	scripts/lib/build.sh \
	scripts/lib/database.sh \
	scripts/lib/jobs.sh \
	scripts/lib/messages.sh \
	scripts/lib/packages.sh \
	scripts/lib/processes.sh \
	scripts/lib/programs.sh \
	scripts/lib/readiness.sh \
	scripts/lib/secrets.sh \
	scripts/lib/state.sh \
	scripts/lib/test_builds.sh \
	scripts/lib/test_database.sh \
	scripts/lib/test_results.sh \
	scripts/lib/test_tools.sh

# make app APP=DIRECTORY: everything that ./demo runs, the simulator too, in a folder of its own.
# It is made anew when something in it was built since, so that files of an older version go.
.PHONY: app
app: all $(APP)/.complete
$(APP)/.complete: Makefile $(PROGRAMS) $(SCRIPTS) $(DATA)
	test -n "$(APP)"
	rm -rf "$(APP)/bin" "$(APP)/lib" "$(APP)/libexec" "$(APP)/share" "$@"
	$(MAKE) $(AM_MAKEFLAGS) install prefix="$(APP)" DESTDIR=
	$(INSTALL_PROGRAM) switchboard-simulator "$(APP)/bin"
	touch "$@"
