# The schema, and the program that brings a database to it.
sqldir = $(pkgdatadir)/sql
dist_sql_DATA = \
	sql/roles.sql

sqltablesdir = $(sqldir)/tables
dist_sqltables_DATA = \
	sql/tables/001-tables.sql \
	sql/tables/002-access.sql \
	sql/tables/003-first-owner.sql \
	sql/tables/004-erase.sql \
	sql/tables/005-readings.sql \
	sql/tables/006-event-stray.sql \
	sql/tables/007-api-call-total.sql \
	sql/tables/008-signing-key-fetch.sql \
	sql/tables/009-work.sql \
	sql/tables/010-waiting-command.sql \
	sql/tables/011-invitation.sql \
	sql/tables/012-token-generation.sql \
	sql/tables/013-seal-canary.sql \
	sql/tables/014-call-share.sql \
	sql/tables/015-event-of-switch.sql \
	sql/tables/016-switch-kind.sql \
	sql/tables/017-event-understood.sql \
	sql/tables/018-token-refused.sql \
	sql/tables/019-device-heard.sql \
	sql/tables/020-level-ramp.sql

sqlfunctionsdir = $(sqldir)/functions
dist_sqlfunctions_DATA = \
	sql/functions/access.sql \
	sql/functions/api_call.sql \
	sql/functions/catch_up.sql \
	sql/functions/command.sql \
	sql/functions/compat.sql \
	sql/functions/confirmation.sql \
	sql/functions/event.sql \
	sql/functions/event_partition.sql \
	sql/functions/health.sql \
	sql/functions/installation.sql \
	sql/functions/invitation.sql \
	sql/functions/limit.sql \
	sql/functions/notify.sql \
	sql/functions/oauth_state.sql \
	sql/functions/page.sql \
	sql/functions/policy.sql \
	sql/functions/schema.sql \
	sql/functions/seal_canary.sql \
	sql/functions/session.sql \
	sql/functions/signing_key.sql \
	sql/functions/stamp.sql \
	sql/functions/subscription.sql \
	sql/functions/switch.sql \
	sql/functions/sync.sql \
	sql/functions/token.sql \
	sql/functions/work.sql \
	sql/functions/worker.sql

bin_SCRIPTS += switchboard-migrate
EXTRA_DIST += sql/migrate
CLEANFILES += switchboard-migrate

switchboard-migrate: sql/migrate Makefile
	$(AM_V_GEN)$(SED) -e 's|@sqldir[@]|$(sqldir)|g' $(srcdir)/sql/migrate >$@.tmp && \
	chmod +x $@.tmp && mv $@.tmp $@
