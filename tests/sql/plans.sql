-- What runs for each webhook, page view, stream and command looks rows up by an index, however many
-- installations there are.  EXPLAIN does not see into functions: each call is run as
-- often as it takes to get its final plan, and PostgreSQL's own counters of this transaction say
-- which tables were read from end to end.
BEGIN;
\ir fixture.psql
SELECT plan(48);

-- 3000 installations beside the one of the fixture: too many rows in each table below to read them all.
CREATE TEMP TABLE many ON COMMIT DROP AS SELECT 'many-' || n AS id, n FROM generate_series(1, 3000) AS n;
INSERT INTO user_account (owner_id) SELECT id FROM many;
INSERT INTO installation (installation_id, user_id, status, sync_state, synced_at)
	SELECT m.id, u.user_id, 'active', 'done', now() FROM many m JOIN user_account u ON u.owner_id = m.id;
INSERT INTO access (installation_id, user_id, role)
	SELECT m.id, u.user_id, 'owner' FROM many m JOIN user_account u ON u.owner_id = m.id;
INSERT INTO session (session_hash, user_id, expires_at)
	SELECT pg_temp.hash(m.id), u.user_id, now() + interval '1 day' FROM many m JOIN user_account u ON u.owner_id = m.id;
INSERT INTO token (installation_id, access_sealed, refresh_sealed, seal_key_id, scope, expires_at, refresh_expires_at)
	SELECT id, '\x01', '\x02', 'k1', 'all', now() + interval '1 day', now() + interval '30 days'
	FROM many;
-- A third of the work is due, a third can not be done, the rest is for later.
INSERT INTO work (installation_id, kind, priority, run_at, waits_for)
	SELECT id, kind, 2, CASE WHEN n % 3 = 2 THEN now() + interval '1 hour' ELSE now() - interval '1 hour' END,
		CASE n % 3 WHEN 0 THEN 'link' END
	FROM many, unnest(ARRAY['device_sync', 'subscription_sync', 'refresh']) AS kind;
INSERT INTO room (installation_id, room_id, name) SELECT id, 'r1', 'Kitchen' FROM many;
INSERT INTO device (installation_id, device_id, name, room_id, online)
	SELECT id, 'lamp-' || d, 'Lamp', 'r1', true FROM many, generate_series(1, 4) AS d;
INSERT INTO switch (installation_id, device_id, component, state, state_at, seq)
	SELECT id, 'lamp-' || d, 'main', 'off', now() - interval '1 hour', 1 FROM many, generate_series(1, 4) AS d;
INSERT INTO event (installation_id, event_time, event_id, event_type, device_id, component, capability, attribute, value)
	SELECT id, now() - interval '3 days' * e / 8, gen_random_uuid(), 'DEVICE_EVENT', 'lamp-1', 'main', 'switch', 'switch', '"on"'
	FROM many, generate_series(1, 8) AS e;
INSERT INTO command (installation_id, device_id, component, command, user_id, status, finished_at, deadline_at, seq)
	SELECT id, 'lamp-1', 'main', 'on', 1, 'confirmed', now() - interval '1 hour', now() - interval '1 hour', 1 FROM many;
INSERT INTO api_call_installation (installation_id, month, calls) SELECT id, date_trunc('month', now() AT TIME ZONE 'UTC'), 9 FROM many;
ANALYZE;

-- Tables of the schema of which "call" reads much, the eighth time: from end to end, or by an index but
-- hundreds of rows; small tables may be.  "prepare" is run before each, so that each finds work.
CREATE FUNCTION pg_temp.read_whole(call text, most bigint DEFAULT 300, prepare text DEFAULT 'SELECT') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_before jsonb;
	v_tables text;
BEGIN
	EXECUTE 'PREPARE hot AS ' || call;
	FOR i IN 1 .. 8 LOOP
		EXECUTE prepare;
		SELECT jsonb_object_agg(s.relname, jsonb_build_array(s.seq_scan, coalesce(s.idx_tup_fetch, 0))) INTO v_before
			FROM pg_stat_xact_user_tables s WHERE s.schemaname = 'switchboard';
		EXECUTE 'EXECUTE hot';
	END LOOP;
	DEALLOCATE hot;
	SELECT string_agg(s.relname, ' ' ORDER BY s.relname) INTO v_tables FROM pg_stat_xact_user_tables s
		JOIN pg_class c ON c.oid = s.relid
		WHERE s.schemaname = 'switchboard' AND c.reltuples > 1000 AND (s.seq_scan > (v_before -> s.relname ->> 0)::bigint
			OR s.idx_tup_fetch > (v_before -> s.relname ->> 1)::bigint + most);
	RETURN coalesce(v_tables, '');
