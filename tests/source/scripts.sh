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
	if command -v shellcheck >/dev/null; then
		check "$script pleases shellcheck" shellcheck -x -P "$top/tests/source:$top" -S warning -e SC2046 "$script"
	else
		skip "$script pleases shellcheck" 'shellcheck is not installed'
	fi
done

fill()
{
	local listen=$1

	sed -e "s|@LISTEN@|$listen|; s|@SERVER_NAME@|switchboard.example|; s|@SOCKET_DIR@|$work|" \
	    -e "s|@STATIC_DIR@|$top/nginx/static|; s|@LOG_DIR@|$work|" nginx/switchboard.conf.in >"$work/switchboard.conf"
	sed -e "s|@WORK_DIR@|$work|; s|@LOG_DIR@|$work|; s|@SERVER@|$work/switchboard.conf|" \
	    nginx/demo.conf.in >"$work/nginx.conf"
}

no_placeholder_left()
{
	! grep -vE '^[[:space:]]*#' "$work/nginx.conf" "$work/switchboard.conf" | grep -E '@[A-Z_]+@'
}

PATH=$PATH:/usr/sbin
if command -v nginx >/dev/null; then
	for listen in 127.0.0.1:18080 '[::1]:18080' unix:"$work"/web.sock; do
		fill "$listen"
		check "nginx takes the templates, listening on ${listen%%/*}" \
		    nginx -t -q -e "$work/error.log" -c "$work/nginx.conf"
		check 'no placeholder is left' no_placeholder_left
	done
else
	skip 'nginx takes the templates' 'nginx is not installed'
fi
tap_done
