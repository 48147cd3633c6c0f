# What a script says to people.  Sourced by demo and check, before the other files of this folder.
# Expects the header comment of the script to be its help text.
# shellcheck shell=bash

# The standard error of the script itself: a trap may run while a function's own goes to a log.
exec {terminal}>&2

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&"$terminal"
}

die()
{
	say "$*"
	exit 1
}

# usage FILE: print the comment at the top of FILE and end with 64 (EX_USAGE).
usage()
{
	sed -n '3,/^$/s/^# \{0,1\}//p' "$1"
	exit 64
}