END $$;
CREATE FUNCTION pg_temp.an_event(p_type text, p_capability text, p_value text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT * FROM pg_temp.ingest(''many-7'', jsonb_build_array(jsonb_build_object(''id'', gen_random_uuid(),
		''at'', now(), ''type'', %L, ''device'', ''lamp-1'', ''component'', ''main'', ''capability'', %L,
		''attribute'', %L, ''value'', %s)))', p_type, p_capability,
		CASE p_capability WHEN 'switchLevel' THEN 'level' ELSE 'switch' END, p_value) $$;

SELECT is(pg_temp.read_whole('SELECT count(*) FROM switch WHERE state = ''off'''), 'switch', 'a table read whole is noticed');
SELECT isnt((SELECT user_id FROM user_account WHERE owner_id = 'many-7'), NULL, 'there are many');

-- Webhooks.
SELECT is(pg_temp.read_whole(pg_temp.an_event('DEVICE_EVENT', 'switch', '''on''')), '', 'a switch event');
SELECT is(pg_temp.read_whole(pg_temp.an_event('DEVICE_EVENT', 'switchLevel', '40')), '', 'a level event');
SELECT is(pg_temp.read_whole(pg_temp.an_event('DEVICE_HEALTH_EVENT', '', '''OFFLINE''')), '', 'a health event');
SELECT is(pg_temp.read_whole(replace(pg_temp.an_event('DEVICE_LIFECYCLE_EVENT', '', '''DELETE'''), 'lamp-1', 'lamp-4')), '',
	'a lifecycle event');

SELECT is(pg_temp.read_whole($$ SELECT * FROM event_ingest(ARRAY['many-7', 'many-8', 'many-9', 'many-7'], jsonb_build_array(
	jsonb_build_array(pg_temp.switch_event(gen_random_uuid()::text, now(), NULL, 'lamp-1', 'on')),
	jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000001', now(), NULL, 'lamp-1', 'on')),
	jsonb_build_array(pg_temp.switch_event(gen_random_uuid()::text, now(), NULL, 'unheard-of', 'on')),
	jsonb_build_array(pg_temp.switch_event(gen_random_uuid()::text, now(), NULL, 'lamp-2', 'off')))) $$), '', 'several webhooks together');
SELECT is(pg_temp.read_whole($$ SELECT * FROM event_ingest(ARRAY['many-7', 'many-8', 'many-9'], (SELECT jsonb_agg(jsonb_build_array(
	pg_temp.switch_event(gen_random_uuid()::text, now(), NULL, 'lamp-3', 'on'))) FROM generate_series(1, 3))) $$), '', 'the same of installations without open commands');
SELECT is(pg_temp.read_whole($$ SELECT event_locked(ARRAY['many-7', 'many-8', 'many-9']) $$), '', 'event_locked');
SELECT is(pg_temp.read_whole($$ SELECT count(*) FROM switch WHERE installation_id >= '' $$), 'switch', 'a table read whole by its index is noticed');

-- The page.
SELECT is(pg_temp.read_whole('SELECT * FROM session_load(pg_temp.hash(''many-7''))'), '', 'session_load');
SELECT is(pg_temp.read_whole(format('SELECT i.location_name, i.status, i.seq FROM access a
	JOIN installation i ON i.installation_id = a.installation_id WHERE a.user_id = %s AND i.status <> ''removed''
	ORDER BY i.location_name NULLS LAST, i.installation_id',
	(SELECT user_id FROM user_account WHERE owner_id = 'many-7'))), '', 'installation_list');
SELECT is(pg_temp.read_whole($$ SELECT s.*, (s.device_id, s.component) IN (SELECT c.device_id, c.component
	FROM command_pending c WHERE c.installation_id = 'many-7') FROM switch_page s WHERE s.installation_id = 'many-7' $$), '',
	'switch_list');
SELECT is(pg_temp.read_whole(format('SELECT * FROM switch_history(%s, ''lamp-1'', ''main'', 24)',
	(SELECT user_id FROM user_account WHERE owner_id = 'many-7'))), '', 'switch_history');
SELECT is(pg_temp.read_whole(format('SELECT switch_is_of(%s, ''lamp-1'', ''main'')',
	(SELECT user_id FROM user_account WHERE owner_id = 'many-7'))), '', 'switch_is_of');
SELECT is(pg_temp.read_whole(format('SELECT location_is_of(%s, ''Kitchen'', ''many-7'')',
	(SELECT user_id FROM user_account WHERE owner_id = 'many-7'))), '', 'location_is_of');

