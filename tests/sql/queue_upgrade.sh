#!/bin/bash
#
# The queue of a database that had four of them (sql/tables/009-work.sql): nothing that was to be done is forgotten.
# Against a database beside DATABASE_URL; SQL_DIR as for migrate.sh.

. "$(dirname -- "${BASH_SOURCE[0]}")/../source/tap.sh"
cd / || exit 1

psql -XAtq -v ON_ERROR_STOP=1 -d "$DATABASE_URL" -c 'CREATE DATABASE queues'
url=$(printf '%s\n' "$DATABASE_URL" | sed 's|/switchboard?|/queues?|')

query()
{
	psql -XAtq -v ON_ERROR_STOP=1 -d "$url" -c "SET search_path = switchboard, public; $1"
}

# What is left to do of an installation: "kind priority due waits_for", due in hours.
work_of()
{
	query "SELECT string_agg(concat_ws(' ', kind, priority, round(extract(epoch FROM run_at - now()) / 3600), waits_for), ', ' ORDER BY kind)
		FROM work WHERE installation_id = '$1'"
}

{
	printf 'CREATE SCHEMA switchboard; SET search_path = switchboard, public;\n'
	cat "$SQL_DIR"/tables/00[1-8]*.sql
} | psql -XAtq -v ON_ERROR_STOP=1 -d "$url" -f - >/dev/null
query "INSERT INTO installation (installation_id, status, synced_at) VALUES ('new', 'linking', NULL), ('well', 'active', now()),
		('refused', 'needs_reauth', now()), ('going', 'removed', now());
	INSERT INTO token (installation_id, access_sealed, refresh_sealed, seal_key_id, expires_at, refresh_after, refresh_expires_at)
		SELECT installation_id, '', '', 'k', now(), CASE installation_id WHEN 'refused' THEN 'infinity' ELSE now() + interval '5 hours' END, now()
		FROM installation;
	INSERT INTO job (installation_id, kind, run_at, last_error) VALUES ('new', 'device_sync', now(), NULL), ('going', 'uninstall', now(), NULL),
		('refused', 'device_sync', now(), 'forbidden');
	INSERT INTO command (installation_id, device_id, component, command, user_id, status, deadline_at, seq)
		SELECT 'well', 'lamp', 'main', 'on', 1, status, now(), 1 FROM unnest(ARRAY['requested', 'sent', 'accepted', 'failed']) AS status;
	INSERT INTO command (installation_id, device_id, component, command, user_id, status, deadline_at, seq)
		VALUES ('new', 'lamp', 'main', 'on', 1, 'confirmed', now(), 1);
	INSERT INTO confirmation (confirmation_hash, url, attempts, confirmed_at) VALUES (sha256('a'), 'https://a', 3, NULL), (sha256('b'), NULL, 1, now())"
psql -XAtq -v ON_ERROR_STOP=1 -d "$url" -c 'SET search_path = switchboard, public' -f "$SQL_DIR/tables/009-work.sql" >/dev/null

check 'a first sync is what somebody waits for' same "$(work_of new)" 'device_sync 0 0, refresh 2 5'
query "UPDATE work SET run_at = now() WHERE installation_id = 'well' AND kind IN ('device_sync', 'subscription_sync')"
check 'commands have a turn, and what was compared with the platform daily is again' same "$(work_of well)" \
	'command 0 0, device_sync 2 0, refresh 2 5, subscription_sync 2 0'
check 'what was refused waits for a new link' same "$(work_of refused | sed -E 's/ [0-9]+ link/ link/g')" \
	'device_sync 1 link, refresh 2 link, subscription_sync 2 link'
check 'an uninstall goes on, with its token' same "$(work_of going)" 'refresh 2 5, uninstall 1 0'
check 'a confirmation keeps its tries' same "$(query "SELECT subject = encode(sha256('a'), 'hex'), attempts, priority FROM work
	WHERE kind = 'confirmation'")" 't|3|0'
psql -XAtq -d "$DATABASE_URL" -c 'DROP DATABASE queues'
tap_done
