-- The worker's side: its queue, tokens, device sync and subscriptions.
SET LOCAL search_path = switchboard;

CREATE FUNCTION worker_seen(p_worker text, p_host text, p_pid integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO worker (worker_id, host, pid) VALUES (p_worker, p_host, p_pid)
		ON CONFLICT (worker_id) DO UPDATE SET seen_at = now();
	DELETE FROM worker WHERE seen_at < now() - interval '1 hour';
END $$;
COMMENT ON FUNCTION worker_seen IS 'A worker''s sign of life';

-- How long work waits that has outlived its worker so often: the first time not
-- at all, then longer and longer, for it may be what kills them.
CREATE FUNCTION survivor_delay(p_deaths integer)
RETURNS interval LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT make_interval(secs => least(60, 2 ^ least(p_deaths, 6) - 1));
END;
COMMENT ON FUNCTION survivor_delay IS 'How long work waits after its worker died';

-- Give back what a worker had claimed and certainly works on no more: it is dead
-- (p_dead), or says so itself of these kinds after it lost the database.  A dead
-- worker's refresh goes out again at once: if its answer was lost, waiting does
-- not bring it back.  A command may have arrived: its event has as long to
-- confirm it as the call could have taken (8 s), then it is sent again, within its deadline as ever.
CREATE FUNCTION worker_release(p_worker text, p_jobs boolean, p_refreshes boolean, p_commands boolean,
	p_confirmations boolean, p_dead boolean)
RETURNS bigint LANGUAGE sql AS $$
	WITH jobs AS (
		UPDATE job j SET claimed_by = NULL, claimed_until = NULL, attempts = j.attempts + 1,
			run_at = greatest(j.run_at, now() + survivor_delay(j.attempts))
		WHERE p_jobs AND j.claimed_by = p_worker RETURNING 1),
	refreshes AS (
		UPDATE token t SET claimed_by = NULL, claimed_until = NULL, failures = t.failures + 1,
			last_error = coalesce(t.last_error, 'worker ended'), last_error_at = now(),
			refresh_after = greatest(t.refresh_after, now() + survivor_delay(t.failures))
		WHERE p_refreshes AND t.claimed_by = p_worker RETURNING 1),
	commands AS (
		UPDATE command c SET claimed_until = least(c.claimed_until, c.sent_at + interval '8 seconds')
		WHERE p_commands AND c.status = 'sent' AND c.claimed_by = p_worker RETURNING 1),
	confirmations AS (
		UPDATE confirmation f SET claimed_by = NULL, claimed_until = NULL, attempts = f.attempts + 1,
			run_at = greatest(f.run_at, now() + survivor_delay(f.attempts))
		WHERE p_confirmations AND f.claimed_by = p_worker RETURNING 1),
	forgotten AS (DELETE FROM worker w WHERE p_dead AND w.worker_id = p_worker)
	SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM refreshes) + (SELECT count(*) FROM commands)
		+ (SELECT count(*) FROM confirmations)
$$;
COMMENT ON FUNCTION worker_release IS 'Give back the claims of a worker that does not work on them any more; tells how many';

-- Claim jobs that are due.  A lease, not a lock: when a worker dies its jobs come back after a minute.
CREATE FUNCTION job_claim(p_worker text, p_limit integer)
RETURNS TABLE (installation_id text, kind text, generation bigint, attempts integer, age_s bigint)
LANGUAGE sql AS $$
	WITH taken AS (
		SELECT j.installation_id, j.kind FROM job j
		JOIN installation i ON i.installation_id = j.installation_id
		WHERE j.run_at <= now() AND (j.claimed_until IS NULL OR j.claimed_until < now())
			AND (i.status IN ('linking', 'active') OR j.kind = 'uninstall')
			AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.installation_id = j.installation_id AND p.kind = j.kind
				AND p.ends_at > now())
		ORDER BY j.run_at LIMIT p_limit
		FOR UPDATE OF j SKIP LOCKED)
	UPDATE job j SET claimed_by = p_worker, claimed_until = now() + interval '60 seconds'
	FROM taken t WHERE j.installation_id = t.installation_id AND j.kind = t.kind
	RETURNING j.installation_id, j.kind, j.generation, j.attempts, extract(epoch FROM now() - j.queued_at)::bigint
$$;
COMMENT ON FUNCTION job_claim IS 'Give a worker jobs to run';

