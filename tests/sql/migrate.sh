#!/bin/bash
#
# switchboard-migrate, against databases of its own beside DATABASE_URL (an owner with CREATEROLE).
# MIGRATE and SQL_DIR name the program and the real migrations.

. "$(dirname -- "${BASH_SOURCE[0]}")/../source/tap.sh"
cd / || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

query()
{
	psql -XAtq -v ON_ERROR_STOP=1 -d "$1" -c "$2"
}

# The owner's URL with another database in it.
url_of()
{
	printf '%s\n' "$DATABASE_URL" | sed "s|/switchboard?|/$1?|"
}

fresh()
{
	query "$DATABASE_URL" "CREATE DATABASE $1"
}

refused()
{
	local output

	output=$("$MIGRATE" "$@" 2>&1) && { echo "$output"; return 1; }
	printf '%s\n' "$output" >"$work/refusal"
}

# As many times as psql was called since the last look: "psql" in $work/bin counts.
mkdir "$work/bin" && real_psql=$(command -v psql)
printf '#!/bin/sh\necho call >>"%s"\nexec "%s" "$@"\n' "$work/calls" "$real_psql" >"$work/bin/psql"
chmod +x "$work/bin/psql"
calls_of()
{
	: >"$work/calls"
	PATH=$work/bin:$PATH "$MIGRATE" "$@" >/dev/null 2>&1 && wc -l <"$work/calls"
}

mkdir -p "$work/sql/tables" "$work/sql/functions"
cp "$SQL_DIR/roles.sql" "$work/sql"
printf 'CREATE TABLE one (x int);\nINSERT INTO one VALUES (1);\nSELECT pg_sleep(0.3);\n' >"$work/sql/tables/001-one.sql"
printf 'CREATE TABLE two (x int);\nSELECT pg_sleep(0.3);\n' >"$work/sql/tables/002-two.sql"
printf 'GRANT USAGE ON SCHEMA switchboard TO switchboard_oauth, switchboard_webhook, switchboard_dashboard,
	switchboard_events, switchboard_worker, switchboard_reader;\n' >"$work/sql/functions/schema.sql"

fresh first
first=$(url_of first)
check 'the real migrations apply to an empty database' "$MIGRATE" "$first" "$SQL_DIR"
check 'and are up to date the second time' same "$("$MIGRATE" "$first" "$SQL_DIR" 2>&1)" 'switchboard-migrate: up to date'
check 'which takes one call of psql' same "$(calls_of "$first" "$SQL_DIR")" 1
check 'every file of tables is recorded with its checksum' same \
	"$(query "$first" 'SELECT checksum FROM switchboard.schema_migration ORDER BY version')" \
	"$(for file in "$SQL_DIR"/tables/*.sql; do sha256sum <"$file" | cut -d ' ' -f 1; done)"
check 'every table and view has a comment, and every column of a table' same "$(query "$first" "
	SELECT c.relname || coalesce('.' || a.attname, '')
	FROM pg_class c
	LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	    AND c.relkind <> 'v'
	WHERE c.relnamespace = 'switchboard'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
	AND (obj_description(c.oid, 'pg_class') IS NULL OR (a.attnum IS NOT NULL
	    AND col_description(c.oid, a.attnum) IS NULL))
	ORDER BY 1")" ''
check 'the tables are found without naming the schema' query "$first" 'SELECT count(*) FROM token'

fresh crowd
crowd=$(url_of crowd)
pids=()
for _ in 1 2 3 4; do
	"$MIGRATE" "$crowd" "$work/sql" >>"$work/crowd" 2>&1 &
	pids+=("$!")
done
status=0
for pid in "${pids[@]}"; do
	wait "$pid" || status=1
done
check 'four runs at once all succeed' same "$status $(grep -vc 'applied\|up to date' "$work/crowd")" '0 0'
check 'and each file ran once' same "$(grep -c applied "$work/crowd") $(query "$crowd" 'SELECT count(*) FROM one')" '3 1'

