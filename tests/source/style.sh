#!/bin/bash
#
# How the tree reads: formatting, calls that are not made, files that are listed, no machine's paths.

. "$(dirname -- "${BASH_SOURCE[0]}")/tap.sh"
cd "$top" || exit 1

mapfile -t c_files < <(project_files 'src/*.[ch]' 'cgi-bin/*.[ch]' 'tests/*.[ch]')
mapfile -t program_files < <(project_files 'src/*.[ch]' 'cgi-bin/*.[ch]')

# Calls by name, outside comments and strings.
calls()
{
	local names=$1

	shift
	awk -v names="$names" '
		{
			line = $0
			gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
			if (inside) {
				if (!sub(/^.*\*\//, "", line)) next
				inside = 0
			}
			gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", line)
			if (sub(/\/\*.*/, "", line)) inside = 1
			if (line ~ "(^|[^a-zA-Z0-9_>.])(" names ")[ \t]*\\(") print FILENAME ":" FNR ": " $0
		}' "$@"
}

# unlisted MAKEFILE FILE...: files that a local.mk forgets.
unlisted()
{
	local makefile=$1 file

	shift
	for file; do
		[ ! -f "$file" ] || grep -qF -- "$file" "$makefile" ||
			echo "$file is not in $makefile"
	done
}

unlisted_units()
{
	local file

	for file in tests/unit/test_*.c; do
		grep -qE "(^|[[:space:]])${file%.c}([[:space:]\\]|$)" tests/unit/local.mk ||
			echo "$file is not in tests/unit/local.mk: it would never run"
	done
}

other_signal_calls()
{
	calls signal "${program_files[@]}" | grep -v 'signal(SIG[A-Z]*, SIG_IGN);'
}

# Files that clang-format -i would change, and at how many places.
unformatted()
{
	clang-format --dry-run "$@" 2>&1 | sed -n 's/: warning:.*//p' | cut -d : -f 1 | sort | uniq -c
}

long_functions()
{
	awk 'FNR == 1 { start = 0 }
		/^{/ { start = FNR }
		/^}/ { if (start && FNR - start > 80) print FILENAME ":" start ": " FNR - start " lines"; start = 0 }' "$@"
}

if command -v clang-format >/dev/null; then
	silent 'clang-format agrees' unformatted "${c_files[@]}"
else
	skip 'clang-format agrees' 'clang-format is not installed'
fi
silent 'no call of an unsafe or forbidden function' \
	calls 'sprintf|vsprintf|strcpy|strcat|stpcpy|strncpy|strncat|atoi|atol|atoll|strtok|gmtime|localtime|ctime|asctime|gets|alloca|system|popen|tmpnam|mktemp|rand|srand' "${program_files[@]}"
silent 'signal() only to ignore, handlers are set by sigaction()' other_signal_calls
silent 'the parts of FastCGI and Jansson that trap are not used' \
	calls 'FCGX_FPrintF|FCGX_VFPrintF|FCGX_OpenSocket|FCGI_Accept|FCGI_Finish' "${program_files[@]}"
silent 'exit() only where main() is near' \
	calls 'exit' $(printf '%s\n' "${program_files[@]}" | grep -vE '^(cgi-bin/(oauth|webhook|dashboard)\.c|src/(formats/config|worker/main|stream/main)\.c)$')
silent 'no structure is hidden by a typedef' grep -nE '^[[:space:]]*typedef[[:space:]]+(struct|enum|union)[^(]*$' "${c_files[@]}"
silent 'nothing is left for later' grep -nE '\<(TODO|FIXME)\>' "${c_files[@]}"
silent 'no function is longer than 80 lines' long_functions "${program_files[@]}"
silent 'no line ends in blanks' \
	grep -nE '[[:space:]]+$' $(project_files '*.[ch]' '*.mjs' '*.js' '*.css' '*.sql' '*.mk' '*.ac' '*.am' 'demo' 'check')
silent 'no path of one machine' \
	grep -nIE '(^|[^[:alnum:]_.])/(work|root|home/[a-z]+)/' $(project_files | grep -vE '^tests/(source/style\.sh|data/)')
silent 'the lock file carries no download addresses' grep -n '"resolved":' tests/package-lock.json
silent 'every source is listed' unlisted src/local.mk src/*/*.[ch]
silent 'every FastCGI source is listed' unlisted cgi-bin/local.mk cgi-bin/*.[ch]
silent 'every SQL file is listed' unlisted sql/local.mk sql/*.sql sql/*/*.sql
silent 'every template and static file is listed' unlisted nginx/local.mk nginx/*.in nginx/static/*
silent 'every file of the simulator is listed' unlisted tests/simulator/local.mk tests/simulator/*.[ch] tests/simulator/*.mjs
silent 'every fuzz target is listed' unlisted tests/fuzz/local.mk tests/fuzz/*.[ch] tests/fuzz/*.dict
silent 'every unit test runs' unlisted_units
silent 'no SQL file ends its own transaction' grep -niE '^[[:space:]]*(begin|commit|rollback)[[:space:]]*;' sql/*/*.sql
tap_done
