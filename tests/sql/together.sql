-- Webhooks that are stored together end as they would have one after another.
BEGIN;
\ir fixture.psql
SELECT plan(38);

-- Two groups of three installations, alike: the events of the first come one by one, of the second together.
CREATE FUNCTION pg_temp.make_home(p_home text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.link(p_home, 'owner-of-' || p_home, 'cookie of ' || p_home);
	PERFORM sync_apply(p_home, now() - interval '1 hour', 'location', 'Home', '[{"room":"r1","name":"Kitchen"}]',
		(SELECT jsonb_agg(pg_temp.sync_device('lamp-' || n, 'Lamp', 'off', now() - interval '2 hours', 'r1'))
			FROM generate_series(0, 3) n));
END $$;
SELECT pg_temp.make_home(g || '-' || n) FROM unnest(ARRAY['one', 'all']) g, generate_series(0, 2) n \g /dev/null

-- A random event, of few switches and few seconds, so that much of it meets; one in five again.
CREATE FUNCTION pg_temp.random_event(p_n integer) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object('id', format('00000000-0000-1000-8000-%s', lpad(m::text, 12, '0')),
		'at', date_trunc('second', now()) - (m % 7) * interval '1 second',
		'tick', CASE WHEN m % 5 > 0 THEN 10000001 + m * 7 % 1000 END,
		'type', CASE k WHEN 0 THEN 'DEVICE_HEALTH_EVENT' WHEN 1 THEN 'DEVICE_LIFECYCLE_EVENT' WHEN 2 THEN 'MODE_EVENT'
			ELSE 'DEVICE_EVENT' END,
		'device', CASE WHEN k = 1 THEN 'lamp-3' WHEN k = 3 THEN 'unknown' ELSE 'lamp-' || m % 3 END, 'component', 'main',
		'capability', CASE WHEN k > 14 THEN 'switchLevel' WHEN k = 4 THEN 'battery' ELSE 'switch' END,
		'attribute', CASE WHEN k > 14 THEN 'level' ELSE 'switch' END,
		'value', CASE WHEN k = 0 THEN (ARRAY['"ONLINE"', '"OFFLINE"'])[1 + m % 2] WHEN k = 1 THEN '"UPDATE"'
			WHEN k > 14 THEN (m % 120)::text ELSE (ARRAY['"on"', '"off"', '"on"', '"broken"'])[1 + m % 4] END::jsonb)
	FROM (SELECT p_n - (random() < 0.2)::integer AS m OFFSET 0) o, LATERAL (SELECT CASE WHEN current_setting('test.plain', true) = 'yes' THEN 5 + m % 9 ELSE m % 1000 * 7919 % 20 END AS k) r $$;

CREATE TEMP TABLE sent (n integer PRIMARY KEY, installation integer, batch integer, events jsonb, stored_one integer, stored_all integer) ON COMMIT DROP;
CREATE FUNCTION pg_temp.run(p_seed double precision) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	PERFORM setseed(p_seed);
	TRUNCATE sent;
	INSERT INTO sent (n, installation, batch, events) SELECT n, floor(random() * 3), sum((random() < 0.2)::integer) OVER (ORDER BY n),
		(SELECT jsonb_agg(pg_temp.random_event((p_seed * 1000)::integer * 1000 + n / 5 * 3 + e)) FROM generate_series(0, n % 3) e)
		FROM generate_series(1, 60) n;
	UPDATE sent SET stored_one = 0, stored_all = 0;
	IF current_setting('test.plain', true) = 'yes' THEN
		-- Installations with an open command never take the short way: it must not differ from the general one.
		UPDATE command SET status = 'failed', finished_at = now() WHERE status IN ('requested', 'sent', 'accepted');
		INSERT INTO command (installation_id, device_id, component, command, user_id, status, sent_at, deadline_at, seq)
			SELECT 'one-' || h, 'elsewhere', 'main', 'on', current_setting('test.user')::bigint, 'sent', now(), now() + interval '30 seconds', 1
			FROM generate_series(0, 2) h;
	ELSE
		-- Commands under way, whose confirmation must not depend on it either.
		INSERT INTO command (installation_id, command_id, device_id, component, command, level, user_id, status, sent_at, deadline_at, seq)
			SELECT g || '-' || h, md5(g || p_seed || h || d || c)::uuid, 'lamp-' || d, 'main', c, CASE c WHEN 'setLevel' THEN 40 END,
				current_setting('test.user')::bigint, 'sent', now() - interval '3 seconds', now() + interval '30 seconds', 1
			FROM unnest(ARRAY['one', 'all']) g, generate_series(0, 2) h, generate_series(0, 2) d, unnest(ARRAY['on', 'setLevel']) c;
	END IF;
	FOR r IN SELECT * FROM sent ORDER BY n LOOP
		UPDATE sent SET stored_one = (pg_temp.ingest('one-' || r.installation, r.events)).stored WHERE n = r.n;
	END LOOP;
	FOR r IN SELECT array_agg(n ORDER BY n) AS ns, array_agg('all-' || installation ORDER BY n) AS installations, jsonb_agg(events ORDER BY n) AS events
		FROM sent GROUP BY batch ORDER BY batch LOOP
		UPDATE sent s SET stored_all = m.stored FROM event_ingest(r.installations, r.events) WITH ORDINALITY AS m (known, stored, page, work, removed, position)
			WHERE s.n = r.ns[m.position];
	END LOOP;
END $$;
CREATE FUNCTION pg_temp.outcome(p_group text) RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_pretty(jsonb_build_object(
		'switches', (SELECT jsonb_agg(jsonb_build_array(right(installation_id, 1), device_id, state, state_at, state_tick, level, level_at,
			level_tick) ORDER BY installation_id, device_id) FROM switch WHERE installation_id ~ p_group),
		'devices', (SELECT jsonb_agg(jsonb_build_array(right(installation_id, 1), device_id, online, health_at) ORDER BY installation_id,
			device_id) FROM device WHERE installation_id ~ p_group),
		'commands', (SELECT jsonb_agg(jsonb_build_array(right(installation_id, 1), device_id, command, status) ORDER BY installation_id,
			device_id, command, status) FROM command WHERE installation_id ~ p_group AND device_id <> 'elsewhere'),
		'events', (SELECT jsonb_agg(jsonb_build_array(right(installation_id, 1), event_id) ORDER BY installation_id, event_time, event_id)
			FROM event WHERE installation_id ~ p_group),
		'jobs', (SELECT jsonb_agg(jsonb_build_array(right(installation_id, 1), kind, run_at) ORDER BY installation_id, kind)
			FROM work WHERE installation_id ~ p_group AND kind = 'device_sync'))) $$;
SELECT pg_temp.run(0.5) \g /dev/null
SELECT is(pg_temp.outcome('^all-'), pg_temp.outcome('^one-'), 'sixty webhooks in bunches end as one by one');
SELECT ok((SELECT count(DISTINCT status) = 2 FROM command WHERE installation_id ~ '^all-'), 'some commands were confirmed, some not');
SELECT ok((SELECT count(*) FROM event WHERE installation_id ~ '^all-')
	BETWEEN 20 AND (SELECT sum(jsonb_array_length(events)) - 20 FROM sent), 'their events are stored, many came twice');
SELECT is((SELECT count(*) FROM sent WHERE stored_all <> stored_one), 0::bigint, 'each brought as many new ones');
CREATE FUNCTION pg_temp.differs(p_seed double precision) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.run(p_seed);
	RETURN pg_temp.outcome('^all-') <> pg_temp.outcome('^one-') OR EXISTS (SELECT 1 FROM sent WHERE stored_all <> stored_one);
END $$;
SELECT is(ARRAY(SELECT n FROM generate_series(1, 12) n WHERE pg_temp.differs(n / 20.0 - 0.01)), '{}', 'and so with other seeds');
SELECT set_config('test.plain', 'yes', true) \g /dev/null
UPDATE command SET device_id = 'before' WHERE installation_id ~ '^(one|all)-';
DELETE FROM command WHERE device_id = 'before';
SELECT is(ARRAY(SELECT n FROM generate_series(1, 12) n WHERE pg_temp.differs(n / 20.0 - 0.02)), '{}', 'and so when nothing is sent but events of switches');
SELECT ok((SELECT bool_or(stored_all > 0) AND bool_or(stored_all < jsonb_array_length(events)) FROM sent), 'some of which came twice');

-- The answer for each.
SELECT set_config('test.seq', pg_temp.seq('home')::text, true) \g /dev/null
PREPARE several AS SELECT * FROM event_ingest(ARRAY['home', 'unknown', 'all-0', 'home', 'home'], jsonb_build_array(
	jsonb_build_array(pg_temp.switch_event('10000000-0000-1000-8000-000000000001', now(), 1, 'lamp', 'on'),
		pg_temp.switch_event('10000000-0000-1000-8000-000000000002', now(), 2, 'fan', 'on')),
	jsonb_build_array(pg_temp.switch_event('10000000-0000-1000-8000-000000000001', now(), 1, 'lamp', 'on')),
	jsonb_build_array(pg_temp.switch_event('10000000-0000-1000-8000-000000000003', now(), 3, 'unheard-of', 'on')),
	jsonb_build_array(pg_temp.switch_event('10000000-0000-1000-8000-000000000002', now(), 2, 'fan', 'on'),
		pg_temp.switch_event('10000000-0000-1000-8000-000000000004', now(), 4, 'lamp', 'off')),
	'[]'::jsonb));
SELECT results_eq('several', $$ VALUES (true, 2, true, false, false), (false, 0, false, false, false), (true, 1, false, true, false),
	(true, 1, true, false, false), (true, 0, true, false, false) $$, 'each webhook has an answer of its own, a repeated event is the first one''s');
SELECT is(pg_temp.state('lamp'), 'off', 'two events of one switch in one commit end in the later');
SELECT is(pg_temp.state('fan'), 'on', 'the other switch has its own');
SELECT is(pg_temp.seq('home'), current_setting('test.seq')::bigint + 1, 'one commit is one step of the seq');
SELECT is((SELECT count(*) FROM switch WHERE installation_id = 'home' AND seq = pg_temp.seq('home')), 2::bigint, 'of all its rows');
SELECT results_eq('several', $$ VALUES (true, 0, false, false, false), (false, 0, false, false, false), (true, 0, false, false, false),
	(true, 0, false, false, false), (true, 0, false, false, false) $$, 'all of it again changes nothing');
SELECT is(pg_temp.seq('home'), current_setting('test.seq')::bigint + 1, 'not even the seq');
SELECT is_empty($$ SELECT * FROM event_ingest('{}', '[]') $$, 'nothing is nothing');

-- An event of a switch that only looks old.
SELECT * FROM event_ingest(ARRAY['home', 'all-1'], jsonb_build_array(
	jsonb_build_array(pg_temp.switch_event('20000000-0000-1000-8000-000000000001', now() - interval '5 minutes', 1, 'lamp', 'on')),
	jsonb_build_array(pg_temp.switch_event('20000000-0000-1000-8000-000000000002', now() + interval '5 minutes', 2, 'lamp-1', 'on')))) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'off', 'an old event among others does not overwrite');
