-- Duplicates, order and isolation of events.
BEGIN;
\ir fixture.psql
SELECT plan(53);

-- Order of stamps.
SELECT is(stamp_compare('2026-01-01 00:00:01Z', NULL, '2026-01-01 00:00:00Z', NULL), 1, 'a later second is newer');
SELECT is(stamp_compare('2026-01-01 00:00:00Z', 99999999, '2026-01-01 00:00:01Z', 1), -1,
	'whole seconds count before ticks');
SELECT is(stamp_compare('2026-01-01 00:00:00Z', 20001, '2026-01-01 00:00:00Z', 20003), -1,
	'within a second the tick decides');
SELECT is(stamp_compare('2026-01-01 00:00:00Z', NULL, '2026-01-01 00:00:00.5Z', 5000000), 0,
	'an event of whole seconds ties with a status of the same second');
SELECT is(stamp_compare('2026-01-01 00:00:00Z', 20001, '2026-01-01 00:00:00Z', 20000), 0,
	'an event and a status of the same millisecond tie');
SELECT is(stamp_compare('2026-01-01 00:00:00Z', 30001, '2026-01-01 00:00:00Z', 20000), 1,
	'an event of a later millisecond is newer than a status');
SELECT is(stamp_compare(now(), NULL, NULL, NULL), 1, 'anything is newer than nothing');
SELECT is(stamp_tick('2026-01-01 00:00:00Z'), NULL, 'whole seconds have no tick');
SELECT is(stamp_tick('1970-01-01 00:00:01.5Z'), 15000000::bigint, 'milliseconds become a tick');

-- Applying.
SELECT results_eq($$ SELECT known, stored, page, work FROM pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000001', date_trunc('second', now()), 10000001, 'lamp', 'on'))) $$,
	$$ VALUES (true, 1, true, false) $$, 'a new event is stored and shown');
SELECT is(pg_temp.state('lamp'), 'on', 'the switch is on');
SELECT set_config('test.seq', pg_temp.seq('home')::text, true) \g /dev/null
SELECT is((SELECT seq FROM switch WHERE device_id = 'lamp'), pg_temp.seq('home'), 'the row carries the seq of its installation');
SELECT results_eq($$ SELECT known, stored, page, work FROM pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000001', date_trunc('second', now()), 10000001, 'lamp', 'off'))) $$,
	$$ VALUES (true, 0, false, false) $$, 'the same event again changes nothing');
SELECT is(pg_temp.state('lamp'), 'on', 'not even when it says something else');
SELECT is(pg_temp.seq('home'), current_setting('test.seq')::bigint, 'and the seq stays');
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000002', date_trunc('second', now()), 10000000 - 1, 'lamp', 'off'))) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'an older event of the same second does not overwrite');
SELECT is((SELECT count(*) FROM event WHERE installation_id = 'home'), 2::bigint, 'but it is kept');
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000004', now() - interval '1 minute', NULL, 'fan', 'off'),
	pg_temp.switch_event('00000000-0000-1000-8000-000000000003', now() - interval '2 minutes', NULL, 'fan', 'on'),
	pg_temp.switch_event('00000000-0000-1000-8000-000000000003', now() - interval '2 minutes', NULL, 'fan', 'on'))) \g /dev/null
SELECT is(pg_temp.state('fan'), 'off', 'reversed events of one request end in the newest state');

