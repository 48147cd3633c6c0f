# The database: a private PostgreSQL cluster, unless a database was given, and the schema in it.
# Sourced by demo and check; needs messages.sh, state.sh, processes.sh and secrets.sh.
#
# start_cluster     starts the private cluster; it gets ready while other things are done
# prepare_database  brings the schema up to date; $state_dir/database.url is then the owner's URL,
#                   and the secret url-PROGRAM that of each program's role
# shellcheck shell=bash

programs=(oauth webhook dashboard events worker)
roles=(owner "${programs[@]}")

# postgres_bin DIRECTORY: the newest server's folder of programs, or that of an existing cluster's version.
postgres_bin()
{
	local dirs=(/usr/lib/postgresql/*/bin) version

	if [ -f "$1/PG_VERSION" ]; then
		version=$(cat "$1/PG_VERSION")
		[ -x "/usr/lib/postgresql/$version/bin/postgres" ] ||
			die "$1 is of PostgreSQL $version, which is not installed"
		dirs=("/usr/lib/postgresql/$version/bin")
	fi
	printf '%s\n' "${dirs[@]}" | sort -V | tail -n 1
}

# Made under another name and renamed at the end: a cluster that a killed script left half made is
# never used.
make_cluster()
{
	local new=$live_dir/postgres.new log=$state_dir/initdb.log

	rm -rf "$new"
	make_service_directories 700 "$new"
	as_service "$pg_bin/initdb" -D "$new" -U switchboard -E UTF8 --locale=C.UTF-8 \
	    --data-checksums -A scram-sha-256 --pwfile="$live_dir/secrets/database-owner" \
	    >"$log" 2>&1 || die "initdb failed, see $log"
	as_service sh -c 'cat >>"$0/postgresql.conf"' "$new" <<-'END'

		# Switchboard's demo: reachable through its unix socket only, small, safe.
		listen_addresses = ''
		unix_socket_permissions = 0700
		max_connections = 60
		shared_buffers = 64MB
		dynamic_shared_memory_type = mmap
		max_wal_size = 256MB
		wal_compression = lz4
		jit = off
		timezone = 'UTC'
		log_timezone = 'UTC'
		log_line_prefix = '%m [%p] %q%u '
	END
	printf 'CREATE DATABASE switchboard\n' |
		as_service "$pg_bin/postgres" --single -D "$new" postgres \
		>>"$log" 2>&1 || die "the database could not be made, see $log"
	# Its roles have no passwords yet, see write_program_urls.
	as_service sh -c 'rm -f "$0"/url-*' "$live_dir/secrets" &&
		mv "$new" "$live_dir/postgres" || exit 1
}

start_cluster()
{
	[ -z "$given_database" ] || return 0
	pg_bin=$(postgres_bin "$live_dir/postgres") || exit 1
	[ -x "$pg_bin/postgres" ] || die 'missing the PostgreSQL server: apt install postgresql'
	[ -d "$live_dir/postgres" ] || make_cluster
	start postgres INT -- "$pg_bin/postgres" -D "$live_dir/postgres" \
	    -c unix_socket_directories="$socket_dir"
}

# For 30 s: PostgreSQL replays its log first when it was killed.
wait_for_cluster()
{
	local rounds=1500

	until as_service "$pg_bin/pg_isready" -q -h "$socket_dir"; do
		[ "$rounds" -gt 0 ] && ! explain_end || die 'PostgreSQL does not start'
		rounds=$((rounds - 1))
		sleep 0.02
	done
}

# url_with_role URL ROLE: with "-c role=ROLE" among its options.
url_with_role()
{
	local url=$1 option=-c%20role%3D$2
	local has_options='^(.*[?&]options=[^&]*)(.*)$'

	if [[ $url =~ $has_options ]]; then
		printf '%s%%20%s%s\n' "${BASH_REMATCH[1]}" "$option" "${BASH_REMATCH[2]}"
	elif [[ $url = *\?* ]]; then
		printf '%s&options=%s\n' "$url" "$option"
	else
		printf '%s?options=%s\n' "$url" "$option"
	fi
}

# database_url NAME: of the owner or of a program.
database_url()
{
	local role=switchboard

	[ "$1" = owner ] || role=switchboard_$1
	if [ -z "$given_database" ]; then
		printf 'postgresql://%s:%s@/switchboard?host=%s\n' "$role" "${password[$1]}" "$socket_dir"
	elif [ "$1" = owner ]; then
		printf '%s\n' "$given_database"
	else
		url_with_role "$given_database" "$role"
	fi
}

# In a cluster of our own each role has a password.  They go by standard input, and not into the
# server's log.
set_passwords()
{
	local program

	{
		printf 'SET log_statement = none;\nSET log_min_error_statement = panic;\nBEGIN;\n'
		for program in "${programs[@]}"; do
			printf "ALTER ROLE switchboard_%s PASSWORD '%s';\n" "$program" "${password[$program]}"
		done
		printf 'COMMIT;\n'
	} | PGPASSWORD=${password[owner]} psql -XAtq -v ON_ERROR_STOP=1 \
	    -h "$socket_dir" -U switchboard -d switchboard -f - || die 'the passwords of the roles cannot be set'
}

write_owner_url()
{
	(umask 077 && database_url owner >"$state_dir/database.url.new") &&
		mv "$state_dir/database.url.new" "$state_dir/database.url" || exit 1
}

# The URLs are written after the passwords are set: while they stand there as they should, nothing
# is to be done (setting passwords costs a commit).
write_program_urls()
{
	local program urls

	urls=$(for program in "${programs[@]}"; do
		printf 'url-%s %s\n' "$program" "$(database_url "$program")"
	done)
	[ "$urls" != "$(get_secrets "${programs[@]/#/url-}")" ] || return 0
	[ -n "$given_database" ] || set_passwords
	put_secrets <<<"$urls"
}

migrate()
{
	local log=$state_dir/migrate.log

	SWITCHBOARD_DATABASE_URL=$(database_url owner) "$live_dir/app/bin/switchboard-migrate" - \
	    "$live_dir/app/share/switchboard/sql" >"$log" 2>&1 && return
	tail -n 3 "$log" >&2
	die 'the database cannot be brought up to date'
}

prepare_database()
{
	[ -n "$given_database" ] || wait_for_cluster
	write_owner_url
	migrate
	write_program_urls
}
