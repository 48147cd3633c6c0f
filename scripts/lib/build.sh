# Building, and the copy of the programs that runs.
# Sourced by demo and check; needs messages.sh, jobs.sh and state.sh.
#
# Reads top and build_dir.  What the commands print is added to $state_dir/build.log.
# shellcheck shell=bash

# build_step COMMAND...: ends the script when the command fails.
build_step()
{
	local log=$state_dir/build.log

	run_job "$@" >>"$log" 2>&1 && return
	[ -z "${interrupted:-}" ] || exit 130
	grep -E 'error:|missing [^ ]+:|No rule|\*\*\*' "$log" | tail -n 5 >&2
	die "building failed, see $log"
}

# The tree's own build directory; one that was given (SWITCHBOARD_BUILD_DIR) is configured already.
configure_build()
{
	[ -f "$build_dir/.configured" ] || say "building (log: $state_dir/build.log)"
	[ -f "$top/configure" ] || build_step env -C "$top" autoreconf -fi
	# A tree that was copied or moved is configured anew: a Makefile knows where it is.
	if [ "$(cat "$build_dir/.configured" 2>/dev/null)" != "$top" ]; then
		[ ! -f "$build_dir/.configured" ] || rm -rf "$build_dir"
		mkdir -p "$build_dir"
		build_step env -C "$build_dir" "$top/configure" -q
		printf '%s\n' "$top" >"$build_dir/.configured"
	fi
}

# What runs is a copy: the service user need not reach the clone, and a build in the meantime does
# not change files under running programs.  One make builds, and copies when something was built.
build_app()
{
	build_step make -C "$build_dir" -s -j "$(nproc)" app APP="$live_dir/app"
}