-- The future.
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000005', now() + interval '10 years', NULL, 'fan', 'on'))) \g /dev/null
SELECT is(pg_temp.state('fan'), 'on', 'an event of the future counts as now');
SELECT ok((SELECT state_at <= now() FROM switch WHERE device_id = 'fan'), 'and does not freeze the switch');
SELECT is((SELECT stored FROM pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000005', now() + interval '10 years', NULL, 'fan', 'on')))), 0,
	'its duplicate is found all the same');

-- One that is not understood.
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000101', now(), NULL, 'fan', 'off'))) \g /dev/null
SELECT set_config('test.seq', pg_temp.seq('home')::text, true) \g /dev/null
SELECT results_eq($$ SELECT known, stored, page, work, removed FROM pg_temp.ingest('home', (SELECT jsonb_agg(jsonb_build_object(
		'id', '00000000-0000-1000-8000-00000000020' || row_number, 'at', now(), 'type', type, 'device', 'fan', 'detail', 'text'::text,
		'understood', false)) FROM (SELECT type, row_number() OVER () FROM unnest(ARRAY['DEVICE_EVENT', 'DEVICE_HEALTH_EVENT',
		'DEVICE_LIFECYCLE_EVENT', 'LOCATION_LIFECYCLE_EVENT', 'INSTALLED_APP_LIFECYCLE_EVENT', 'UNKNOWN']) AS type) t)) $$,
	$$ VALUES (true, 6, false, false, false) $$, 'an event that is not understood is stored, and nothing follows from it');
SELECT is((SELECT count(*) FROM event WHERE NOT understood AND detail = '"text"'), 6::bigint, 'with all that came');
SELECT is(pg_temp.seq('home'), current_setting('test.seq')::bigint, 'the seq stays');
SELECT results_eq($$ SELECT known, stored, page FROM pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000102', now(), 50000000, 'fan', 'on'),
	pg_temp.switch_event('00000000-0000-1000-8000-000000000103', now(), NULL, 'lamp', 'off') || '{"understood": false}')) $$,
	$$ VALUES (true, 2, true) $$, 'the others of its webhook are applied');
SELECT is(pg_temp.state('fan'), 'on', 'as always');

-- Every order of arrival ends in the same state.
CREATE TABLE pg_temp.sent AS SELECT n, CASE n % 2 WHEN 0 THEN 'on' ELSE 'off' END AS value,
	date_trunc('second', now()) + (n / 3) * interval '1 second' - interval '10 seconds' AS at, 10000000 + n * 7 AS tick
	FROM generate_series(0, 8) n;
CREATE FUNCTION pg_temp.final_state(p_seed double precision) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	PERFORM setseed(p_seed);
	UPDATE switch SET state = NULL, state_at = NULL, state_tick = NULL WHERE device_id = 'lamp';
	DELETE FROM event WHERE device_id = 'lamp';
	FOR r IN SELECT * FROM pg_temp.sent ORDER BY random() LOOP
		PERFORM pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event(
			format('00000000-0000-1000-8000-0000000001%s', to_char(r.n, 'FM00')), r.at, r.tick, 'lamp', r.value)));
	END LOOP;
	RETURN pg_temp.state('lamp');
END $$;
SELECT is((SELECT array_agg(DISTINCT pg_temp.final_state(i / 20.0)) FROM generate_series(0, 19) i), ARRAY['on'],
	'twenty orders of arrival end in one state');

-- Other kinds.
SELECT results_eq($$ SELECT known, stored, page, work FROM pg_temp.ingest('unknown', '[]') $$,
	$$ VALUES (false, 0, false, false) $$, 'an unknown installation is reported');
SELECT pg_temp.ingest('home', '[{"id":"00000000-0000-1000-8000-000000000a01","at":"2026-01-01T00:00:00Z","type":"TIMER_EVENT","detail":{"x":1}}]') \g /dev/null
SELECT is((SELECT detail FROM event_all WHERE event_type = 'TIMER_EVENT'), '{"x":1}'::jsonb, 'an unknown type is kept');
SELECT pg_temp.ingest('home', jsonb_build_array(jsonb_build_object('id', '00000000-0000-1000-8000-000000000a02', 'at', now(),
	'type', 'DEVICE_HEALTH_EVENT', 'device', 'lamp', 'value', 'OFFLINE'))) \g /dev/null
SELECT is((SELECT online FROM device WHERE device_id = 'lamp'), false, 'health is applied');

