-- Clocks that differ, and what a sync read against what events said.
BEGIN;
\ir fixture.psql
SELECT plan(27);

CREATE FUNCTION pg_temp.event(p_n integer, p_at timestamptz, p_tick bigint, p_value text) RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event(
		format('00000000-0000-1000-8000-%s', to_char(p_n, 'FM000000000000')), p_at, p_tick, 'lamp', p_value))) $$;
CREATE FUNCTION pg_temp.lifecycle(p_n integer, p_at timestamptz, p_device text, p_value text) RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.ingest('home', jsonb_build_array(jsonb_build_object('id',
		format('00000000-0000-1000-9000-%s', to_char(p_n, 'FM000000000000')), 'at', p_at, 'type', 'DEVICE_LIFECYCLE_EVENT',
		'device', p_device, 'value', p_value))) $$;
-- A sync that began at p_started and found one device.
CREATE FUNCTION pg_temp.sync(p_started timestamptz, p_device jsonb) RETURNS void LANGUAGE sql AS $$
	SELECT sync_apply('home', p_started, 'location', 'Home', NULL, jsonb_build_array(p_device)) $$;
CREATE FUNCTION pg_temp.lamp(p_state text, p_at timestamptz) RETURNS jsonb LANGUAGE sql AS $$
	SELECT pg_temp.sync_device('lamp', 'Lamp', p_state, p_at, 'r1') $$;
CREATE FUNCTION pg_temp.dimmed(p_level integer, p_at timestamptz) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_set(jsonb_set(pg_temp.lamp(NULL, NULL), '{switches,0,level}', to_jsonb(p_level)), '{switches,0,level_at}',
		to_jsonb(p_at)) $$;
CREATE FUNCTION pg_temp.health(p_online boolean, p_at timestamptz) RETURNS jsonb LANGUAGE sql AS $$
	SELECT pg_temp.lamp(NULL, NULL) || jsonb_build_object('online', p_online, 'health_at', p_at) $$;
-- The lamp as an event set it, that came p_ago and says it was of then; none came since.
CREATE FUNCTION pg_temp.was(p_state text, p_ago interval) RETURNS void LANGUAGE sql AS $$
	DELETE FROM event;
	UPDATE switch SET state = p_state, state_at = date_trunc('second', now()) - p_ago, state_tick = NULL,
		state_stored_at = now() - p_ago WHERE device_id = 'lamp' $$;

-- Senders whose clock is ahead of ours.
SELECT pg_temp.event(1, date_trunc('second', now()) + interval '2 seconds', 20000003, 'on') \g /dev/null
SELECT pg_temp.event(2, date_trunc('second', now()) + interval '2 seconds', 20000001, 'off') \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'events of one second keep their order when our clock is behind');
SELECT ok((SELECT updated_at <= now() FROM switch_page WHERE device_id = 'lamp'), 'a time ahead of our clock is not shown');
SELECT ok((SELECT bool_and(at::timestamptz <= now()) FROM switch_history(current_setting('test.user')::bigint, 'lamp', 'main', 24)),
	'nor in the history');
SELECT pg_temp.event(3, now() + interval '301 seconds', 1, 'off') \g /dev/null
SELECT is((SELECT state FROM switch WHERE device_id = 'lamp'), 'on', 'an event from too far ahead is of now');
SELECT pg_temp.event(4, date_trunc('second', now()) + interval '3 seconds', 30000001, 'off') \g /dev/null
SELECT is(pg_temp.state('lamp'), 'off', 'and does not freeze the switch');
SELECT pg_temp.was('off', '10 minutes') \g /dev/null
SELECT pg_temp.sync(clock_timestamp(), pg_temp.lamp('on', now() + interval '1 day')) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'a status from too far ahead is of its sync');
SELECT pg_temp.event(5, date_trunc('second', clock_timestamp()), NULL, 'off') \g /dev/null
SELECT is(pg_temp.state('lamp'), 'off', 'and does not freeze the switch');
SELECT pg_temp.sync(clock_timestamp(), pg_temp.dimmed(30, now() + interval '1 day')) \g /dev/null
SELECT pg_temp.sync(clock_timestamp(), pg_temp.dimmed(40, now() + interval '1 second')) \g /dev/null
SELECT is((SELECT level::integer FROM switch WHERE device_id = 'lamp'), 40, 'nor its level');
SELECT pg_temp.sync(clock_timestamp(), pg_temp.health(false, now() + interval '1 day')) \g /dev/null
SELECT pg_temp.sync(clock_timestamp(), pg_temp.health(true, now() + interval '1 second')) \g /dev/null
SELECT is((SELECT online FROM device WHERE device_id = 'lamp'), true, 'nor whether it is online');

