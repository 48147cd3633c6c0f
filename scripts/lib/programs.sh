# Starting the simulator, nginx and the programs, from the copy in $live_dir/app.
# Sourced by demo; needs state.sh, processes.sh and secrets.sh.
#
# Reads port, simulator_port, simulator_url, simulated, public_url, api_url, key_url and what secrets.sh sets.
# shellcheck shell=bash

start_simulator()
{
	[ -n "$simulated" ] || return 0
	start simulator TERM "SIMULATOR_CLIENT_SECRET_FILE=$live_dir/secrets/$client_file" -- \
	    "$live_dir/app/bin/switchboard-simulator" --port "$simulator_port" \
	    --url "$simulator_url" --state "$live_dir/simulator/state.json" --target "http://127.0.0.1:$port/" \
	    --app-id "$app_id" --client-id "$client_id" --redirect-uri "$public_url/oauth/callback"
}

# Until the programs are there it answers 503.
start_nginx()
{
	local share=$live_dir/app/share/switchboard

	sed -e "s|@LISTEN@|127.0.0.1:$port|; s|@SERVER_NAME@|_|; s|@SOCKET_DIR@|$socket_dir|" \
	    -e "s|@STATIC_DIR@|$share/static|; s|@LOG_DIR@|$live_dir/log|" \
	    "$share/nginx/switchboard.conf.in" >"$live_dir/etc/switchboard.conf" &&
	sed -e "s|@WORK_DIR@|$live_dir/nginx|; s|@LOG_DIR@|$live_dir/log|; s|@SERVER@|$live_dir/etc/switchboard.conf|" \
	    "$share/nginx/demo.conf.in" >"$live_dir/etc/nginx.conf" || exit 1
	start nginx TERM -- /usr/sbin/nginx -p "$live_dir/nginx/" -e "$live_dir/log/error.log" -c "$live_dir/etc/nginx.conf"
}

# Each program gets the variables it reads and no others; secrets only as names of files.
start_programs()
{
	local common=("SWITCHBOARD_LOG_LEVEL=${SWITCHBOARD_LOG_LEVEL:-info}")
	local public=("SWITCHBOARD_PUBLIC_URL=$public_url") app=("SWITCHBOARD_APP_ID=$app_id")
	local sign_up=("SWITCHBOARD_SIGN_UP=${SWITCHBOARD_SIGN_UP:-open}")
	local api=("SWITCHBOARD_API_URL=$api_url") keys=() scopes=() budget=() days=()
	local sealed=("SWITCHBOARD_SEAL_KEYS_FILE=$live_dir/secrets/$seal_file" "SWITCHBOARD_CLIENT_ID=$client_id")

	# Only programs built for tests look at these two.
	[ -z "${SWITCHBOARD_FAILPOINTS:-}" ] || common+=("SWITCHBOARD_FAILPOINTS=$SWITCHBOARD_FAILPOINTS")
	[ -z "${SWITCHBOARD_TEST_CA_FILE:-}" ] || common+=("SWITCHBOARD_TEST_CA_FILE=$SWITCHBOARD_TEST_CA_FILE")
	[ -z "$key_url" ] || keys=("SWITCHBOARD_KEY_URL=$key_url")
	[ -z "${SWITCHBOARD_SCOPES:-}" ] || scopes=("SWITCHBOARD_SCOPES=$SWITCHBOARD_SCOPES")
	[ -z "${SWITCHBOARD_CALL_BUDGET:-}" ] || budget=("SWITCHBOARD_CALL_BUDGET=$SWITCHBOARD_CALL_BUDGET")
	[ -z "${SWITCHBOARD_EVENT_DAYS:-}" ] || days=("SWITCHBOARD_EVENT_DAYS=$SWITCHBOARD_EVENT_DAYS")
	[ -z "$client_file" ] || sealed+=("SWITCHBOARD_CLIENT_SECRET_FILE=$live_dir/secrets/$client_file")

	start_single worker "${public[@]}" "${api[@]}" "${app[@]}" "${scopes[@]}" "${budget[@]}" \
	    "${days[@]}" "${sealed[@]}" "SWITCHBOARD_STATE_DIR=$live_dir"
	start_single events "${public[@]}" "SWITCHBOARD_EVENTS_SOCKET=$socket_dir/events.sock"
	start_fastcgi oauth 2 "${public[@]}" "${api[@]}" "${app[@]}" "${scopes[@]}" "${sealed[@]}" \
	    "${sign_up[@]}"
	start_fastcgi webhook 2 "${public[@]}" "${api[@]}" "${keys[@]}" "${app[@]}"
	start_fastcgi dashboard 3 "${public[@]}" "${api[@]}" "${app[@]}" "${budget[@]}" "${sign_up[@]}"
}

# multiwatch starts a process again when it ends, and gives up after a hundred starts in a row that
# each lasted less than a second.
supervisor=(/usr/bin/multiwatch -r 100 -t 1000)
# Ends the process when multiwatch itself is killed.
with_supervisor=(/usr/bin/setpriv --pdeathsig TERM --)

# start_fastcgi NAME PROCESSES VARIABLE=VALUE...
start_fastcgi()
{
	start "$1" TERM "${common[@]}" "SWITCHBOARD_DATABASE_URL_FILE=$live_dir/secrets/url-$1" "${@:3}" -- \
	    /usr/bin/spawn-fcgi -n -s "$socket_dir/$1.sock" -M 0660 -- \
	    "${supervisor[@]}" -f "$2" -- "${with_supervisor[@]}" "$live_dir/app/libexec/switchboard/$1.fcgi"
}

# start_single NAME VARIABLE=VALUE...
start_single()
{
	start "$1" TERM "${common[@]}" "SWITCHBOARD_DATABASE_URL_FILE=$live_dir/secrets/url-$1" "${@:2}" -- \
	    "${supervisor[@]}" -f 1 -- "${with_supervisor[@]}" "$live_dir/app/bin/switchboard-$1"
}