-- A device that is said to be offline and reports something.
CREATE FUNCTION pg_temp.health_event(p_id text, p_at timestamptz, p_value text, p_device text DEFAULT 'lamp') RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('id', '00000000-0000-1000-8000-000000000' || p_id, 'at', p_at, 'type', 'DEVICE_HEALTH_EVENT', 'device', p_device, 'value', p_value)
$$;
CREATE FUNCTION pg_temp.online() RETURNS boolean LANGUAGE sql AS $$ SELECT d.online FROM device d WHERE d.device_id = 'lamp' $$;
CREATE FUNCTION pg_temp.offline(p_at timestamptz) RETURNS void LANGUAGE sql AS $$
	UPDATE device d SET online = false, health_at = p_at, health_tick = NULL, health_stored_at = p_at, heard_at = NULL WHERE d.device_id = 'lamp' $$;
INSERT INTO switch (installation_id, device_id, component, label, position, has_level, seq) VALUES ('home', 'lamp', 'second', 'Second', 2, false, 0);
SELECT results_eq($$ SELECT known, stored, page FROM pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b01', now() + interval '1 second', NULL, 'lamp', 'off'))) $$,
	$$ VALUES (true, 1, true) $$, 'an event of a device that is offline is shown');
SELECT is(pg_temp.online(), true, 'and ends that at once');
SELECT is(pg_temp.state('lamp'), 'off', 'and sets the switch as always');
SELECT is((SELECT seq FROM switch WHERE component = 'second'), pg_temp.seq('home'), 'its other switches change on the page too');
SELECT pg_temp.offline(now() - interval '1 minute') \g /dev/null
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000b02', now() - interval '30 seconds', NULL,
	'lamp', 'on') || '{"capability": "powerMeter", "attribute": "power", "value": 3}')) \g /dev/null
SELECT is(pg_temp.online(), true, 'so does one that sets no switch');
SELECT pg_temp.offline(now() - interval '1 minute') \g /dev/null
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b03', now() - interval '2 minutes', NULL, 'lamp', 'on'))) \g /dev/null
SELECT is(pg_temp.online(), false, 'one from before it does not');
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b04', now(), NULL, 'fan', 'on'))) \g /dev/null
SELECT is(pg_temp.online(), false, 'nor one of another device');
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b05', now(), NULL, 'lamp', 'on') || '{"understood": false}')) \g /dev/null
SELECT is(pg_temp.online(), false, 'nor one that is not understood');
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.health_event('b06', now() + interval '10 seconds', 'OFFLINE'),
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b07', now() + interval '12 seconds', NULL, 'lamp', 'on'))) \g /dev/null
SELECT is(pg_temp.online(), true, 'of both in one request the newer counts');
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b08', now() + interval '14 seconds', NULL, 'lamp', 'off'),
	pg_temp.health_event('b09', now() + interval '16 seconds', 'OFFLINE'))) \g /dev/null
