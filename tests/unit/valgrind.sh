#!/bin/bash
#
# tests/unit/valgrind.sh BUILD_DIR [TEST...]: run the unit tests (all of them by default) that
# "make check" built in BUILD_DIR under valgrind: no wrong access, no uninitialised byte that
# decides anything, nothing lost.  Speaks TAP, a point for each program.

. "$(dirname -- "${BASH_SOURCE[0]}")/../source/tap.sh"

build=$(cd -- "${1:?the build directory}" && pwd -P) || exit 1
shift
tests=("$@")
[ $# -gt 0 ] || mapfile -t tests < <(cd "$top/tests/unit" && printf '%s\n' test_*.c | sed 's/\.c$//')
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export SWITCHBOARD_TEST_DATA=$top/tests/data CMOCKA_MESSAGE_OUTPUT=TAP build work

# Memory of threads that run until the end is "possibly" lost: only what surely is counts.
run_test()
{
	valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
	    --errors-for-leak-kinds=definite,indirect --log-file="$work/$1.%p.memory" \
	    "$build/tests/unit/$1" >"$work/$1.out" 2>&1 </dev/null
	echo $? >"$work/$1.status"
}
export -f run_test

# What a failed program said, and what valgrind said about it and its children.
show_test()
{
	printf 'ended with %s\n' "$(cat "$work/$1.status" 2>/dev/null)"
	cat "$work/$1".*.memory | head -n 60
	grep -vE '^(ok|1\.\.|#)' "$work/$1.out" | head -n 20
}

# Points about time can fail at valgrind's speed, and leave what they held: those programs run
# again by themselves.  What counts is a run in which all points pass ("make check" judges them).
passed()
{
	local tries

	for tries in 1 2 3; do
		[ "$(cat "$work/$1.status" 2>/dev/null)" != 0 ] || return 0
		grep -q '^not ok' "$work/$1.out" && [ "$tries" -lt 3 ] || break
		rm -f "$work/$1".*.memory
		run_test "$1"
	done
	show_test "$1"
	return 1
}

printf '%s\n' "${tests[@]}" | xargs -P "$(nproc)" -I '{}' bash -c 'run_test "$1"' run_test '{}'
for test in "${tests[@]}"; do
	check "$test is clean under valgrind" passed "$test"
done
tap_done
