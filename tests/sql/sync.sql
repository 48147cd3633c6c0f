-- Device sync: precision of times, disappearing devices, events that race it.
BEGIN;
\ir fixture.psql
SELECT plan(32);

SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000001',
	date_trunc('second', now()), NULL, 'lamp', 'on'))) \g /dev/null
SELECT sync_apply('home', now() - interval '1 minute', 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Lamp', 'off', date_trunc('second', now()) - interval '1 millisecond', 'r1'),
	pg_temp.sync_device('fan', 'Fan', NULL, NULL))) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'a status from before an event does not overwrite it');
SELECT sync_apply('home', now() - interval '1 minute', 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Lamp', 'off', date_trunc('second', now()) + interval '5 milliseconds', 'r1'),
	pg_temp.sync_device('fan', 'Fan', NULL, NULL))) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'on', 'a status of the same second yields to an event that came after the sync began');
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Lamp', 'off', date_trunc('second', now()) + interval '5 milliseconds', 'r1'),
	pg_temp.sync_device('fan', 'Fan', NULL, NULL))) \g /dev/null
SELECT is(pg_temp.state('lamp'), 'off', 'and wins over one that was stored before it began');
SELECT is(pg_temp.state('fan'), NULL, 'a state never reported stays unknown');

SELECT set_config('test.seq', pg_temp.seq('home')::text, true) \g /dev/null
SELECT is((SELECT structure_seq < seq FROM installation), true, 'a sync that changes no name leaves the structure alone');
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Reading lamp', 'off', NULL, 'r1'))) \g /dev/null
SELECT is((SELECT name FROM device WHERE device_id = 'lamp'), 'Reading lamp', 'a new label is taken over');
SELECT is((SELECT structure_seq FROM installation), pg_temp.seq('home'), 'and the structure is marked as changed');

SELECT is((SELECT kind FROM switch_page WHERE device_id = 'lamp'), 'switch', 'what is not said to be something else is a switch');
SELECT set_config('test.seq', pg_temp.seq('home')::text, true) \g /dev/null
SELECT sync_apply('home', (SELECT synced_at FROM installation), 'location', 'Home', NULL, jsonb_build_array(jsonb_set(
	pg_temp.sync_device('lamp', 'Reading lamp', 'off', NULL, 'r1'), '{switches,0,kind}', '"light"'))) \g /dev/null
SELECT is((SELECT kind FROM switch_page WHERE device_id = 'lamp'), 'light', 'a list says what a switch is');
SELECT is((SELECT structure_seq FROM installation), pg_temp.seq('home'), 'and pages are drawn anew then');
SELECT sync_apply('home', (SELECT synced_at FROM installation), 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Reading lamp', 'off', NULL, 'r1'))) \g /dev/null

-- One list may be short, or empty, by mistake.
SELECT is((SELECT count(*) FROM switch_page), 2::bigint, 'a device that one list lacks is still shown');
SELECT is(sync_again('home', true, 120), 20, 'and a second reading is wanted soon');
SELECT sync_apply('home', (SELECT synced_at FROM installation), 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Reading lamp', 'off', NULL, 'r1'))) \g /dev/null
SELECT is((SELECT count(*) FROM switch_page), 2::bigint, 'a sync that began no later is no second reading');
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Reading lamp', 'off', NULL, 'r1'), pg_temp.sync_device('fan', 'Fan', NULL, NULL))) \g /dev/null
SELECT is(sync_again('home', true, 120), NULL, 'when the second reading has it nothing else is wanted');
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', '[]', '[]') \g /dev/null
SELECT is((SELECT count(*) FROM switch_page), 2::bigint, 'one empty list empties nothing');
SELECT is((SELECT room FROM switch_page WHERE device_id = 'lamp'), 'Kitchen', 'nor does one without rooms');
SELECT is(sync_again('home', true, 120), 20, 'a second reading is wanted again');
SELECT is((SELECT want_rooms FROM sync_plan('home')), true, 'of the rooms too');
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', '[{"room":"r1","name":"Kitchen"}]', jsonb_build_array(
	pg_temp.sync_device('lamp', 'Reading lamp', 'off', NULL, 'r1'))) \g /dev/null
SELECT is((SELECT count(*) FROM device), 1::bigint, 'a device that two readings in a row lack disappears');
SELECT is((SELECT count(*) FROM switch), 1::bigint, 'with its switches');
SELECT is((SELECT structure_seq FROM installation), pg_temp.seq('home'), 'which changes the structure');
SELECT is(sync_again('home', true, 120), NULL, 'and nothing else is wanted');
SELECT is((SELECT want_rooms FROM sync_plan('home')), false, 'nor are the rooms');
CREATE FUNCTION pg_temp.strip(p_components text[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_array(jsonb_set(pg_temp.sync_device('lamp', 'Reading lamp', NULL, NULL, 'r1'), '{switches}',
		(SELECT jsonb_agg(jsonb_build_object('component', c)) FROM unnest(p_components) AS c))) $$;
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', NULL, pg_temp.strip('{main,outlet1}')) \g /dev/null
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', NULL, pg_temp.strip('{main}')) \g /dev/null
SELECT is((SELECT array_agg(component::text ORDER BY component) FROM switch), '{main,outlet1}', 'a component that one list lacks stays');
SELECT is(sync_again('home', true, 120), 20, 'until a second reading');
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', NULL, pg_temp.strip('{main}')) \g /dev/null
SELECT is((SELECT array_agg(component::text ORDER BY component) FROM switch), '{main}', 'that lacks it too');

-- An event for a device that the running sync will bring.
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000009',
	now(), NULL, 'heater', 'on'))) \g /dev/null
SELECT sync_apply('home', now() - interval '5 seconds', 'location', 'Home', NULL, jsonb_build_array(
	pg_temp.sync_device('lamp', 'Lamp', 'off', NULL, 'r1'),
	pg_temp.sync_device('heater', 'Heater', 'off', now() - interval '1 hour'))) \g /dev/null
SELECT is(pg_temp.state('heater'), 'on', 'an event that came before its device did is applied with the sync');

SELECT is((SELECT room FROM switch_page WHERE device_id = 'lamp'), 'Kitchen', 'rooms that were not read stay');
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', '[]', jsonb_build_array(
	pg_temp.sync_device('lamp', 'Lamp', 'off', NULL, 'r1'))) \g /dev/null
SELECT is((SELECT room FROM switch_page WHERE device_id = 'lamp'), 'Kitchen', 'a room that one list lacks stays');
SELECT sync_apply('home', clock_timestamp(), 'location', 'Home', '[]', jsonb_build_array(
	pg_temp.sync_device('lamp', 'Lamp', 'off', NULL, 'r1'))) \g /dev/null
SELECT is((SELECT room FROM switch_page WHERE device_id = 'lamp'), NULL, 'one that two lack leaves its devices in none');
SELECT is((SELECT status FROM installation), 'active', 'the first complete sync makes an installation active');
SELECT is((SELECT sync_apply('unknown', now(), NULL, NULL, NULL, '[]')), false, 'a removed installation takes no sync');
SELECT * FROM finish();
ROLLBACK;
