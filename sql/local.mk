# Migrations, in the order of their numbers, and the program that applies them.
sqldir = $(pkgdatadir)/sql
dist_sql_DATA = \
	sql/roles.sql

bin_SCRIPTS += switchboard-migrate
EXTRA_DIST += sql/migrate
CLEANFILES += switchboard-migrate

switchboard-migrate: sql/migrate Makefile
	$(AM_V_GEN)$(SED) -e 's|@sqldir[@]|$(sqldir)|g' $(srcdir)/sql/migrate >$@.tmp && \
	chmod +x $@.tmp && mv $@.tmp $@
