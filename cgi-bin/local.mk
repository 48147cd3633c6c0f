# The FastCGI programs, installed in libexec: a web server starts them, not a person.
fcgidir = $(libexecdir)/switchboard
fcgi_PROGRAMS = oauth.fcgi webhook.fcgi dashboard.fcgi

oauth_fcgi_SOURCES = \
	cgi-bin/oauth.c \
	cgi-bin/oauth_callback.c cgi-bin/oauth_callback.h \
	cgi-bin/oauth_page.c cgi-bin/oauth_page.h \
	cgi-bin/page_layout.c cgi-bin/page_layout.h
oauth_fcgi_LDADD = $(SWITCHBOARD_LIBS)

webhook_fcgi_SOURCES = \
	cgi-bin/webhook.c \
	cgi-bin/webhook_batch.c cgi-bin/webhook_batch.h \
	cgi-bin/webhook_key.c cgi-bin/webhook_key.h \
	cgi-bin/webhook_verify.c cgi-bin/webhook_verify.h
webhook_fcgi_LDADD = $(SWITCHBOARD_LIBS)

dashboard_fcgi_SOURCES = \
	cgi-bin/dashboard.c cgi-bin/dashboard.h \
	cgi-bin/page.h cgi-bin/page_home.c cgi-bin/page_forms.c cgi-bin/page_sessions.c \
	cgi-bin/page_cache.c cgi-bin/page_cache.h \
	cgi-bin/page_layout.c cgi-bin/page_layout.h \
	cgi-bin/page_tile.c cgi-bin/page_tile.h \
	cgi-bin/api.h cgi-bin/api_switches.c cgi-bin/api_history.c cgi-bin/api_health.c
nodist_dashboard_fcgi_SOURCES = cgi-bin/static_version.h
dashboard_fcgi_LDADD = $(SWITCHBOARD_LIBS)

# The page names its style and script by what is in them: browsers may keep them for good.
STATIC_VERSIONED = $(srcdir)/nginx/static/switchboard.css $(srcdir)/nginx/static/switchboard.js \
	$(srcdir)/nginx/static/favicon.svg $(srcdir)/nginx/static/manifest.webmanifest
CLEANFILES += cgi-bin/static_version.h
cgi-bin/page_layout.$(OBJEXT): cgi-bin/static_version.h
cgi-bin/static_version.h: $(STATIC_VERSIONED)
	$(AM_V_GEN)$(MKDIR_P) cgi-bin && \
	version=`cat $(STATIC_VERSIONED) | sha256sum | cut -c 1-12` && \
	printf '#define STATIC_VERSION "%s"\n' "$$version" >$@.tmp && mv $@.tmp $@
