#!/bin/bash
#
# sql/functions: each name once, and a set that replaces whatever functions, views and grants a database had.
# Against databases beside DATABASE_URL; MIGRATE and SQL_DIR as for migrate.sh.

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

# Without the partitions, which depend on the day, and the random words of newer versions of pg_dump.
dump()
{
	pg_dump -s -n switchboard -T 'switchboard.event_2*' -d "$1" | grep -vE '^.(un)?restrict ' >"$2"
}

defined_twice()
{
	grep -ohiE '^CREATE (FUNCTION|VIEW) \w+' "$SQL_DIR"/functions/*.sql | sort | uniq -d
}

# A set of before: one function was other, another is gone by now, a view had a column less, rights were wider.
make_older_set()
{
	mkdir "$work/old" && cp -r "$SQL_DIR/roles.sql" "$SQL_DIR/tables" "$SQL_DIR/functions" "$work/old" || exit 1
	cat >"$work/old/functions/health.sql" <<-'END'
	CREATE FUNCTION health() RETURNS text LANGUAGE sql AS $$ SELECT 'well' $$;
	CREATE FUNCTION gone(p_x integer) RETURNS integer LANGUAGE sql AS $$ SELECT p_x $$;
	CREATE FUNCTION gone(p_x text) RETURNS text LANGUAGE sql AS $$ SELECT p_x $$;
	CREATE VIEW gone_too AS SELECT gone(version) AS version FROM schema_migration;
	GRANT SELECT ON token TO switchboard_reader;
	GRANT SELECT (url) ON confirmation TO switchboard_dashboard;
	GRANT EXECUTE ON FUNCTION gone(integer) TO switchboard_reader;
	END
	sed -i 's/count(DISTINCT d.device_id) AS devices,//' "$work/old/functions/installation.sql"
}

silent 'each function and view is defined once' defined_twice
silent 'functions can be created in any order: their bodies are in quotes' \
	grep -niE '^(begin atomic|return )' "$SQL_DIR"/functions/*.sql
silent 'functions and views are replaced, not altered' \
	grep -niE '^[[:space:]]*(create or replace|alter|drop)\>' "$SQL_DIR"/functions/*.sql
check 'no function has two versions in a database' same "$(query "$DATABASE_URL" "SELECT proname FROM pg_proc
	WHERE pronamespace = 'switchboard'::regnamespace GROUP BY proname HAVING count(*) > 1")" ''
check 'every function and view of the set is there, and no other' same "$(query "$DATABASE_URL" "
	SELECT proname FROM pg_proc WHERE pronamespace = 'switchboard'::regnamespace
	UNION SELECT relname FROM pg_class WHERE relnamespace = 'switchboard'::regnamespace AND relkind = 'v'" | sort)" \
	"$(grep -ohiE '^CREATE (FUNCTION|VIEW) \w+' "$SQL_DIR"/functions/*.sql | cut -d ' ' -f 3 | sort)"

query "$DATABASE_URL" 'CREATE DATABASE fresh'
query "$DATABASE_URL" 'CREATE DATABASE upgraded'
fresh=$(url_of fresh) upgraded=$(url_of upgraded)
make_older_set
check 'a database of an older set' "$MIGRATE" "$upgraded" "$work/old"
query "$upgraded" "INSERT INTO user_account (owner_id) VALUES ('alex');
	INSERT INTO installation (installation_id, user_id) SELECT 'home', user_id FROM user_account"
check 'has its functions' same "$(query "$upgraded" "SELECT health(), gone('x')")" 'well|x'
check 'is brought to the present one' same "$("$MIGRATE" "$upgraded" "$SQL_DIR" 2>&1)" 'switchboard-migrate: applied functions'
check 'and keeps its rows' same "$(query "$upgraded" 'SELECT count(*) FROM installation')" 1
check 'a function of another return type is replaced' same "$(query "$upgraded" 'SELECT schema FROM health()')" \
	"$(query "$DATABASE_URL" 'SELECT max(version) FROM switchboard.schema_migration')"
check 'what left the set is gone' same "$(query "$upgraded" "SELECT count(*) FROM pg_proc WHERE proname = 'gone'")" 0
check 'grants that left it too' same "$(query "$upgraded" "SELECT has_table_privilege('switchboard_reader', 'token', 'SELECT'),
	has_column_privilege('switchboard_dashboard', 'confirmation', 'url', 'SELECT')")" 'f|f'
check 'those in it are there' same "$(query "$upgraded" "SELECT has_function_privilege('switchboard_dashboard', 'health()', 'EXECUTE'),
	has_table_privilege('switchboard_worker', 'token', 'UPDATE'), has_table_privilege('switchboard_reader', 'installations', 'SELECT')")" 't|t|t'
check 'a fresh database' "$MIGRATE" "$fresh" "$SQL_DIR"
dump "$fresh" "$work/fresh.sql"
dump "$upgraded" "$work/upgraded.sql"
check 'is the same as an upgraded one' diff "$work/fresh.sql" "$work/upgraded.sql"

# A set that cannot be made leaves the one that is there.
printf 'CREATE FUNCTION broken() RETURNS integer LANGUAGE sql AS $$ SELECT nonsense $$;\n' >"$work/old/functions/broken.sql"
check 'a set with a body that makes no sense is refused' bash -c '! "$@"' - "$MIGRATE" "$fresh" "$work/old"
dump "$fresh" "$work/after.sql"
check 'and changes nothing' diff "$work/fresh.sql" "$work/after.sql"

# What a table or an extension needs is not of the set.
query "$fresh" "CREATE FUNCTION switchboard.is_even(p_x integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT p_x % 2 = 0';
	CREATE TABLE switchboard.even (x integer CHECK (switchboard.is_even(x)));
	CREATE EXTENSION pgcrypto SCHEMA switchboard"
rm "$work/old/functions/broken.sql"
check 'a function that a table needs stays, as do those of extensions' "$MIGRATE" "$fresh" "$work/old"
check 'and both work' same "$(query "$fresh" "SELECT is_even(2), length(switchboard.gen_random_bytes(4))")" 't|4'
query "$DATABASE_URL" 'DROP DATABASE fresh'
query "$DATABASE_URL" 'DROP DATABASE upgraded'
tap_done
