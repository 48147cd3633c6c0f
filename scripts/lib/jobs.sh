# Long commands (a build, an installation, a test) that a signal to the script ends at once.
# Sourced by demo and check; needs messages.sh.
#
# bash runs a trap only after the command in the foreground has ended.  So a long command runs in
# the background while the script waits for it, one at a time, and the script's traps call end_job.
#   job_pid     the process, empty when there is none
#   job_signal  what ends it: TERM, or INT for apt-get (packages.sh)
# shellcheck shell=bash

job_pid=''
job_signal=TERM

# run_job COMMAND...: the exit status is the command's.
run_job()
{
	local status

	"$@" &
	job_pid=$!
	wait "$job_pid"
	status=$?
	job_pid=''
	return "$status"
}

end_job()
{
	[ -n "$job_pid" ] || return 0
	[ "$job_signal" = TERM ] || say 'waiting for apt-get to come to an end'
	kill -"$job_signal" "$job_pid" 2>/dev/null
	wait "$job_pid"
	job_pid=''
}