# A reader that goes on for long, as a backup does, while something is to be changed that it reads.
query "$first" "UPDATE schema_functions SET checksum = repeat('0', 64)"
mkfifo "$work/reader"
psql -XAtq -d "$first" <"$work/reader" >"$work/reading" 2>&1 &
reader=$!
exec 9>"$work/reader"
printf 'BEGIN;\nSELECT count(*) FROM switch_page;\n' >&9
until [ -s "$work/reading" ]; do sleep 0.1; done
"$MIGRATE" "$first" "$SQL_DIR" >"$work/patient" 2>&1 &
migrating=$!
tries=0
until grep -q 'trying again' "$work/patient" || ! kill -0 "$migrating"; do
	sleep 0.1
	[ $((tries += 1)) -lt 300 ] || break
done
check 'while somebody reads what is to be changed, others can read it too' \
	timeout 60 psql -XAtq -d "$first" -c 'SELECT count(*) FROM switch_page'
printf 'COMMIT;\n' >&9
exec 9>&-
wait "$reader"
wait "$migrating"
status=$?
check 'and it is changed afterwards' same "$status" 0
check 'which it says' grep -qx 'switchboard-migrate: applied functions' "$work/patient"

printf -- '-- an afterthought\n' >>"$work/sql/tables/002-two.sql"
check 'a file that changed after it was applied is refused' refused "$crowd" "$work/sql"
check 'with its name' grep -q '002-two.sql' "$work/refusal"
mv "$work/sql/tables/002-two.sql" "$work/two.sql"
check 'a database of a newer version is refused' refused "$crowd" "$work/sql"
check 'with that reason' grep -q 'newer version' "$work/refusal"
mv "$work/two.sql" "$work/sql/tables/002-two.sql"

printf 'CREATE TABLE three (x int);\nSELECT nonsense;\n' >"$work/sql/tables/003-three.sql"
fresh broken
broken=$(url_of broken)
check 'a failing file is an error' refused "$broken" "$work/sql"
check 'with its name, and nothing was changed' same \
	"$(grep -c 'tables/003-three.sql failed: nothing was changed' "$work/refusal") $(query "$broken" "SELECT to_regnamespace('switchboard') IS NULL")" '1 t'
printf 'CREATE TABLE three (x int);\nCOMMIT;\n' >"$work/sql/tables/003-three.sql"
check 'a file that ends its transaction is refused' refused "$broken" "$work/sql"
check 'with that reason' grep -q 'ends the transaction' "$work/refusal"
cp "$work/sql/tables/003-three.sql" "$work/sql/tables/003-other.sql"
check 'two files with one number are refused' refused "$broken" "$work/sql"

# A password with characters that a URL has to encode, and that psql must get decoded.
query "$DATABASE_URL" "CREATE ROLE switchboard_test LOGIN PASSWORD 'a/b@c%d e'"
query "$DATABASE_URL" 'CREATE DATABASE encoded OWNER switchboard_test'
host=${DATABASE_URL#*\?}
check 'a percent-encoded password works' "$MIGRATE" \
	"postgresql://switchboard_test:a%2Fb%40c%25d%20e@/encoded?$host" "$SQL_DIR"
check 'as a parameter too' "$MIGRATE" \
	"postgresql://switchboard_test@/encoded?password=a%2Fb%40c%25d%20e&$host" "$SQL_DIR"
check 'the URL may come from the environment' \
	env SWITCHBOARD_DATABASE_URL="$first" "$MIGRATE" - "$SQL_DIR"
printf '%s\n' "$first" >"$work/url"
check 'or from a file' env SWITCHBOARD_DATABASE_URL_FILE="$work/url" "$MIGRATE" - "$SQL_DIR"
check 'without one it says so' bash -c '! "$0" 2>&1 | grep -qv "give its URL"' "$MIGRATE"
tap_done