SELECT is((SELECT state FROM switch WHERE installation_id = 'all-1' AND device_id = 'lamp-1'), 'on', 'one of the future beside it does');
SELECT ok((SELECT state_at <= now() FROM switch WHERE installation_id = 'all-1' AND device_id = 'lamp-1'), 'and counts as now');
SELECT is(pg_temp.seq('home'), current_setting('test.seq')::bigint + 1, 'the installation of the old one keeps its seq');

-- Rarer things among them.
SELECT results_eq($$ SELECT known, page, work, removed FROM event_ingest(ARRAY['home', 'all-1', 'all-2', 'all-1'], jsonb_build_array(
	jsonb_build_array(jsonb_build_object('id', '30000000-0000-1000-8000-000000000001', 'at', now(), 'type', 'DEVICE_LIFECYCLE_EVENT',
		'device', 'fan', 'value', 'DELETE')),
	jsonb_build_array(pg_temp.switch_event('30000000-0000-1000-8000-000000000002', now(), 3, 'lamp-2', 'on')),
	jsonb_build_array(jsonb_build_object('id', '30000000-0000-1000-8000-000000000003', 'at', now(), 'type', 'DEVICE_LIFECYCLE_EVENT',
		'device', 'new', 'value', 'CREATE')),
	jsonb_build_array(jsonb_build_object('id', '30000000-0000-1000-8000-000000000004', 'at', now(),
		'type', 'INSTALLED_APP_LIFECYCLE_EVENT', 'value', 'DELETE')))) $$,
	$$ VALUES (true, true, false, false), (true, true, false, true), (true, false, true, false), (true, true, false, true) $$,
	'a deletion, a new device and an uninstall among others');
