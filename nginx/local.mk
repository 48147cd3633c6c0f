# Templates: whoever starts nginx fills in the @PLACEHOLDERS@.
nginxdir = $(pkgdatadir)/nginx
dist_nginx_DATA = \
	nginx/demo.conf.in \
	nginx/switchboard.conf.in

# What the browser loads besides the page itself: styles, scripts, icons.  nginx serves it as /static/.
staticdir = $(pkgdatadir)/static
dist_static_DATA = \
	nginx/static/away.html \
	nginx/static/error.html \
	nginx/static/fallback.js \
	nginx/static/favicon.svg \
	nginx/static/manifest.webmanifest \
	nginx/static/switchboard.css \
	nginx/static/switchboard.js
