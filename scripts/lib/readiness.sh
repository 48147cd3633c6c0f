# Waiting until everything answers.  Sourced by demo; needs messages.sh and processes.sh.
# shellcheck shell=bash

# http_status PORT METHOD PATH: the status code of an answer, empty without one.
http_status()
{
	local answer='' connection

	{ exec {connection}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 0
	printf '%s %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\nContent-Length: 0\r\n\r\n' "$2" "$3" "$1" \
	    >&"$connection"
	IFS= read -r -t 10 answer <&"$connection"
	exec {connection}>&-
	[[ $answer =~ ^HTTP/1\.[01]\ ([0-9]{3}) ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

# wait_for_answer PORT METHOD PATH STATUS: ask every 50 ms, for a minute.
# Ends the script when no such answer comes, or a process of ours ends meanwhile.
wait_for_answer()
{
	local deadline=$((SECONDS + 60))

	until [ "$(http_status "$1" "$2" "$3")" = "$4" ]; do
		! explain_end || exit 1
		[ "$SECONDS" -lt "$deadline" ] || die "no good answer from $2 $3, see $state_dir/log"
		sleep 0.05
	done
}