SELECT is((SELECT count(*) FROM device WHERE installation_id = 'home'), 1::bigint, 'the deleted device is gone');
SELECT is((SELECT structure_seq FROM installation WHERE installation_id = 'home'), pg_temp.seq('home'), 'which is a change of structure');
SELECT is((SELECT count(*) FROM work WHERE installation_id = 'all-2' AND kind = 'device_sync' AND run_at <= now() + interval '1 second'),
	1::bigint, 'a sync for the new device is queued');
SELECT is((SELECT status FROM installation WHERE installation_id = 'all-1'), 'removed', 'the uninstalled one is removed');
SELECT is((SELECT count(*) FROM device WHERE installation_id = 'all-1'), 0::bigint, 'with all that it had');
SELECT set_config('test.structure', (SELECT structure_seq FROM installation WHERE installation_id = 'all-2')::text, true) \g /dev/null
SELECT results_eq($$ SELECT page, work FROM event_ingest(ARRAY['all-2', 'all-2'], jsonb_build_array(
	jsonb_build_array(jsonb_build_object('id', '30000000-0000-1000-8000-000000000005', 'at', now() - interval '2 seconds',
		'type', 'DEVICE_LIFECYCLE_EVENT', 'device', 'lamp-3', 'value', 'DELETE')),
	jsonb_build_array(jsonb_build_object('id', '30000000-0000-1000-8000-000000000006', 'at', now() - interval '1 second',
		'type', 'DEVICE_LIFECYCLE_EVENT', 'device', 'lamp-3', 'value', 'CREATE')))) $$, $$ VALUES (false, true), (false, true) $$,
	'a device that was deleted and made again is read anew');