-- Streams.
SELECT is(pg_temp.read_whole('SELECT * FROM page_changes(ARRAY[''many-7'', ''many-8''], ARRAY[0, 0]::bigint[])'), '', 'page_changes');
SELECT is(pg_temp.read_whole('SELECT * FROM session_reach(ARRAY[pg_temp.hash(''many-7''), pg_temp.hash(''many-8'')])'), '',
	'session_reach');
SELECT is(pg_temp.read_whole('SELECT session_seen(ARRAY[pg_temp.hash(''many-7''), pg_temp.hash(''many-8'')])'), '', 'session_seen');

-- Commands.
SELECT is(pg_temp.read_whole(format('SELECT * FROM command_request(%s, ''lamp-1'', ''main'', ''off'', NULL, 30000)',
	(SELECT user_id FROM user_account WHERE owner_id = 'many-7'))), '', 'command_request');
SELECT is(pg_temp.read_whole(format('SELECT * FROM command_request_many(%s, ''on'', ''Kitchen'', NULL, 30000)',
	(SELECT user_id FROM user_account WHERE owner_id = 'many-7'))), '', 'command_request_many');
SELECT is(pg_temp.read_whole('SELECT * FROM command_claim(''w'', 50, 10, 32)'), '', 'command_claim');
SELECT is(pg_temp.read_whole('SELECT command_accepted(''many-7'', (SELECT command_id FROM command
	WHERE installation_id = ''many-7'' AND status = ''sent'' LIMIT 1))'), '', 'command_accepted');
SELECT is(pg_temp.read_whole('SELECT command_failed(''many-7'', (SELECT command_id FROM command
	WHERE installation_id = ''many-7'' AND status = ''sent'' LIMIT 1), ''refused'')'), '', 'command_failed');
SELECT is(pg_temp.read_whole('SELECT * FROM command_overdue(10000)'), '', 'command_overdue');
SELECT is(pg_temp.read_whole('SELECT command_fail_overdue(''many-7'', ARRAY(SELECT command_id FROM command
	WHERE installation_id = ''many-7'' AND status = ''sent'' LIMIT 1), ARRAY[''expired''])'), '', 'command_fail_overdue');
SELECT is(pg_temp.read_whole('SELECT command_prune()'), '', 'command_prune');

-- The worker's queue.
SELECT is(pg_temp.read_whole('SELECT * FROM token_load(''many-7'')'), '', 'token_load');
SELECT is(pg_temp.read_whole('SELECT * FROM token_to_refresh(''many-7'')'), '', 'token_to_refresh');
SELECT is(pg_temp.read_whole('SELECT * FROM work_claim(''w'', 2, 8)'), '', 'work_claim of upkeep');
SELECT is(pg_temp.read_whole('SELECT * FROM work_claim(''w'', 0, 16)'), '', 'work_claim of what people wait for');
SELECT is(pg_temp.read_whole('SELECT work_next_ms(''{t,t,t}'', true)'), '', 'work_next_ms');
SELECT is(pg_temp.read_whole('SELECT work_put(''many-7'', ''device_sync'', 1)'), '', 'work_put');
SELECT is(pg_temp.read_whole('SELECT work_done(''many-7'', ''device_sync'', 7, 1)'), '', 'work_done');
SELECT is(pg_temp.read_whole('SELECT work_wait_for_token(''many-7'', ''device_sync'', 7)'), '', 'work_wait_for_token');
SELECT is(pg_temp.read_whole('SELECT token_refused(''many-7'', 1, 0, 0)'), '', 'token_refused');
SELECT is(pg_temp.read_whole('SELECT worker_release(''w'', true, true, true, true, false, 8000)', 200), '', 'worker_release');
SELECT is(pg_temp.read_whole($$ SELECT count(*) FROM token_spooled((SELECT array_agg('many-' || n) FROM generate_series(1, 100) n),
	(SELECT array_agg(1::bigint) FROM generate_series(1, 100) n)) $$), '', 'token_spooled, of a hundred');
SELECT is(pg_temp.read_whole('SELECT api_call_used(''many-7'')'), '', 'api_call_used');
SELECT is(pg_temp.read_whole('SELECT api_call_count_many(ARRAY[''many-7'', ''many-8''], ARRAY[''GET /devices'', ''GET /devices''], ARRAY[200, 200])'), '',
	'api_call_count_many');

-- All switches of a large location at once, which statistics made while nothing was waiting do not show: each row a few times.
INSERT INTO device (installation_id, device_id, name, online) SELECT 'many-11', 'hall-' || d, 'Lamp', true FROM generate_series(1, 200) AS d;
INSERT INTO switch (installation_id, device_id, component, state, state_at, seq)
	SELECT 'many-11', 'hall-' || d, 'main', 'off', now() - interval '1 hour', 1 FROM generate_series(1, 200) AS d;
