#!/bin/bash
#
# Several processes store webhooks of the same few installations at once, each in an order of its own: they wait
# for each other's commits, never in a circle.

. "$(dirname -- "${BASH_SOURCE[0]}")/../source/tap.sh"

sql()
{
	PGOPTIONS='-c search_path=switchboard -c client_min_messages=warning' psql -XAtq -v ON_ERROR_STOP=1 "$@" "$DATABASE_URL"
}

installations=10
calls=150
clean_up()
{
	sql -c "DELETE FROM event WHERE installation_id ~ '^crossing-'; DELETE FROM device WHERE installation_id ~ '^crossing-';
		DELETE FROM installation WHERE installation_id ~ '^crossing-'; DELETE FROM user_account WHERE owner_id = 'crossing'"
}
trap clean_up EXIT
sql -c "INSERT INTO user_account (owner_id) VALUES ('crossing');
	INSERT INTO installation (installation_id, user_id, status, synced_at)
		SELECT 'crossing-' || n, user_id, 'active', now() FROM user_account, generate_series(1, $installations) n WHERE owner_id = 'crossing';
	INSERT INTO device (installation_id, device_id, name) SELECT installation_id, 'lamp', 'Lamp' FROM installation
		WHERE installation_id ~ '^crossing-';
	INSERT INTO switch (installation_id, device_id, component, seq) SELECT installation_id, 'lamp', 'main', 1 FROM installation
		WHERE installation_id ~ '^crossing-';
	ANALYZE installation"

# Each call has one event of each installation.
writer()
{
	local number

	for ((number = 0; number < calls; number++)); do
		printf "SELECT count(*) FROM event_ingest(ARRAY(SELECT 'crossing-' || n FROM generate_series(1, %d) n ORDER BY random()),
			(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('id', gen_random_uuid(), 'at', now(), 'type', 'DEVICE_EVENT',
				'tick', (extract(epoch FROM clock_timestamp()) * 1e6)::bigint * 10 + 1, 'device', 'lamp', 'component', 'main', 'capability', 'switch', 'attribute', 'switch', 'value',
				(ARRAY['on', 'off'])[1 + random()::integer]))) FROM generate_series(1, %d)));\n" "$installations" "$installations"
	done | sql -f -
}

before=$(sql -c "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
for ((i = 0; i < 4; i++)); do
	writer >/dev/null &
	writers+=($!)
done
failed=0
for pid in "${writers[@]}"; do
	wait "$pid" || failed=$((failed + 1))
done
deadlocks=$(sql -c "SELECT deadlocks - $before FROM pg_stat_database WHERE datname = current_database()")
events=$(sql -c "SELECT count(*) FROM event WHERE installation_id ~ '^crossing-'")
newest=$(sql -c "SELECT count(*) FROM switch s WHERE s.installation_id ~ '^crossing-' AND s.state_tick =
	(SELECT max(e.event_tick) FROM event e WHERE e.installation_id = s.installation_id)")
# Three commits: a change with a notification, the same webhook again, a change without.
notified()
{
	printf "SELECT known FROM event_ingest('{crossing-1}', jsonb_build_array(jsonb_build_array(jsonb_build_object('id', '%s', 'at', '%s',
		'type', 'DEVICE_EVENT', 'device', 'lamp', 'component', 'main', 'capability', 'switch', 'attribute', 'switch', 'value', 'on'))), %s);\n" "$@"
}
first=$(date -u -d '1 second' +%FT%TZ) second=$(date -u -d '2 seconds' +%FT%TZ)
notices=$({
	echo 'LISTEN switchboard_page;'
	notified 50000000-0000-1000-8000-000000000001 "$first" true
	notified 50000000-0000-1000-8000-000000000001 "$first" true
	notified 50000000-0000-1000-8000-000000000002 "$second" false
} | sql -f - | grep -c 'notification "switchboard_page" with payload "crossing-1 {.*"state" : "on"')
check 'no call fails' same "$failed" 0
check 'none is stopped because two wait for each other' same "$deadlocks" 0
check 'every event is stored' same "$events" $((installations * calls * 4))
check 'and the newest is what each switch shows' same "$newest" "$installations"
check 'a change is notified by its own commit when that is requested' same "$notices" 1
tap_done