SELECT is((SELECT structure_seq FROM installation WHERE installation_id = 'all-2'), current_setting('test.structure')::bigint,
	'and does not disappear meanwhile');
INSERT INTO command (installation_id, device_id, component, command, user_id, status, sent_at, deadline_at, seq)
	VALUES ('all-2', 'gone', 'main', 'on', current_setting('test.user')::bigint, 'sent', now() - interval '3 seconds', now() + interval '30 seconds', 1);
SELECT ok((SELECT page FROM pg_temp.ingest('all-2', jsonb_build_array(
	pg_temp.switch_event('30000000-0000-1000-8000-000000000007', now(), 1, 'gone', 'on')))), 'an event of a switch that went since the click');
SELECT is((SELECT status FROM command WHERE device_id = 'gone'), 'confirmed', 'confirms it all the same');

-- Of two events of one switch the second is the older, from before the click, and another switch has a second one too.
INSERT INTO command (installation_id, device_id, component, command, user_id, status, requested_at, sent_at, deadline_at, seq)
	VALUES ('all-2', 'lamp-0', 'main', 'on', current_setting('test.user')::bigint, 'sent', now() + interval '30 seconds', now() + interval '31 seconds', now() + interval '1 minute', 1);
UPDATE switch SET state_at = now() - interval '1 hour', state_tick = NULL WHERE installation_id = 'all-2';
SELECT * FROM event_ingest(array_fill('all-2'::text, ARRAY[4]), jsonb_build_array(
	jsonb_build_array(pg_temp.switch_event('31000000-0000-1000-8000-000000000001', now() - interval '2 seconds', NULL, 'lamp-0', 'off')),
	jsonb_build_array(pg_temp.switch_event('31000000-0000-1000-8000-000000000002', now() - interval '9 seconds', NULL, 'lamp-0', 'on')),
	jsonb_build_array(pg_temp.switch_event('31000000-0000-1000-8000-000000000003', now() - interval '9 seconds', NULL, 'lamp-1', 'off')),
	jsonb_build_array(pg_temp.switch_event('31000000-0000-1000-8000-000000000004', now() - interval '2 seconds', NULL, 'lamp-1', 'on')))) \g /dev/null
