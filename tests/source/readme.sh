#!/bin/bash
#
# The README names tests, files and functions that exist.

. "$(dirname -- "${BASH_SOURCE[0]}")/tap.sh"
cd "$top" || exit 1

# A short name is that of an integration test.
file_of()
{
	case $1 in
	*/*) printf 'tests/%s\n' "$1" ;;
	*) printf 'tests/integration/%s.test.mjs\n' "$1" ;;
	esac
}

# Cells of `file` or `file`: "part of a title" "part of another", with semicolons between.
named_tests()
{
	sed -n '/^## Threats/,/^## [^T]/p' README.md | sed -n 's/^| [^|]* | [^|]* | \(.*\) |$/\1/p' | tail -n +2
}

untested_rows()
{
	sed -n '/^## Threats/,/^## [^T]/p' README.md | grep '^| ' | tail -n +2 |
		grep -vE '\| (`[a-z0-9_./]+`(:( "[^"]+")+)?(; )?)+ \|$'
}

unknown_tests()
{
	local row name titles title file

	while read -r row; do
		while [[ $row =~ ^[\;\ ]*\`([^\`]+)\`(:((\ \"[^\"]+\")+))?(.*)$ ]]; do
			name=${BASH_REMATCH[1]} titles=${BASH_REMATCH[3]} row=${BASH_REMATCH[5]}
			file=$(file_of "$name")
			[ -f "$file" ] || { echo "$file is not there"; continue; }
			while [[ $titles =~ ^\ \"([^\"]+)\"(.*)$ ]]; do
				title=${BASH_REMATCH[1]} titles=${BASH_REMATCH[2]}
				grep -qF -- "$title" "$file" || echo "$file has no test \"$title\""
			done
		done
	done < <(named_tests)
}

how_it_is_built()
{
	sed -n '/^## How it is built/,/^## [^H]/p' README.md
}

# `folder/file` and `folder/` in that section.
missing_files()
{
	how_it_is_built | grep -oE '`[a-z-]+/[A-Za-z0-9_./-]*`' | tr -d '`' | sort -u | while read -r file; do
		[ -e "$file" ] || echo "$file is not there"
	done
}

# `name()` in that section: a function of C or SQL.
missing_functions()
{
	how_it_is_built | grep -oE '`[a-z_]+\(\)`' | tr -d '`()' | sort -u | while read -r name; do
		grep -qE "^$name\(" -r src cgi-bin || grep -qE "^CREATE FUNCTION $name\(" -r sql || echo "$name() is nowhere defined"
	done
}

silent 'every threat has a test' untested_rows
silent 'the files that it is built of exist' missing_files
silent 'the functions that it is built of exist' missing_functions
silent 'every test that the threats name exists' unknown_tests
check 'there are such rows' test "$(named_tests | wc -l)" -gt 15
tap_done
