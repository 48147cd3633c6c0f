# Units for systemd: installed where --with-systemdsystemunitdir says, else beside the other templates.
# Which user runs what, and the folder of the sockets, are for sysusers.d and tmpfiles.d.
systemdunit_DATA = \
	deploy/switchboard-oauth@.service \
	deploy/switchboard-webhook@.service \
	deploy/switchboard-dashboard@.service \
	deploy/switchboard-events.service \
	deploy/switchboard-worker.service
dist_systemdunit_DATA = \
	deploy/switchboard.target \
	deploy/switchboard-oauth.socket \
	deploy/switchboard-webhook.socket \
	deploy/switchboard-dashboard.socket
systemdconfinedir = $(systemdunitdir)/switchboard-.service.d
dist_systemdconfine_DATA = deploy/switchboard-.service.d/confine.conf

systemddir = $(pkgdatadir)/systemd
dist_systemd_DATA = \
	deploy/switchboard.sysusers \
	deploy/switchboard.tmpfiles

EXTRA_DIST += \
	deploy/switchboard-oauth@.service.in \
	deploy/switchboard-webhook@.service.in \
	deploy/switchboard-dashboard@.service.in \
	deploy/switchboard-events.service.in \
	deploy/switchboard-worker.service.in
CLEANFILES += $(systemdunit_DATA)

.service.in.service:
	$(AM_V_GEN)$(MKDIR_P) deploy && \
	$(SED) -e 's|@libexecdir[@]|$(libexecdir)|g; s|@bindir[@]|$(bindir)|g' $< >$@.tmp && mv $@.tmp $@
$(systemdunit_DATA): Makefile
SUFFIXES += .service.in .service
