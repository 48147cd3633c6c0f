#!/bin/bash
#
# Shell scripts, and the web server's templates.

. "$(dirname -- "${BASH_SOURCE[0]}")/tap.sh"
cd "$top" || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

mapfile -t scripts < <(project_files | while read -r file; do
	head -c 64 "$file" | head -n 1 | grep -qaE '^#!.*[/ ](ba)?sh' && printf '%s\n' "$file"
done)

for script in "${scripts[@]}"; do
	check "$script parses" bash -n "$script"
	check "$script can be started" test -x "$script"
	# With the files that it sources.
	if command -v shellcheck >/dev/null; then
		check "$script pleases shellcheck" shellcheck -x -a -P "SCRIPTDIR:$top" -S warning -e SC2046 "$script"
	else
		skip "$script pleases shellcheck" 'shellcheck is not installed'
	fi
done

# Files of scripts/lib that no script sources would not be checked above.
unused_files()
{
	local file

	for file in scripts/lib/*.sh; do
		grep -qF "/$file\"" demo check || echo "$file is sourced by neither demo nor check"
	done
}

without_contract()
{
	local file

	for file in scripts/lib/*.sh; do
		[[ $(head -n 3 "$file") = '# '*'Sourced by '* ]] || echo "$file does not say who sources it, and what it needs"
	done
}

unlisted_files()
{
	local file

	for file in scripts/lib/*.sh; do
		grep -qE "[[:space:]]$file( |$)" scripts/local.mk || echo "$file is not in scripts/local.mk"
	done
}

silent 'every file that scripts share is used' unused_files
silent 'every file that scripts share is listed' unlisted_files
silent 'every file that scripts share begins with its contract' without_contract

# fill LISTEN [EXPRESSION...]: both templates as a deployment would have them, sed's further expressions first.
fill()
{
	local listen=$1

	shift
	sed "$@" -e "s|@LISTEN@|$listen|; s|@SERVER_NAME@|switchboard.example|; s|@SOCKET_DIR@|$work|" \
	    -e "s|@STATIC_DIR@|$top/nginx/static|; s|@LOG_DIR@|$work|" nginx/switchboard.conf.in >"$work/switchboard.conf"
	sed -e "s|@WORK_DIR@|$work|; s|@LOG_DIR@|$work|; s|@SERVER@|$work/switchboard.conf|" \
	    nginx/demo.conf.in >"$work/nginx.conf"
}

# The first expression is that of README.md.
fill_tls()
{
	fill "$1" -e 's/^\(\s*\)#tls \?/\1/' -e "s|@TLS_LISTEN6@|[::1]:18443 ssl http2|; s|@HTTP_LISTEN@|127.0.0.1:18080|; s|@HTTP_LISTEN6@|[::1]:18080|" \
	    -e "s|@CERTIFICATE@|$work/certificate.pem|; s|@CERTIFICATE_KEY@|$work/key.pem|"
}

no_placeholder_left()
{
	! grep -vE '^[[:space:]]*#' "$work/nginx.conf" "$work/switchboard.conf" | grep -E '@[A-Z_0-9]+@|#tls'
}

# Lines of a directive deeper than the server block: there they would take the place of all inherited ones.
in_locations()
{
	grep -nE "^[[:space:]]{2,}$1 " nginx/switchboard.conf.in
}

PATH=$PATH:/usr/sbin
if command -v nginx >/dev/null; then
	for listen in 127.0.0.1:18080 '[::1]:18080' unix:"$work"/web.sock; do
		fill "$listen"
		check "nginx takes the templates, listening on ${listen%%/*}" \
		    nginx -t -q -e "$work/error.log" -c "$work/nginx.conf"
		check 'no placeholder is left' no_placeholder_left
	done
	if command -v openssl >/dev/null; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=switchboard.example \
		    -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null
		fill_tls '127.0.0.1:18443 ssl http2'
		check 'nginx takes the templates with TLS' nginx -t -q -e "$work/error.log" -c "$work/nginx.conf"
		check 'no placeholder is left' no_placeholder_left
	else
		skip 'nginx takes the templates with TLS' 'openssl is not installed'
	fi
else
	skip 'nginx takes the templates' 'nginx is not installed'
fi
for directive in add_header fastcgi_param fastcgi_hide_header proxy_hide_header error_page; do
	silent "no location replaces all $directive lines by one of its own" in_locations "$directive"
done
tap_done