-- A worker is still at a job: the lease begins anew.  False: it is not this
-- worker's any more (the lease ran out, or the installation is gone).
CREATE FUNCTION job_keep(p_installation text, p_kind text, p_worker text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE job j SET claimed_until = now() + interval '60 seconds'
		WHERE j.installation_id = p_installation AND j.kind = p_kind AND j.claimed_by = p_worker;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION job_keep IS 'Renew the claim of a job that runs; false when it is lost';

-- A job is done: it goes, unless it was asked for again meanwhile.
CREATE FUNCTION job_done(p_installation text, p_kind text, p_worker text, p_generation bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM job j WHERE j.installation_id = p_installation AND j.kind = p_kind
		AND j.claimed_by = p_worker AND j.generation = p_generation;
	IF NOT FOUND THEN
		UPDATE job j SET claimed_by = NULL, claimed_until = NULL, attempts = 0, last_error = NULL
			WHERE j.installation_id = p_installation AND j.kind = p_kind AND j.claimed_by = p_worker;
	END IF;
END $$;
COMMENT ON FUNCTION job_done IS 'Take a finished job out of the queue';

CREATE FUNCTION job_failed(p_installation text, p_kind text, p_worker text, p_error text, p_delay_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE job j SET claimed_by = NULL, claimed_until = NULL, attempts = j.attempts + 1, last_error = p_error,
		run_at = now() + make_interval(secs => p_delay_ms / 1000.0)
		WHERE j.installation_id = p_installation AND j.kind = p_kind AND j.claimed_by = p_worker;
END $$;
COMMENT ON FUNCTION job_failed IS 'Put a job back for a later try';

-- Whatever was missed by webhooks that never came is found once a day, spread
-- over an hour: devices and subscriptions of homes that were not read for a day.  Each
-- costs a handful of calls; more often would be polling.
CREATE FUNCTION job_reconcile()
RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
	WITH stale AS (
		SELECT i.installation_id, random() * interval '1 hour' AS delay FROM installation i
		WHERE i.status = 'active' AND i.synced_at < now() - interval '1 day'
			AND NOT EXISTS (SELECT 1 FROM job j WHERE j.installation_id = i.installation_id)),
	asked AS (
		SELECT job_put(s.installation_id, 'subscription_sync', s.delay),
			job_put(s.installation_id, 'device_sync', s.delay) FROM stale s)
	SELECT count(*) FROM asked;
END;
COMMENT ON FUNCTION job_reconcile IS 'Queue the daily comparison with the platform; tells for how many homes';

-- What one worker learns from a 429 holds for all, and for the next life of this one.  What ended
-- goes, unless another worker has it in hand: two that waited for each other's rows would lose theirs.
CREATE FUNCTION pause_put(p_installation text, p_kind text, p_device text, p_delay_ms bigint)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
	WITH ended AS (
		SELECT p.installation_id, p.kind, p.device_id FROM pause p
		WHERE p.installation_id = p_installation AND p.ends_at < now()
			AND (p.kind, p.device_id) <> (p_kind, coalesce(p_device, '')) FOR UPDATE SKIP LOCKED)
	DELETE FROM pause p USING ended e WHERE p.installation_id = e.installation_id AND p.kind = e.kind
		AND p.device_id = e.device_id;
	INSERT INTO pause AS p (installation_id, kind, device_id, ends_at)
		VALUES (p_installation, p_kind, coalesce(p_device, ''), now() + make_interval(secs => p_delay_ms / 1000.0))
		ON CONFLICT (installation_id, kind, device_id) DO UPDATE SET ends_at = greatest(p.ends_at, excluded.ends_at);
END;
COMMENT ON FUNCTION pause_put IS 'No such calls for an installation before the delay has passed';

-- Leave to make one call of a kind that the platform counts: 0, and the call
-- is counted; else how many ms to wait.  A window that slides, over all workers
-- and lives, and 5 s longer than the published 15 minutes: calls take their time on the way.
CREATE FUNCTION pace_take(p_installation text, p_kind text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	c_window CONSTANT interval := '15 minutes 5 seconds';
	v_limit  CONSTANT integer := CASE p_kind WHEN 'subscription_create' THEN 40 ELSE 15 END;
	v_now    timestamptz;
	v_made   timestamptz[];
BEGIN
	INSERT INTO call_pace (installation_id, kind) VALUES (p_installation, p_kind) ON CONFLICT DO NOTHING;
	SELECT c.made_at INTO v_made FROM call_pace c
		WHERE c.installation_id = p_installation AND c.kind = p_kind FOR UPDATE;
	v_now := clock_timestamp();
	-- A clock that was set back must not stop us for longer than the window.
	v_made := ARRAY(SELECT m FROM unnest(v_made) m WHERE m > v_now - c_window AND m <= v_now ORDER BY m);
	IF cardinality(v_made) >= v_limit THEN
		RETURN greatest(1, ceil(extract(epoch FROM v_made[cardinality(v_made) - v_limit + 1] + c_window - v_now) * 1000));
	END IF;
	UPDATE call_pace c SET made_at = v_made || v_now WHERE c.installation_id = p_installation AND c.kind = p_kind;
	RETURN 0;
END $$;
COMMENT ON FUNCTION pace_take IS 'Count a call that is limited, or tell how many ms to wait';

-- When is something due next, in ms from now?  Null: nothing is queued.
-- plpgsql, like whatever else is called all the time: it keeps the plan (006-stream.sql).
CREATE FUNCTION work_next_ms()
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (SELECT ceil(extract(epoch FROM min(due) - now()) * 1000)::bigint FROM (
		SELECT min(greatest(j.run_at, j.claimed_until, p.ends_at)) AS due FROM job j
			JOIN installation i ON i.installation_id = j.installation_id
			LEFT JOIN pause p ON p.installation_id = j.installation_id AND p.kind = j.kind
			WHERE i.status IN ('linking', 'active') OR j.kind = 'uninstall'
		-- Of those that are to be refreshed first: there is a token for every home.
		UNION ALL SELECT min(greatest(n.refresh_after, n.claimed_until, n.ends_at)) FROM (
			SELECT t.refresh_after, t.claimed_until, p.ends_at FROM token t
			JOIN installation i ON i.installation_id = t.installation_id
			LEFT JOIN pause p ON p.installation_id = t.installation_id AND p.kind = 'refresh'
			WHERE i.status IN ('linking', 'active') OR EXISTS (SELECT 1 FROM job j
				WHERE j.installation_id = t.installation_id AND j.kind = 'uninstall')
			ORDER BY t.refresh_after LIMIT 100) n
		UNION ALL SELECT min(greatest(c.run_at, c.claimed_until, p.ends_at)) FROM command c
			LEFT JOIN pause p ON p.installation_id = c.installation_id AND p.kind = 'command' AND p.device_id = c.device_id
			WHERE c.status IN ('requested', 'sent')
		UNION ALL SELECT min(c.accepted_at) + interval '10 seconds' FROM command c WHERE c.status = 'accepted'
		UNION ALL SELECT min(greatest(f.run_at, coalesce(f.claimed_until, f.run_at))) FROM confirmation f
			WHERE f.confirmed_at IS NULL
	) AS every (due));
END $$;
COMMENT ON FUNCTION work_next_ms IS 'Milliseconds until something in a queue is due';

-- Tokens ------------------------------------------------------------------

CREATE FUNCTION token_load(p_installation text)
RETURNS TABLE (generation bigint, access_sealed bytea, expires_in_s bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT t.generation, t.access_sealed, extract(epoch FROM t.expires_at - now())::bigint
		FROM token t WHERE t.installation_id = p_installation;
END;
COMMENT ON FUNCTION token_load IS 'The sealed access token of an installation';

-- The exclusive right to refresh one token: exactly one worker on any host has
-- it.  Of a removed installation too, while the platform must still be told.
CREATE FUNCTION token_claim(p_worker text, p_limit integer)
RETURNS TABLE (installation_id text, generation bigint, refresh_sealed bytea, failures integer)
LANGUAGE sql AS $$
	WITH taken AS (
		SELECT t.installation_id FROM token t JOIN installation i ON i.installation_id = t.installation_id
		WHERE t.refresh_after <= now() AND (t.claimed_until IS NULL OR t.claimed_until < now())
			AND (i.status IN ('linking', 'active') OR EXISTS (SELECT 1 FROM job j
				WHERE j.installation_id = t.installation_id AND j.kind = 'uninstall'))
			AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.installation_id = t.installation_id AND p.kind = 'refresh'
				AND p.ends_at > now())
		ORDER BY t.refresh_after LIMIT p_limit
		FOR UPDATE OF t SKIP LOCKED)
	UPDATE token t SET claimed_by = p_worker, claimed_until = now() + interval '60 seconds'
	FROM taken k WHERE t.installation_id = k.installation_id
	RETURNING t.installation_id, t.generation, t.refresh_sealed, t.failures
$$;
COMMENT ON FUNCTION token_claim IS 'Give a worker tokens to refresh; nobody else refreshes them meanwhile';

-- Store the answer of a refresh of "p_generation".  False: a newer pair is
-- there already (or the installation is gone) and this one is dropped.
CREATE FUNCTION token_store(p_installation text, p_generation bigint, p_access bytea, p_refresh bytea,
	p_seal_key text, p_scope text, p_expires_in integer, p_age_s bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE token t SET generation = p_generation + 1, access_sealed = p_access, refresh_sealed = p_refresh,
		seal_key_id = p_seal_key, scope = coalesce(p_scope, t.scope),
		obtained_at = now() - make_interval(secs => p_age_s),
		expires_at = now() + make_interval(secs => p_expires_in - p_age_s),
		refresh_after = token_refresh_time(p_expires_in) - make_interval(secs => p_age_s),
		refresh_expires_at = now() + interval '30 days' - make_interval(secs => p_age_s),
		claimed_by = NULL, claimed_until = NULL, failures = 0, last_error = NULL, last_error_at = NULL
		WHERE t.installation_id = p_installation AND t.generation = p_generation;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE installation i SET seq = i.seq + 1, status_seq = i.seq + 1,
		status = CASE WHEN i.synced_at IS NULL THEN 'linking' ELSE 'active' END
		WHERE i.installation_id = p_installation AND i.status = 'needs_reauth';
	RETURN true;
END $$;
COMMENT ON FUNCTION token_store IS 'Store a refreshed pair of tokens, unless a newer one is there';

-- A 401: this access token is no good any more.  Refresh now, unless that was done meanwhile.
CREATE FUNCTION token_refused(p_installation text, p_generation bigint)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
	UPDATE token SET refresh_after = now() WHERE installation_id = p_installation
		AND generation = p_generation AND refresh_after > now();
END;
COMMENT ON FUNCTION token_refused IS 'Make a token due for refresh at once';

CREATE FUNCTION token_failed(p_installation text, p_generation bigint, p_error text, p_delay_ms bigint)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
	UPDATE token SET claimed_by = NULL, claimed_until = NULL, failures = failures + 1,
		last_error = CASE last_error WHEN 'sealed' THEN last_error ELSE p_error END,
		last_error_at = now(), refresh_after = now() + make_interval(secs => p_delay_ms / 1000.0)
	WHERE installation_id = p_installation AND generation = p_generation;
END;
COMMENT ON FUNCTION token_failed IS 'A refresh failed for now: try again after the delay';

-- The platform's word that the grant is dead.  Only linking again helps;
-- devices, history and sessions stay.  One that waits for its uninstall is
-- forgotten: there is nothing left to tell the platform with.
CREATE FUNCTION token_dead(p_installation text, p_generation bigint, p_error text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE token t SET claimed_by = NULL, claimed_until = NULL, failures = t.failures + 1, last_error = p_error,
		last_error_at = now() WHERE t.installation_id = p_installation AND t.generation = p_generation;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF EXISTS (SELECT 1 FROM installation i WHERE i.installation_id = p_installation AND i.status = 'removed') THEN
		PERFORM installation_erase(p_installation, false);
		RETURN true;
	END IF;
	UPDATE installation i SET status = 'needs_reauth', seq = i.seq + 1, status_seq = i.seq + 1
		WHERE i.installation_id = p_installation AND i.status IN ('linking', 'active');
	PERFORM command_failed(c.installation_id, c.command_id, 'reconnect') FROM command c
		WHERE c.installation_id = p_installation AND c.status IN ('requested', 'sent');
	RETURN true;
END $$;
COMMENT ON FUNCTION token_dead IS 'The platform refused the refresh token for good: needs_reauth';

-- Seal keys ---------------------------------------------------------------

-- Is a row sealed with another key than the one that seals now, or marked as one that nothing opens?
-- Two ends of an index, so that it may be asked again and again.
CREATE FUNCTION token_seal_due(p_key text)
RETURNS boolean LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce((SELECT min(t.seal_key_id) FROM token t) <> p_key OR (SELECT max(t.seal_key_id) FROM token t) <> p_key, false)
		OR EXISTS (SELECT 1 FROM token t WHERE t.last_error = 'sealed');
END;
COMMENT ON FUNCTION token_seal_due IS 'May a token have to be sealed anew, with this key';

-- Those rows, in the order of their ids, after "p_after".
CREATE FUNCTION token_seal_next(p_key text, p_after text, p_limit integer)
RETURNS TABLE (installation_id text, generation bigint, seal_key_id text, access_sealed bytea,
	refresh_sealed bytea, marked boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT t.installation_id::text, t.generation, t.seal_key_id, t.access_sealed, t.refresh_sealed,
		t.last_error IS NOT DISTINCT FROM 'sealed' FROM token t
		WHERE t.installation_id > p_after AND (t.seal_key_id <> p_key OR t.last_error = 'sealed')
		ORDER BY t.installation_id LIMIT p_limit;
END;
COMMENT ON FUNCTION token_seal_next IS 'Tokens to be sealed anew, with this key';

-- Swap a sealed pair for the same pair under another key.  False: another pair
-- is there by now, which must not be touched (a generation alone does not
-- tell: a location that was removed and linked again counts from 1).  Who was
-- asked to reconnect only for want of a key need not any more.
CREATE FUNCTION token_reseal(p_installation text, p_generation bigint, p_old_refresh bytea, p_access bytea,
	p_refresh bytea, p_key text)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_error text;
BEGIN
	SELECT t.last_error INTO v_error FROM token t WHERE t.installation_id = p_installation
		AND t.generation = p_generation AND t.refresh_sealed = p_old_refresh FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE token t SET access_sealed = p_access, refresh_sealed = p_refresh, seal_key_id = p_key,
		last_error = nullif(t.last_error, 'sealed') WHERE t.installation_id = p_installation;
	IF v_error = 'sealed' THEN
		UPDATE installation i SET seq = i.seq + 1, status_seq = i.seq + 1,
			status = CASE WHEN i.synced_at IS NULL THEN 'linking' ELSE 'active' END
			WHERE i.installation_id = p_installation AND i.status = 'needs_reauth';
	END IF;
	RETURN true;
END $$;
COMMENT ON FUNCTION token_reseal IS 'Replace a sealed pair of tokens by the same pair under another key, unless a newer one is there';

-- No key that this worker has opens the row.  It stays as it is, for the key
-- may come back; meanwhile only linking again helps.  True: that is news.
CREATE FUNCTION token_unopened(p_installation text, p_generation bigint, p_old_refresh bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM token t WHERE t.installation_id = p_installation AND t.generation = p_generation
		AND t.refresh_sealed = p_old_refresh FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE installation i SET status = 'needs_reauth', seq = i.seq + 1, status_seq = i.seq + 1
		WHERE i.installation_id = p_installation AND i.status IN ('linking', 'active');
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE token t SET claimed_by = NULL, claimed_until = NULL, last_error = 'sealed', last_error_at = now()
		WHERE t.installation_id = p_installation;
	PERFORM command_failed(c.installation_id, c.command_id, 'reconnect') FROM command c
		WHERE c.installation_id = p_installation AND c.status IN ('requested', 'sent');
	RETURN true;
END $$;
COMMENT ON FUNCTION token_unopened IS 'No key opens these tokens: needs_reauth, until the key is back or the location linked again';

-- Device sync -------------------------------------------------------------

CREATE FUNCTION sync_progress(p_installation text, p_state text, p_found integer, p_error text)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
	UPDATE installation SET sync_state = p_state, sync_found = p_found, sync_error = p_error,
		seq = seq + 1, sync_seq = seq + 1
	WHERE installation_id = p_installation AND status <> 'removed';
END;
COMMENT ON FUNCTION sync_progress IS 'Show how far a device sync is';

-- What a sync needs to know before it calls, and which names it should read
-- again.  subscribing: the first sync should wait, for not long: what is
-- switched between its reading and the subscriptions would never be told.
CREATE FUNCTION sync_plan(p_installation text)
RETURNS TABLE (location_id text, want_location boolean, want_rooms boolean, started_at text, subscribing boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT i.location_id::text,
		i.synced_at IS NULL OR i.location_name IS NULL OR i.location_read_at IS NULL
			OR i.location_read_at < now() - interval '1 day',
		i.synced_at IS NULL OR i.rooms_read_at IS NULL OR i.rooms_read_at < now() - interval '2 minutes',
		clock_timestamp()::text,
		i.synced_at IS NULL AND i.linked_at > now() - interval '20 seconds'
			AND EXISTS (SELECT 1 FROM job j WHERE j.installation_id = i.installation_id
				AND j.kind = 'subscription_sync' AND coalesce(j.last_error, 'not_found') = 'not_found')
	FROM installation i WHERE i.installation_id = p_installation AND i.status <> 'removed';
END;
COMMENT ON FUNCTION sync_plan IS 'What is known of an installation before a sync';

-- The platform told which location an installation is of; the subscriptions wait for it.
CREATE FUNCTION installation_set_location(p_installation text, p_location text)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
	UPDATE installation SET location_id = p_location WHERE installation_id = p_installation AND status <> 'removed';
END;
COMMENT ON FUNCTION installation_set_location IS 'Record the location of an installation';

-- The switches in a device list, one row each.
CREATE FUNCTION sync_switches(p_devices jsonb)
RETURNS TABLE (device text, component text, label text, place integer, has_level boolean, state text,
	state_at timestamptz, level integer, level_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT DISTINCT ON (x ->> 'device', s ->> 'component') x ->> 'device', s ->> 'component', s ->> 'label', n::integer,
		coalesce((s ->> 'has_level')::boolean, false), s ->> 'state', (s ->> 'state_at')::timestamptz,
		(s ->> 'level')::integer, (s ->> 'level_at')::timestamptz
	FROM jsonb_array_elements(p_devices) x, jsonb_array_elements(x -> 'switches') WITH ORDINALITY AS y (s, n);
END;
COMMENT ON FUNCTION sync_switches IS 'The switches in a device list, one row each';

-- Apply a complete sync in one transaction: p_devices as device.h describes
-- them, p_rooms or null when they were not read.  States of the sync yield to
-- events that are newer.  Devices that are not in the list disappear.
CREATE FUNCTION sync_apply(p_installation text, p_started timestamptz, p_location text, p_location_name text,
	p_rooms jsonb, p_devices jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_seq       bigint;
	v_structure boolean := false;
	v_effect    integer := 0;
	e           record;
BEGIN
	SELECT i.seq + 1 INTO v_seq FROM installation i
		WHERE i.installation_id = p_installation AND i.status <> 'removed' FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;

	IF p_rooms IS NOT NULL THEN
		DELETE FROM room r WHERE r.installation_id = p_installation
			AND r.room_id NOT IN (SELECT x ->> 'room' FROM jsonb_array_elements(p_rooms) x);
		v_structure := v_structure OR FOUND;
		INSERT INTO room AS r (installation_id, room_id, name)
			SELECT DISTINCT ON (x ->> 'room') p_installation, x ->> 'room', x ->> 'name' FROM jsonb_array_elements(p_rooms) x
			ON CONFLICT (installation_id, room_id) DO UPDATE SET name = excluded.name WHERE r.name <> excluded.name;
		v_structure := v_structure OR FOUND;
	END IF;

	DELETE FROM device d WHERE d.installation_id = p_installation
		AND d.device_id NOT IN (SELECT x ->> 'device' FROM jsonb_array_elements(p_devices) x);
	v_structure := v_structure OR FOUND;
	INSERT INTO device AS d (installation_id, device_id, name, room_id, online, health_at, health_tick)
		SELECT DISTINCT ON (x.device) p_installation, x.device, x.name, x.room, x.online, x.health_at, stamp_tick(x.health_at)
		FROM jsonb_to_recordset(p_devices) AS x (device text, name text, room text, online boolean, health_at timestamptz)
		ON CONFLICT (installation_id, device_id) DO UPDATE SET name = excluded.name, room_id = excluded.room_id
			WHERE (d.name, d.room_id) IS DISTINCT FROM (excluded.name, excluded.room_id);
	v_structure := v_structure OR FOUND;

	DELETE FROM switch w WHERE w.installation_id = p_installation AND NOT EXISTS (SELECT 1 FROM sync_switches(p_devices) s
		WHERE s.device = w.device_id AND s.component = w.component);
	v_structure := v_structure OR FOUND;
	INSERT INTO switch AS w (installation_id, device_id, component, label, position, has_level, seq)
		SELECT p_installation, s.device, s.component, s.label, s.place, s.has_level, v_seq FROM sync_switches(p_devices) s
		ON CONFLICT (installation_id, device_id, component) DO UPDATE
			SET label = excluded.label, position = excluded.position, has_level = excluded.has_level, seq = v_seq
			WHERE (w.label, w.position, w.has_level) IS DISTINCT FROM (excluded.label, excluded.position, excluded.has_level);
	v_structure := v_structure OR FOUND;

	-- A status without a time says what is true as of the sync.  On a tie the
	-- sync wins over what was stored before it began.
	UPDATE switch w SET state = s.state, state_at = coalesce(s.state_at, p_started), state_tick = stamp_tick(s.state_at),
		state_stored_at = clock_timestamp(), seq = v_seq
	FROM sync_switches(p_devices) s
	WHERE w.installation_id = p_installation AND w.device_id = s.device AND w.component = s.component
		AND s.state IS NOT NULL AND (w.state IS DISTINCT FROM s.state OR w.state_at IS NULL)
		AND CASE stamp_compare(coalesce(s.state_at, p_started), stamp_tick(s.state_at), w.state_at, w.state_tick)
			WHEN 1 THEN true WHEN 0 THEN w.state_stored_at < p_started ELSE false END;
	UPDATE switch w SET level = s.level, level_at = coalesce(s.level_at, p_started), level_tick = stamp_tick(s.level_at),
		level_stored_at = clock_timestamp(), seq = v_seq
	FROM sync_switches(p_devices) s
	WHERE w.installation_id = p_installation AND w.device_id = s.device AND w.component = s.component
		AND s.level IS NOT NULL AND (w.level IS DISTINCT FROM s.level OR w.level_at IS NULL)
		AND CASE stamp_compare(coalesce(s.level_at, p_started), stamp_tick(s.level_at), w.level_at, w.level_tick)
			WHEN 1 THEN true WHEN 0 THEN w.level_stored_at < p_started ELSE false END;
	WITH news AS (
		UPDATE device d SET online = x.online, health_at = coalesce(x.health_at, p_started),
			health_tick = stamp_tick(x.health_at)
		FROM jsonb_to_recordset(p_devices) AS x (device text, online boolean, health_at timestamptz)
		WHERE d.installation_id = p_installation AND d.device_id = x.device AND x.online IS NOT NULL
			AND d.online IS DISTINCT FROM x.online
			AND stamp_compare(coalesce(x.health_at, p_started), stamp_tick(x.health_at), d.health_at, d.health_tick) >= 0
		RETURNING d.device_id)
	UPDATE switch w SET seq = v_seq FROM news n WHERE w.installation_id = p_installation AND w.device_id = n.device_id;

	-- Events that came while the list was being read may have found no row to change.
	FOR e IN SELECT * FROM event v WHERE v.installation_id = p_installation AND v.received_at >= p_started
		AND v.event_type IN ('DEVICE_EVENT', 'DEVICE_HEALTH_EVENT')
		AND v.event_time > p_started - interval '1 day' ORDER BY v.received_at, v.event_time, v.event_tick
	LOOP
		v_effect := v_effect | event_apply(p_installation, v_seq, e.event_type, e.event_time, e.event_tick, e.device_id,
			e.component, e.capability, e.attribute, e.value, e.detail);
	END LOOP;

	UPDATE installation i SET seq = v_seq, sync_seq = v_seq, sync_state = 'done', sync_error = NULL,
		sync_found = jsonb_array_length(p_devices), synced_at = p_started,
		location_read_at = CASE WHEN p_location_name IS NULL THEN i.location_read_at ELSE now() END,
		rooms_read_at = CASE WHEN p_rooms IS NULL THEN i.rooms_read_at ELSE now() END,
		location_id = coalesce(p_location, i.location_id), location_name = coalesce(p_location_name, i.location_name),
		structure_seq = CASE WHEN v_structure OR i.synced_at IS NULL
			OR i.location_name IS DISTINCT FROM coalesce(p_location_name, i.location_name)
			THEN v_seq ELSE i.structure_seq END,
		status_seq = CASE WHEN i.status = 'linking' THEN v_seq ELSE i.status_seq END,
		status = CASE WHEN i.status = 'linking' THEN 'active' ELSE i.status END
		WHERE i.installation_id = p_installation;
	RETURN true;
END $$;
COMMENT ON FUNCTION sync_apply IS 'Bring devices, rooms and states to what a complete sync read';

-- Is a device in a room whose name is not known?  Then the rooms must be read again.
CREATE FUNCTION sync_lacks_rooms(p_installation text)
RETURNS boolean LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT 1 FROM device d WHERE d.installation_id = p_installation AND d.room_id IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM room r WHERE r.installation_id = d.installation_id AND r.room_id = d.room_id));
END;
COMMENT ON FUNCTION sync_lacks_rooms IS 'Is a device in a room whose name is not known';

-- Subscriptions as the platform listed them just now: [{"id","source","capability","attribute","name"}].
-- What happened before a new one was there has come by no webhook: the devices are read (again).
CREATE FUNCTION subscription_replace(p_installation text, p_subscriptions jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT 1 FROM jsonb_array_elements(p_subscriptions) x WHERE x ->> 'id' NOT IN
		(SELECT s.subscription_id FROM subscription s WHERE s.installation_id = p_installation)) THEN
		PERFORM job_put(p_installation, 'device_sync');
	END IF;
	DELETE FROM subscription s WHERE s.installation_id = p_installation
		AND s.subscription_id NOT IN (SELECT x ->> 'id' FROM jsonb_array_elements(p_subscriptions) x);
	INSERT INTO subscription (installation_id, subscription_id, source_type, capability, attribute, name)
		SELECT p_installation, x.id, coalesce(x.source, '?'), x.capability, x.attribute, x.name
		FROM jsonb_to_recordset(p_subscriptions) AS x (id text, source text, capability text, attribute text, name text)
		ON CONFLICT (installation_id, subscription_id) DO UPDATE SET source_type = excluded.source_type,
			capability = excluded.capability, attribute = excluded.attribute, name = excluded.name, seen_at = now();
END $$;
COMMENT ON FUNCTION subscription_replace IS 'Record the subscriptions the platform has for an installation; new ones ask for a device sync';

CREATE FUNCTION confirmation_claim(p_worker text, p_limit integer)
RETURNS TABLE (confirmation_hash bytea, url text, attempts integer)
LANGUAGE sql AS $$
	WITH taken AS (
		SELECT f.confirmation_hash FROM confirmation f WHERE f.confirmed_at IS NULL AND f.run_at <= now()
			AND (f.claimed_until IS NULL OR f.claimed_until < now())
		ORDER BY f.run_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
	UPDATE confirmation f SET claimed_by = p_worker, claimed_until = now() + interval '60 seconds'
	FROM taken t WHERE f.confirmation_hash = t.confirmation_hash
	RETURNING f.confirmation_hash, f.url, f.attempts
$$;
COMMENT ON FUNCTION confirmation_claim IS 'Give a worker confirmation addresses to fetch';

-- Done when p_error is null; else tried again after the delay, and dropped after ten tries.
CREATE FUNCTION confirmation_finish(p_hash bytea, p_error text, p_delay_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF p_error IS NULL THEN
		UPDATE confirmation SET confirmed_at = now(), url = NULL, claimed_by = NULL, claimed_until = NULL, last_error = NULL
			WHERE confirmation_hash = p_hash;
	ELSE
		UPDATE confirmation SET attempts = attempts + 1, claimed_by = NULL, claimed_until = NULL, last_error = p_error,
			run_at = now() + make_interval(secs => p_delay_ms / 1000.0) WHERE confirmation_hash = p_hash;
		DELETE FROM confirmation WHERE confirmation_hash = p_hash AND attempts >= 10;
	END IF;
	DELETE FROM confirmation WHERE confirmed_at < now() - interval '30 days';
END $$;
COMMENT ON FUNCTION confirmation_finish IS 'Record the outcome of a confirmation fetch';

-- Calls made in this month (UTC), for the budget.
CREATE FUNCTION api_calls_this_month()
RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	SELECT coalesce(sum(calls), 0)::bigint FROM api_call
		WHERE day >= date_trunc('month', now() AT TIME ZONE 'UTC')::date;
END;
COMMENT ON FUNCTION api_calls_this_month IS 'Calls made to the platform since the month began (UTC)';