-- A sync that agrees.
SELECT pg_temp.was('on', '10 minutes') \g /dev/null
SELECT pg_temp.sync(now() - interval '1 minute', pg_temp.lamp('on', now() - interval '3 minutes')) \g /dev/null
SELECT pg_temp.event(6, date_trunc('second', now() - interval '5 minutes'), NULL, 'off') \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'a late event does not undo what a sync agreed with');
SELECT is((SELECT state_at FROM switch WHERE device_id = 'lamp'), now() - interval '3 minutes', 'the time is that of the status');
SELECT is((SELECT seq FROM switch WHERE device_id = 'lamp'), (SELECT sync_seq FROM installation), 'and is shown');
SELECT pg_temp.was('on', '10 minutes') \g /dev/null
SELECT pg_temp.sync(now() - interval '1 minute', pg_temp.lamp('on', NULL)) \g /dev/null
SELECT pg_temp.event(7, date_trunc('second', now() - interval '5 minutes'), NULL, 'off') \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'nor what one without times did');
SELECT pg_temp.was('on', '10 minutes') \g /dev/null
SELECT pg_temp.sync(now() - interval '1 minute', pg_temp.lamp('on', date_trunc('second', now()) - interval '10 minutes' + interval '1 millisecond')) \g /dev/null
SELECT is((SELECT state_at FROM switch WHERE device_id = 'lamp'), date_trunc('second', now()) - interval '10 minutes',
	'a status of the very event moves nothing');

-- A status whose time never moves.
SELECT pg_temp.was('on', '10 minutes') \g /dev/null
SELECT pg_temp.sync(now() - interval '9 minutes 1 second', pg_temp.lamp('off', now() - interval '1 month')) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'an older status yields to an event of the minute before the sync began');
SELECT pg_temp.sync(now() - interval '8 minutes 59 seconds', pg_temp.lamp('off', now() - interval '1 month')) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'off', 'but prevails when the event had come before that');
SELECT is((SELECT state_at FROM switch WHERE device_id = 'lamp'), now() - interval '8 minutes 59 seconds', 'as of when the sync began');
SELECT pg_temp.event(8, date_trunc('second', now() - interval '8 minutes'), NULL, 'on') \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'a later event sets it again');
UPDATE switch SET level = 10, level_at = now() - interval '10 minutes', level_tick = NULL, level_stored_at = now() - interval '10 minutes'
	WHERE device_id = 'lamp';
SELECT pg_temp.sync(now() - interval '1 minute', pg_temp.dimmed(20, now() - interval '1 month')) \g /dev/null
SELECT is((SELECT level::integer FROM switch WHERE device_id = 'lamp'), 20, 'so does a level');
UPDATE device SET online = false, health_at = now() - interval '10 minutes', health_tick = NULL, health_stored_at = now() - interval '10 minutes'
	WHERE device_id = 'lamp';
SELECT pg_temp.sync(now() - interval '1 minute', pg_temp.health(true, now() - interval '1 month')) \g /dev/null
SELECT is((SELECT online FROM device WHERE device_id = 'lamp'), true, 'and whether it is online');

-- A device that is deleted while a sync reads a list that still has it.
DELETE FROM work WHERE kind = 'device_sync';
SELECT set_config('test.started', clock_timestamp()::text, true) \g /dev/null
SELECT pg_temp.lifecycle(1, now() + interval '2 seconds', 'lamp', 'DELETE') \g /dev/null
SELECT pg_temp.sync(current_setting('test.started')::timestamptz, pg_temp.lamp('on', NULL)) \g /dev/null
SELECT is((SELECT count(*) FROM device WHERE device_id = 'lamp'), 0::bigint, 'a device deleted during a sync stays away');
SELECT is((SELECT structure_seq FROM installation), pg_temp.seq('home'), 'which changes the structure');
SELECT is((SELECT count(*) FROM work WHERE kind = 'device_sync'), 0::bigint, 'and needs no other sync');
SELECT pg_temp.lifecycle(2, now() + interval '3 seconds', 'lamp', 'CREATE') \g /dev/null
SELECT pg_temp.sync(current_setting('test.started')::timestamptz, pg_temp.lamp('on', NULL)) \g /dev/null
SELECT is((SELECT count(*) FROM device WHERE device_id = 'lamp'), 1::bigint, 'one that came back meanwhile is there');
DELETE FROM work WHERE kind = 'device_sync';
DELETE FROM event;
SELECT set_config('test.started', clock_timestamp()::text, true) \g /dev/null
SELECT pg_temp.lifecycle(3, now() - interval '1 hour', 'lamp', 'DELETE') \g /dev/null
SELECT pg_temp.sync(current_setting('test.started')::timestamptz, pg_temp.lamp('on', NULL)) \g /dev/null
SELECT is((SELECT count(*) FROM device WHERE device_id = 'lamp'), 0::bigint, 'a deletion from before the sync counts too');
SELECT is((SELECT array_agg(kind) FROM work WHERE kind = 'device_sync'), ARRAY['device_sync'], 'and another sync shows whether the device came back');

INSERT INTO device (installation_id, device_id, name) VALUES ('home', 'mute', 'Mute');
INSERT INTO switch (installation_id, device_id, component, seq) VALUES ('home', 'mute', 'main', 1);
SELECT is((SELECT updated_at FROM switch_page WHERE device_id = 'mute'), NULL::timestamptz, 'a switch that never reported has no time');
SELECT * FROM finish();
ROLLBACK;
