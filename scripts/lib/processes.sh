# The processes of a state directory: started, found again, and ended.
# Sourced by demo and check; needs messages.sh and state.sh.
#
# Every process has the file "processes" of the state directory open, which leads to it even when
# whoever started it was killed.
# shellcheck shell=bash

running=() # "PID NAME" of everything started, in that order

# exec_as_service LOG SIGNAL VARIABLE=VALUE... -- COMMAND...: replace this subshell by the command,
# as the service user, with these environment variables only, its output in LOG.  It is in a session
# of its own, for Ctrl-C is meant for the script alone, and gets SIGNAL when the script is killed.
exec_as_service()
{
	local log=$1 signal=$2 variable mark

	cd / || exit 1
	# shellcheck disable=SC2034 # mark only has to be open
	exec {state_lock}>&- {terminal}>&- {mark}>>"$state_dir/processes"
	for variable in $(compgen -e); do
		case $variable in
		PATH) PATH=/usr/local/bin:/usr/bin:/bin ;;
		LC_ALL | ASAN_OPTIONS | LSAN_OPTIONS | UBSAN_OPTIONS) ;;
		*) unset "$variable" ;;
		esac
	done
	shift 2
	while [ "$1" != -- ]; do
		export "${1?}"
		shift
	done
	shift
	exec setsid env --default-signal=INT,QUIT,HUP "${service[@]}" setpriv --pdeathsig "$signal" -- \
	    sh -c 'exec >>"$0" 2>&1 && exec "$@"' "$log" "$@"
}

# start NAME SIGNAL VARIABLE=VALUE... -- COMMAND...
start()
{
	exec_as_service "$live_dir/log/$1.log" "${@:2}" </dev/null &
	running+=("$! $1")
}

# PIDs of all that runs for this state directory, whoever its parent is now.
list_processes()
{
	find /proc/[0-9]*/fd -maxdepth 1 -lname "$state_dir/processes" 2>/dev/null |
		cut -d / -f 3 | sort -un
}

# wait_for_no_process TENTHS: fails when some still run after so many tenths of a second.
wait_for_no_process()
{
	local tenths=$1

	while [ -n "$(list_processes)" ]; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

# end_processes TENTHS: give all that runs for this state directory so long to end by itself, then
# SIGTERM and SIGKILL.
end_processes()
{
	local signal

	wait_for_no_process "$1" && return
	for signal in TERM KILL; do
		# shellcheck disable=SC2046 # a list of numbers
		kill -"$signal" $(list_processes) 2>/dev/null
		wait_for_no_process 50 && return
	done
	return 1
}

# any_runs PID...
any_runs()
{
	local pid

	for pid; do
		! kill -0 "$pid" 2>/dev/null || return 0
	done
	return 1
}

# stop SIGNAL NAME...: end these at the same time, and wait until all have; SIGKILL after 7.5 s.
stop()
{
	local signal=$1 entry rounds=150 pids=()

	shift
	for entry in "${running[@]}"; do
		[[ " $* " != *" ${entry#* } "* ]] || pids+=("${entry%% *}")
	done
	[ "${#pids[@]}" -gt 0 ] || return 0
	kill -"$signal" "${pids[@]}" 2>/dev/null
	while any_runs "${pids[@]}"; do
		[ "$rounds" -ne 0 ] || kill -KILL "${pids[@]}" 2>/dev/null
		rounds=$((rounds - 1))
		sleep 0.05
	done
}

# Say which of them has ended by itself, with the last line of its log; fails when none has.
explain_end()
{
	local entry pid name

	for entry in "${running[@]}"; do
		pid=${entry%% *} name=${entry#* }
		! any_runs "$pid" || continue
		say "$name ended, see $state_dir/log/$name.log$(grep -v -E '^(Spawning child|Child\[)' \
		    "$live_dir/log/$name.log" 2>/dev/null | tail -n 1 | sed 's/^/: /')"
		return 0
	done
	return 1
}
