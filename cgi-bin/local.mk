# The FastCGI programs, installed in libexec: a web server starts them, not a person.
fcgidir = $(libexecdir)/switchboard
fcgi_PROGRAMS = oauth.fcgi webhook.fcgi dashboard.fcgi

oauth_fcgi_SOURCES = cgi-bin/oauth.c
oauth_fcgi_LDADD = $(SWITCHBOARD_LIBS)
webhook_fcgi_SOURCES = cgi-bin/webhook.c
webhook_fcgi_LDADD = $(SWITCHBOARD_LIBS)
dashboard_fcgi_SOURCES = cgi-bin/dashboard.c
dashboard_fcgi_LDADD = $(SWITCHBOARD_LIBS)
