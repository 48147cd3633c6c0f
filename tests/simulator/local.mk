# The simulated platform: a test program, built but never installed.
# It shares no code with src/: the two check each other's bytes.
noinst_PROGRAMS += switchboard-simulator
switchboard_simulator_SOURCES = \
	tests/simulator/answer.c \
	tests/simulator/api.h \
	tests/simulator/api_apps.c \
	tests/simulator/api_devices.c \
	tests/simulator/api_locations.c \
	tests/simulator/api_subscriptions.c \
	tests/simulator/apps.c tests/simulator/apps.h \
	tests/simulator/calls.c tests/simulator/calls.h \
	tests/simulator/commands.c tests/simulator/commands.h \
	tests/simulator/confirmation.c tests/simulator/confirmation.h \
	tests/simulator/consent.c tests/simulator/consent.h \
	tests/simulator/control.c \
	tests/simulator/control_locations.c \
	tests/simulator/default_locations.c \
	tests/simulator/delivery.c tests/simulator/delivery.h \
	tests/simulator/delivery_log.c tests/simulator/delivery_log.h \
	tests/simulator/events.c tests/simulator/events.h \
	tests/simulator/faults.c tests/simulator/faults.h \
	tests/simulator/page.c \
	tests/simulator/http.c tests/simulator/http.h \
	tests/simulator/ids.c \
	tests/simulator/loop.c tests/simulator/loop.h \
	tests/simulator/main.c \
	tests/simulator/oauth.c \
	tests/simulator/route.c tests/simulator/routes.h \
	tests/simulator/settings.c \
	tests/simulator/signing.c tests/simulator/signing.h \
	tests/simulator/state.c tests/simulator/state.h \
	tests/simulator/text.c tests/simulator/text.h \
	tests/simulator/webhook.c tests/simulator/webhook.h \
	tests/simulator/world.c tests/simulator/world.h
switchboard_simulator_LDADD = $(MICROHTTPD_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) \
	-lpthread

# The script and the style of the page become C string literals, a line each.
simulator_literals = tests/simulator/page.js.inc tests/simulator/page.css.inc

tests/simulator/page.js.inc: tests/simulator/page.js
tests/simulator/page.css.inc: tests/simulator/page.css
$(simulator_literals):
	$(AM_V_GEN)$(MKDIR_P) tests/simulator && \
	$(SED) -e 's/[\\"]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' \
		$(srcdir)/tests/simulator/$$(basename $@ .inc) > $@.new && mv $@.new $@

tests/simulator/page.$(OBJEXT): $(simulator_literals)
CLEANFILES += $(simulator_literals)

EXTRA_DIST += tests/simulator/README.md tests/simulator/page.js tests/simulator/page.css \
	tests/simulator/simulator.mjs tests/simulator/rules.test.mjs tests/simulator/vendor_clients.test.mjs \
	tests/package.json tests/package-lock.json tests/.npmrc
