# The state directory, the user that everything runs as, and the ports.
# Sourced by demo and check; needs messages.sh.
#
# claim_state_directory     sets state_dir, where ./demo's own logs are, and locks it
# find_service_user         sets service, the words that run a command as that user
# prepare_live_directory    sets live_dir, where the service user's files are
# prepare_socket_directory  sets socket_dir, for unix sockets
# shellcheck shell=bash

service_user=switchboard
hidden_dirs=/var/lib/switchboard-demo # for what the service user cannot reach elsewhere

claim_state_directory()
{
	state_dir=$(realpath -m -- "${SWITCHBOARD_STATE_DIR:-$top/var}")
	case $state_dir in
	*[[:space:]]* | *[\'\"\\\$\`\;,\{\}\&\|\*\?\[\]\<\>\(\)#%]*)
		die "no blanks or special characters in the path of the state directory, please: $state_dir" ;;
	esac
	mkdir -p -- "$state_dir" || exit 1
	exec {state_lock}>>"$state_dir/lock" || exit 1
	if ! flock -n "$state_lock"; then
		die "already running in $state_dir (process $(cat "$state_dir/lock")); SWITCHBOARD_STATE_DIR names another place"
	fi
	printf '%s\n' "$$" >"$state_dir/lock"
}

# Root does not run the programs: it makes a system user for them.
find_service_user()
{
	service=()
	[ "$(id -u)" -eq 0 ] || return 0
	if ! id "$service_user" >/dev/null 2>&1; then
		useradd --system --user-group --no-create-home --home-dir /nonexistent \
		    --shell /usr/sbin/nologin "$service_user" ||
			die "cannot create the system user $service_user"
	fi
	service=(setpriv "--reuid=$service_user" "--regid=$service_user" --clear-groups
		--inh-caps=-all --)
}

# as_service COMMAND...: in a folder that every user may enter.
as_service()
{
	(cd / && exec "${service[@]}" "$@")
}

# make_service_directories MODE DIRECTORY...
make_service_directories()
{
	local owner=()

	[ "${#service[@]}" -eq 0 ] || owner=(-o "$service_user" -g "$service_user")
	install -d -m "$1" "${owner[@]}" "${@:2}"
}

# Below a folder that the service user cannot enter (a clone in root's home, say) the live parts
# are in $hidden_dirs, and the state directory has links to them.
prepare_live_directory()
{
	local part

	find_live_directory
	install -d -m 755 "$live_dir/etc" "$live_dir/app" &&
		make_service_directories 755 "$live_dir/run" "$live_dir/log" &&
		make_service_directories 700 "$live_dir/secrets" "$live_dir/spool" "$live_dir/nginx" \
		    "$live_dir/simulator" || exit 1
	[ "$live_dir" != "$state_dir" ] || return 0
	for part in log secrets spool postgres; do
		ln -sfn "$live_dir/$part" "$state_dir/$part"
	done
	say "the user $service_user cannot enter $state_dir: live parts are in $live_dir"
	report_abandoned_directories
}

find_live_directory()
{
	live_dir=$state_dir
	if [ -L "$state_dir/live" ]; then
		live_dir=$(readlink "$state_dir/live")
		mkdir -p "$live_dir" || exit 1
	elif ! as_service test -x "$state_dir/."; then
		[ ! -d "$state_dir/postgres" ] ||
			die "the user $service_user can no longer enter $state_dir, where its files are"
		mkdir -p "$hidden_dirs" && live_dir=$(mktemp -d "$hidden_dirs/XXXXXXXX") &&
			chmod 755 "$live_dir" && printf '%s\n' "$state_dir" >"$live_dir/state" &&
			ln -s "$live_dir" "$state_dir/live" || exit 1
	fi
}

report_abandoned_directories()
{
	local owner

	for owner in "$hidden_dirs"/*/state; do
		[ -f "$owner" ] && [ ! -L "$(cat "$owner")/live" ] &&
			say "left over from $(cat "$owner"), delete it if you like: ${owner%/state}"
	done
}

# The path of a unix socket has at most 107 bytes.
prepare_socket_directory()
{
	local parent=/run

	socket_dir=$live_dir/run
	if [ "${#socket_dir}" -gt 80 ]; then
		[ "$(id -u)" -eq 0 ] || parent=${XDG_RUNTIME_DIR:-/tmp}
		socket_dir=$parent/switchboard-$(printf '%s' "$live_dir" | sha256sum | cut -c 1-12)
		mkdir -m 755 "$socket_dir" 2>/dev/null
		[ -O "$socket_dir" ] && [ -d "$socket_dir" ] && [ ! -L "$socket_dir" ] ||
			as_service test -O "$socket_dir" || die "cannot use $socket_dir"
		[ "${#service[@]}" -eq 0 ] || chown "$service_user:" "$socket_dir" || exit 1
	fi
	rm -f "$socket_dir"/*.sock
}

remove_sockets()
{
	[ -n "${socket_dir:-}" ] || return 0
	rm -f "$socket_dir"/*.sock
	[ "$socket_dir" = "$live_dir/run" ] || rmdir "$socket_dir" 2>/dev/null
}

# check_port VARIABLE PORT: that the service user can listen there.
check_port()
{
	local name=$1 port=$2 why

	[[ $port =~ ^[1-9][0-9]{0,4}$ ]] && [ "$port" -le 65535 ] || die "$name is not a port: $port"
	why=$("${service[@]}" perl -MSocket -e '
		socket(S, PF_INET, SOCK_STREAM, 0) && setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1)
		    && bind(S, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) && listen(S, 1)
		    or print lc $!' "$port") && [ -z "$why" ] ||
		die "port $port of 127.0.0.1 cannot be used (${why:-error}): choose another with $name"
}
