# Units for systemd: installed where --with-systemdsystemunitdir says, else beside the other templates.
# Which user runs what, and the folder of the sockets, are for sysusers.d and tmpfiles.d.
systemdunit_DATA = \
	systemd/switchboard-oauth@.service \
	systemd/switchboard-webhook@.service \
	systemd/switchboard-dashboard@.service \
	systemd/switchboard-events.service \
	systemd/switchboard-worker.service
dist_systemdunit_DATA = \
	systemd/switchboard.target \
	systemd/switchboard-oauth.socket \
	systemd/switchboard-webhook.socket \
	systemd/switchboard-dashboard.socket
systemdconfinedir = $(systemdunitdir)/switchboard-.service.d
dist_systemdconfine_DATA = systemd/switchboard-.service.d/confine.conf

systemddir = $(pkgdatadir)/systemd
dist_systemd_DATA = \
	systemd/switchboard.sysusers \
	systemd/switchboard.tmpfiles

EXTRA_DIST += \
	systemd/switchboard-oauth@.service.in \
	systemd/switchboard-webhook@.service.in \
	systemd/switchboard-dashboard@.service.in \
	systemd/switchboard-events.service.in \
	systemd/switchboard-worker.service.in
CLEANFILES += $(systemdunit_DATA)

.service.in.service:
	$(AM_V_GEN)$(MKDIR_P) systemd && \
	$(SED) -e 's|@libexecdir[@]|$(libexecdir)|g; s|@bindir[@]|$(bindir)|g' $< >$@.tmp && mv $@.tmp $@
$(systemdunit_DATA): Makefile
SUFFIXES += .service.in .service
