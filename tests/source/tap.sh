# TAP for shell scripts: source it, call check() for each test, end with tap_done.
# shellcheck shell=bash

set -u -o pipefail
export LC_ALL=C.UTF-8
top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
tap_count=0
tap_failed=0

tap_point()
{
	tap_count=$((tap_count + 1))
	printf '%s %d - %s\n' "$1" "$tap_count" "$2"
	[ "$1" = ok ] || tap_failed=$((tap_failed + 1))
}

# check DESCRIPTION COMMAND...: passes when the command succeeds; its output explains a failure.
check()
{
	local what=$1 output

	shift
	if output=$("$@" 2>&1); then
		tap_point ok "$what"
	else
		tap_point 'not ok' "$what"
		[ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/#   /'
	fi
}

# silent DESCRIPTION COMMAND...: passes when the command prints nothing.
silent()
{
	local what=$1

	shift
	check "$what" no_output "$@"
}

no_output()
{
	local output

	output=$("$@" 2>&1)
	printf '%s' "$output"
	[ -z "$output" ]
}

# same GOT WANTED
same()
{
	[ "$1" = "$2" ] || { printf 'got:    %s\nwanted: %s\n' "$1" "$2"; return 1; }
}

skip()
{
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

tap_done()
{
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}

# Files of the project: those git knows, or all of a tarball, without what tools put there.
# shellcheck disable=SC2120 # without a pattern it lists all
project_files()
{
	if [ -e "$top/.git" ]; then
		git -C "$top" -c safe.directory="$top" ls-files --cached --others --exclude-standard -- "$@" |
			while read -r file; do
				[ ! -f "$top/$file" ] || printf '%s\n' "$file"
			done
	else
		(cd "$top" && find . -type f -not -path '*/node_modules/*' -not -path './build*' | cut -c 3- |
			while read -r file; do
				for pattern; do
					# shellcheck disable=SC2053 # a pattern it is
					[[ $file != $pattern ]] || printf '%s\n' "$file"
				done
			done)
	fi
}
