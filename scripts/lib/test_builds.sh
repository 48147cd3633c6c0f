# The builds that are tested, each in a directory of its own.  Sourced by check; needs test_results.sh.
# shellcheck shell=bash

finished_builds=' '

# build_in DIRECTORY COMPILER OPTION...: configure and make, once; each counts as a test.
build_in()
{
	local dir=$top/$1 compiler=$2

	shift 2
	[[ $finished_builds != *" $dir "* ]] || return 0
	if [ ! -f "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ]; then
		run_step 'autoreconf' env -C "$top" autoreconf -fi || return 1
	fi
	mkdir -p "$dir"
	if [ "$(cat "$dir/.configured" 2>/dev/null)" != "$top $compiler $*" ]; then
		run_step "configure with $compiler $*" env -C "$dir" "$top/configure" CC="$compiler" "$@" || return 1
		printf '%s\n' "$top $compiler $*" >"$dir/.configured"
	fi
	run_step "build with $compiler $*" make -C "$dir" -j "$(nproc)" "${make_goal:-all}" || return 1
	finished_builds="$finished_builds$dir "
}

build_gcc()
{
	build_in build-check gcc --enable-werror --enable-failpoints
}

build_sanitizers()
{
	build_in build-sanitizers gcc --enable-werror --enable-failpoints --enable-sanitizers CFLAGS='-g -O1'
}