SELECT is(pg_temp.online(), false, 'whichever that is');
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b0a', now() + interval '20 seconds', NULL, 'lamp', 'on'))) \g /dev/null
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.health_event('b0b', now() + interval '18 seconds', 'OFFLINE'))) \g /dev/null
SELECT is(pg_temp.online(), true, 'an OFFLINE that comes late changes nothing');
SELECT pg_temp.offline(now() - interval '10 minutes') \g /dev/null
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b0c', now() - interval '5 minutes', NULL, 'lamp', 'on'))) \g /dev/null
UPDATE device SET health_stored_at = now() - interval '5 minutes' WHERE device_id = 'lamp';
DELETE FROM event WHERE event_time > now() - interval '5 minutes';
SELECT sync_set_health('home', 0, now(), jsonb_build_array(jsonb_build_object('device', 'lamp', 'online', false, 'health_at', now() - interval '10 minutes'))) \g /dev/null
SELECT is(pg_temp.online(), true, 'nor does a list that still says so, since before the event');
SELECT sync_set_health('home', 0, now(), jsonb_build_array(jsonb_build_object('device', 'lamp', 'online', false, 'health_at', now() - interval '1 minute'))) \g /dev/null
SELECT is(pg_temp.online(), false, 'one that says so since after it does');
UPDATE device SET online = true, health_at = now() - interval '1 day', health_stored_at = now() - interval '1 day', heard_at = NULL WHERE device_id = 'lamp';
SELECT sync_set_health('home', 0, now(), jsonb_build_array(jsonb_build_object('device', 'lamp', 'online', false, 'health_at', now() - interval '6 minutes'))) \g /dev/null
SELECT is(pg_temp.online(), true, 'nor is a device offline whose list says so since before its last event, when no event had said so');
SELECT sync_set_health('home', 0, now(), jsonb_build_array(jsonb_build_object('device', 'lamp', 'online', false, 'health_at', NULL))) \g /dev/null
SELECT is(pg_temp.online(), false, 'a list without a time is of its reading');
UPDATE device SET health_at = now() - interval '1 minute', health_tick = NULL WHERE device_id = 'lamp';
SELECT set_config('test.seq', pg_temp.seq('home')::text, true) \g /dev/null
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000b0c', now() - interval '5 minutes', NULL, 'lamp', 'on'))) \g /dev/null
SELECT is(pg_temp.seq('home'), current_setting('test.seq')::bigint, 'a duplicate is no sign of life');
SELECT ok((SELECT work FROM pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-1000-8000-000000000a03', now(), NULL, 'new-device', 'on')))),
	'an event of an unknown switch queues a sync');
SELECT pg_temp.ingest('home', jsonb_build_array(jsonb_build_object('id', '00000000-0000-1000-8000-000000000a04', 'at', now(),
	'type', 'DEVICE_LIFECYCLE_EVENT', 'device', 'fan', 'value', 'DELETE'))) \g /dev/null
SELECT is((SELECT count(*) FROM switch WHERE device_id = 'fan'), 0::bigint, 'a deleted device disappears');

-- The history is made of the newest events.
INSERT INTO event (installation_id, event_time, event_id, event_type, device_id, component, capability, attribute, value)
	SELECT 'home', now() - interval '1 hour' + e * interval '0.1 seconds', gen_random_uuid(), 'DEVICE_EVENT', 'lamp', 'hall', 'switch', 'switch',
		CASE WHEN e % 2 = 0 THEN '"on"' ELSE '"off"' END::jsonb FROM generate_series(1, policy_history_events() + 100) AS e;
INSERT INTO switch (installation_id, device_id, component, seq) SELECT 'home', device_id, 'hall', 1 FROM device WHERE device_id = 'lamp';
SELECT is((SELECT count(*) FROM switch_history(current_setting('test.user')::bigint, 'lamp', 'hall', 24)), policy_history_events()::bigint,
	'a history is as long as its policy');
SELECT is((SELECT min(at::timestamptz) FROM switch_history(current_setting('test.user')::bigint, 'lamp', 'hall', 24)),
	date_trunc('milliseconds', now() - interval '1 hour' + 101 * interval '0.1 seconds'), 'and leaves out the oldest');

-- Uninstall.
SELECT pg_temp.ingest('home', jsonb_build_array(jsonb_build_object('id', '00000000-0000-1000-8000-000000000a05', 'at', now(),
	'type', 'INSTALLED_APP_LIFECYCLE_EVENT', 'value', 'DELETE', 'detail', '{"installedAppId":"home"}'::jsonb))) \g /dev/null
SELECT is((SELECT count(*) FROM token) + (SELECT count(*) FROM session) + (SELECT count(*) FROM device)
	+ (SELECT count(*) FROM subscription), 0::bigint, 'uninstall erases tokens, sessions, devices and subscriptions');
SELECT is((SELECT status FROM installation), 'removed', 'the installation is marked as removed');
SELECT is((SELECT known FROM pg_temp.ingest('home', '[]')), false, 'later events find nobody');
SELECT * FROM finish();
ROLLBACK;
