# Tests in a throw-away PostgreSQL.  Sourced by check; needs state.sh, processes.sh, secrets.sh,
# build.sh, database.sh and test_results.sh.
# shellcheck shell=bash

# run_sql_tests DIRECTORY PREFIX: with the programs of that build.  The subshell's counts come in a file.
run_sql_tests()
{
	local build_dir=$top/$1 prefix=$2

	rm -f "$logs/sql.counts"
	with_database run_sql_files
	if [ -s "$logs/sql.counts" ]; then
		passed=0 failed=0 skipped=0
		count_file "$logs/sql.counts"
	else
		fail_part "${prefix}sql"
	fi
}

run_sql_files()
{
	local file

	psql -Xq "$DATABASE_URL" -v ON_ERROR_STOP=1 -c 'SET client_min_messages = warning' \
	    -c 'CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA public' || exit 1
	for file in tests/sql/*.sql; do
		run_tap "$prefix$file" psql -XAtq -v ON_ERROR_STOP=1 -f "$file" "$DATABASE_URL"
	done
	for file in tests/sql/*.sh; do
		run_tap "$prefix$file" "$file"
	done
	# The door to PostgreSQL, whose test without a server is skipped as a whole.
	make -s -C "$build_dir" tests/unit/test_db >"$logs/test_db.build" 2>&1 || fail_part "${prefix}tests/unit/test_db"
	run_tap "${prefix}tests/unit/test_db with a server" env CMOCKA_MESSAGE_OUTPUT=TAP \
	    SWITCHBOARD_TEST_DATABASE_URL="$DATABASE_URL" "$build_dir/tests/unit/test_db"
	save_counts "$logs/sql.counts"
}

# with_database COMMAND...: in a subshell, with DATABASE_URL of a PostgreSQL of its own that has the schema.
with_database()
(
	SWITCHBOARD_STATE_DIR=$(mktemp -d /tmp/switchboard-check-XXXXXX) && chmod 755 "$SWITCHBOARD_STATE_DIR" || exit 1
	trap remove_database EXIT
	trap 'exit 1' INT TERM HUP
	job_pid=''
	claim_state_directory
	: >>"$state_dir/processes"
	find_service_user
	prepare_live_directory
	prepare_socket_directory
	prepare_secrets
	start_cluster
	build_app
	prepare_database
	export DATABASE_URL SQL_DIR=$top/sql MIGRATE=$live_dir/app/bin/switchboard-migrate
	DATABASE_URL=$(cat "$state_dir/database.url")
	"$@"
)

remove_database()
{
	local status=$?

	end_job
	stop INT postgres
	end_processes 50
	rm -rf "$SWITCHBOARD_STATE_DIR" "${socket_dir:-$SWITCHBOARD_STATE_DIR}"
	exit "$status"
}