SELECT is((SELECT status FROM command WHERE installation_id = 'all-2' AND device_id = 'lamp-0' AND status IN ('sent', 'confirmed') ORDER BY requested_at DESC LIMIT 1),
	'sent', 'an older event does not confirm a later click in the shadow of a newer one');

-- Order of arrival, where nothing else orders events: it is kept for the sync that applies them again.
SELECT * FROM event_ingest(ARRAY['home', 'home'], jsonb_build_array(
	jsonb_build_array(pg_temp.switch_event('ffffffff-0000-4000-8000-000000000001', date_trunc('second', now()), NULL, 'lamp', 'on')),
	jsonb_build_array(pg_temp.switch_event('00000000-0000-4000-8000-000000000001', date_trunc('second', now()), NULL, 'lamp', 'off')))) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'off', 'the later arrival wins');
SELECT sync_apply('home', now() - interval '1 minute', 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Lamp', 'on', now() - interval '1 minute', 'r1'))) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'off', 'also after a sync that began before both');

-- A wake-up that carries what changed says the same as a query.
SELECT is(substring(page_wakeup('home', 'lamp', 'main') FROM '^home (.*)$')::jsonb,
	(SELECT to_jsonb(c) - '{installation_id,kind,code,command_id,detail,found,structure}'::text[] FROM page_changes(ARRAY['home'], ARRAY[0::bigint]) c
		WHERE c.kind = 'switch' AND c.device_id = 'lamp'), 'a wake-up shows a switch as page_changes does');
SELECT isnt(substring(page_wakeup('home', 'lamp', 'main') FROM '^home (.*)$')::jsonb ->> 'label', NULL, 'with its name');
UPDATE device SET name = repeat('ü', 4000) WHERE installation_id = 'home' AND device_id = 'lamp';
SELECT is(page_wakeup('home', 'lamp', 'main'), 'home', 'what is too long for a wake-up must be queried');
SELECT is(page_wakeup('home', 'unheard-of', 'main'), 'home', 'and so must what is not there');

SELECT throws_ok($$ SELECT * FROM event_ingest(ARRAY['home', 'all-0'], jsonb_build_array(
	jsonb_build_array(pg_temp.switch_event('40000000-0000-1000-8000-000000000001', now(), 1, 'lamp', 'on')),
	jsonb_build_array(pg_temp.switch_event('no uuid', now(), 1, 'lamp-1', 'on')))) $$, '22P02', NULL, 'with one that cannot be stored');
SELECT is(pg_temp.state('lamp'), 'off', 'none is');
SELECT * FROM finish();
ROLLBACK;
