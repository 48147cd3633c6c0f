# Migrations, in the order of their numbers, and the program that applies them.
sqldir = $(pkgdatadir)/sql
dist_sql_DATA = \
	sql/roles.sql \
	sql/001-tables.sql \
	sql/002-events.sql \
	sql/003-accounts.sql \
	sql/004-commands.sql \
	sql/005-worker.sql \
	sql/006-stream.sql \
	sql/007-views.sql \
	sql/008-grants.sql \
	sql/009-webhooks-together.sql \
	sql/010-page-cursor.sql \
	sql/011-by-index.sql \
	sql/012-locks-in-order.sql \
	sql/013-many-clicks.sql \
	sql/014-news-of-one-switch.sql \
	sql/015-switch-list.sql

bin_SCRIPTS += switchboard-migrate
EXTRA_DIST += sql/migrate
CLEANFILES += switchboard-migrate

switchboard-migrate: sql/migrate Makefile
	$(AM_V_GEN)$(SED) -e 's|@sqldir[@]|$(sqldir)|g' $(srcdir)/sql/migrate >$@.tmp && \
	chmod +x $@.tmp && mv $@.tmp $@