SELECT is(pg_temp.read_whole(format('SELECT * FROM command_request_many(%s, ''on'', NULL, NULL, 30000)',
	(SELECT user_id FROM user_account WHERE owner_id = 'many-11')), 5000), '', 'command_request_many of 200 switches');
SELECT is(pg_temp.read_whole('SELECT * FROM command_claim(''w'', 64, 10, 32)', 5000, $$ UPDATE command SET status = 'requested', claimed_by = NULL,
	claimed_until = NULL WHERE installation_id = 'many-11' AND status = 'sent';
	UPDATE work SET run_at = now() WHERE installation_id = 'many-11' AND kind = 'command' $$), '', 'command_claim of 200 commands');
UPDATE command SET status = 'accepted', accepted_at = now() - interval '3 seconds', claimed_by = NULL, claimed_until = NULL
	WHERE installation_id = 'many-11' AND status IN ('requested', 'sent');
SELECT is(pg_temp.read_whole($$ SELECT command_fail_overdue(o.installation_id, o.commands, o.errors) FROM (
	SELECT installation_id, array_agg(command_id) AS commands, array_agg(error) AS errors FROM command_overdue(10000) GROUP BY 1) o $$, 5000), '',
	'command_overdue and command_fail_overdue with 200 commands');
SELECT is(pg_temp.read_whole($$ SELECT * FROM event_ingest(ARRAY['many-11'], (SELECT jsonb_build_array(jsonb_agg(
	pg_temp.switch_event(gen_random_uuid()::text, now(), NULL, 'hall-' || d, CASE WHEN random() < 0.5 THEN 'on' ELSE 'off' END)))
	FROM generate_series(1, 200) AS d)) $$, 5000, $$ UPDATE command SET status = 'accepted', finished_at = NULL
	WHERE installation_id = 'many-11' AND status = 'confirmed' $$), '', 'event_ingest of 200 events that confirm commands');
-- One switch among many of one installation that has far more events than the statistics know of.
INSERT INTO device (installation_id, device_id, name, online) SELECT 'many-13', 'hall-' || d, 'Lamp', true FROM generate_series(1, 20) AS d;
INSERT INTO switch (installation_id, device_id, component, state, state_at, seq)
	SELECT 'many-13', 'hall-' || d, 'main', 'off', now() - interval '1 hour', 1 FROM generate_series(1, 20) AS d;
CREATE FUNCTION pg_temp.put_events(p_table text, p_each integer, p_over interval, p_devices integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I (installation_id, event_time, event_id, event_type, device_id, component, capability, attribute, value)
		SELECT ''many-13'', now() - %L::interval * e / %s, gen_random_uuid(), ''DEVICE_EVENT'', ''hall-'' || d, ''main'', ''switch'', ''switch'',
			CASE WHEN e %% 2 = 0 THEN ''"on"'' ELSE ''"off"'' END::jsonb
		FROM generate_series(1, %s) AS e, unnest(%L::integer[]) AS d', p_table, p_over, p_each, p_each, p_devices);
END $$;
SELECT pg_temp.put_events(t, e, '6 days', ARRAY(SELECT generate_series(1, 20))) FROM (VALUES ('event', 600), ('event_stray', 100)) AS v (t, e) \g /dev/null
CREATE FUNCTION pg_temp.events_read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(coalesce(s.idx_tup_fetch, 0) + coalesce(s.seq_tup_read, 0))::bigint FROM pg_stat_xact_user_tables s WHERE s.relname ~ '^event_' $$;
CREATE FUNCTION pg_temp.read_for_history(p_hours integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	v_user   bigint := (SELECT user_id FROM user_account WHERE owner_id = 'many-13');
	v_before bigint;
BEGIN
	FOR i IN 1 .. 8 LOOP
		v_before := pg_temp.events_read();
		PERFORM * FROM switch_history(v_user, 'hall-3', 'main', p_hours);
	END LOOP;
	RETURN pg_temp.events_read() - v_before;
END $$;
SELECT is(pg_temp.read_for_history(168), 700::bigint, 'the history of a switch reads the events of that switch alone');
SELECT is(pg_temp.read_for_history(24), (SELECT count(*) FROM event_all WHERE installation_id = 'many-13' AND device_id = 'hall-3'
	AND event_time > now() - interval '24 hours'), 'and of the time in question');
SELECT pg_temp.put_events('event', 10500, '1 day', '{3}') \g /dev/null
-- One more of each table may be at hand.
SELECT ok(pg_temp.read_for_history(24) BETWEEN 10000 AND 10003, 'and no more than are wanted');
ANALYZE;
SELECT ok(pg_temp.read_for_history(24) BETWEEN 10000 AND 10003, 'also when the statistics know of them');
SELECT * FROM finish();
ROLLBACK;
