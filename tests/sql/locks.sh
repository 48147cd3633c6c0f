#!/bin/bash
#
# Rows that another transaction keeps locked: statements that are for all installations pass them by at once.

. "$(dirname -- "${BASH_SOURCE[0]}")/../source/tap.sh"

# A statement that waits for a lock fails after a minute.
sql()
{
	PGOPTIONS='-c search_path=switchboard -c client_min_messages=warning -c lock_timeout=60s' \
	    psql -XAtq -v ON_ERROR_STOP=1 "$@" "$DATABASE_URL"
}

clean_up()
{
	local pid=${holder_PID:-}

	if [ -n "$pid" ]; then
		printf 'ROLLBACK;\n\\q\n' >&"${holder[1]}"
		wait "$pid"
	fi
	sql -c "DELETE FROM session WHERE user_agent = 'locks'; DELETE FROM command WHERE installation_id ~ '^locks-';
		DELETE FROM token WHERE installation_id ~ '^locks-'; DELETE FROM work WHERE installation_id ~ '^locks-'; DELETE FROM oauth_state WHERE state_hash IN (sha256('locks-1'), sha256('locks-2'), sha256('locks-3'));
		DELETE FROM installation WHERE installation_id ~ '^locks-'; DELETE FROM user_account WHERE owner_id = 'locks'"
}
trap clean_up EXIT
sql -c "INSERT INTO user_account (owner_id) VALUES ('locks');
	INSERT INTO installation (installation_id, user_id, status, synced_at, sync_state)
		SELECT 'locks-' || n, user_id, 'active', now(), 'done' FROM user_account, generate_series(1, 2) n WHERE owner_id = 'locks';
	INSERT INTO device (installation_id, device_id, name) SELECT 'locks-' || n, 'lamp', 'Lamp' FROM generate_series(1, 2) n;
	INSERT INTO switch (installation_id, device_id, component, seq) SELECT 'locks-' || n, 'lamp', 'main', 1 FROM generate_series(1, 2) n;
	INSERT INTO command (installation_id, device_id, component, command, user_id, status, accepted_at, deadline_at, seq)
		SELECT 'locks-' || n, 'lamp', 'main', 'on', user_id, 'accepted', now() - interval '1 hour', now(), 1
		FROM user_account, generate_series(1, 2) n WHERE owner_id = 'locks';
	INSERT INTO command (installation_id, device_id, component, command, user_id, status, finished_at, deadline_at, seq)
		SELECT 'locks-' || n, 'lamp', 'main', 'off', user_id, 'confirmed', now() - interval '8 days', now(), 1
		FROM user_account, generate_series(1, 2) n WHERE owner_id = 'locks';
	INSERT INTO token (installation_id, access_sealed, refresh_sealed, seal_key_id, expires_at, refresh_expires_at)
		SELECT 'locks-' || n, 'a', 'r', 'k', now() + interval '1 day', now() + interval '30 days'
		FROM generate_series(1, 2) n;
	INSERT INTO session (session_hash, user_id, user_agent, expires_at)
		SELECT sha256(('locks-' || n)::bytea), user_id, 'locks', now() - interval '1 day' FROM user_account, generate_series(1, 2) n
		WHERE owner_id = 'locks';
	INSERT INTO oauth_state (state_hash, browser_hash, expires_at)
		SELECT sha256(('locks-' || n)::bytea), sha256('b'), now() - interval '1 day' FROM generate_series(1, 2) n"

# All of locks-1.
coproc holder { sql -f -; }
echo "BEGIN; SELECT 1 FROM installation WHERE installation_id = 'locks-1' FOR UPDATE;
	SELECT 1 FROM command WHERE installation_id = 'locks-1' FOR UPDATE; SELECT 1 FROM token WHERE installation_id = 'locks-1' FOR UPDATE;
	SELECT 1 FROM session WHERE session_hash = sha256('locks-1') FOR UPDATE;
	SELECT 1 FROM oauth_state WHERE state_hash = sha256('locks-1') FOR UPDATE; SELECT 'locked';" >&"${holder[1]}"
while read -r -u "${holder[0]}" line && [ "$line" != locked ]; do
	:
done

locked=$(sql -c "SELECT string_agg(l::text, ' ') FROM event_locked(ARRAY['locks-2', 'locks-1', 'unheard-of', 'locks-1']) l")
expired=$(sql -c "SELECT string_agg(o.installation_id || ' ' || command_fail_overdue(o.installation_id, o.commands, o.errors), ', ' ORDER BY 1)
	FROM (SELECT installation_id, array_agg(command_id) AS commands, array_agg(error) AS errors FROM command_overdue(10000)
		WHERE installation_id ~ '^locks-' GROUP BY 1) o" 2>&1)
statuses=$(sql -c "SELECT string_agg(status, ' ' ORDER BY installation_id) FROM command WHERE installation_id ~ '^locks-' AND command = 'on'")
sql -c 'SELECT command_prune()' >/dev/null
finished=$(sql -c "SELECT string_agg(installation_id, ' ') FROM command WHERE installation_id ~ '^locks-' AND command = 'off'")
progress=$(sql -c "SELECT sync_progress('locks-' || n, 'running', 7, NULL) FROM generate_series(1, 2) n" >/dev/null &&
	sql -c "SELECT string_agg(sync_state, ' ' ORDER BY installation_id) FROM installation WHERE installation_id ~ '^locks-'")
stored=$(for n in 2 1; do
	sql -v VERBOSITY=sqlstate -c "SELECT token_store('locks-$n', 1, 'a2', 'r2', 'k', NULL, 86400, 0)" 2>&1
done)
sql -c "SELECT session_open((SELECT user_id FROM user_account WHERE owner_id = 'locks'), NULL, sha256('locks-3'), 'locks')" >/dev/null
sessions=$(sql -c "SELECT count(*) FROM session WHERE user_agent = 'locks'")
sql -c "SELECT oauth_state_put(sha256('locks-3'), sha256('b'))" >/dev/null
states=$(sql -c "SELECT count(*) FROM oauth_state WHERE state_hash IN (sha256('locks-1'), sha256('locks-2'), sha256('locks-3'))")

check 'event_locked() knows which of them are locked' same "$locked" 'false true false true'
check 'the overdue commands of a locked installation are left for later' same "$expired" 'locks-1 false, locks-2 true'
check 'and those of another have failed' same "$statuses" 'accepted failed'
check 'a locked command is not pruned, another is' same "$finished" locks-1
check 'progress is not shown where the row is locked' same "$progress" 'done running'
check 'an answer to a refresh does not wait for a locked token' same "$stored" $'t\nERROR:  55P03'
check 'signing in does not wait for a session that has ended' same "$sessions" 2
check 'nor for a state that has' same "$states" 2
tap_done
