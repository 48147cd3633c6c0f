-- What a removed installation leaves: nothing that names a person or a place, and nothing at all after its events.
BEGIN;
\ir fixture.psql
SELECT plan(14);
SELECT pg_temp.link('flat', 'sam', 'cookie-s') \g /dev/null
UPDATE installation SET location_id = 'a-place', location_name = 'Home', sync_error = 'Home is away' WHERE installation_id = 'home';
SELECT pg_temp.ingest('home', jsonb_build_array(
	pg_temp.switch_event('00000000-0000-0000-0000-000000000001', now(), NULL, 'lamp', 'on'),
	jsonb_build_object('id', '00000000-0000-0000-0000-000000000002', 'at', now(), 'tick', NULL, 'type', 'DEVICE_HEALTH_EVENT',
		'device', 'lamp', 'component', NULL, 'capability', NULL, 'attribute', NULL, 'value', 'ONLINE',
		'detail', jsonb_build_object('locationId', 'a-place', 'ownerId', 'alex')))) \g /dev/null

-- Every column of every table that has one of these words, but for counters of calls, which name installations only.
CREATE FUNCTION pg_temp.names(p_word text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c record;
	v_found boolean;
BEGIN
	FOR c IN SELECT a.attrelid::regclass AS t, a.attname AS n FROM pg_attribute a JOIN pg_class k ON k.oid = a.attrelid
		WHERE k.relnamespace = 'switchboard'::regnamespace AND k.relkind IN ('r', 'p') AND NOT k.relispartition
			AND a.attnum > 0 AND NOT a.attisdropped LOOP
		EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s x WHERE x.%I::text ~* %L)', c.t, c.n, '\m' || p_word || '\M') INTO v_found;
		IF v_found THEN
			RETURN NEXT c.t || '.' || c.n;
		END IF;
	END LOOP;
END $$;
SELECT isnt_empty($$ SELECT pg_temp.names('alex') $$, 'a person is found where they are named');
SELECT is((SELECT count(*) FROM event WHERE detail IS NOT NULL), 1::bigint, 'and in what events say');

SELECT is(installation_disconnect(current_setting('test.user')::bigint, 'home'), true, 'a disconnect');
SELECT is_empty($$ SELECT pg_temp.names('alex') $$, 'leaves nothing that names its owner');
SELECT is_empty($$ SELECT pg_temp.names('a-place') $$, 'or the location');
SELECT is_empty($$ SELECT n FROM pg_temp.names('home') n WHERE n !~ '[.]installation_id$' $$, 'or its name');
SELECT is_empty($$ SELECT 1 FROM user_account WHERE user_id = current_setting('test.user')::bigint $$, 'nor the account');
SELECT is((SELECT count(*) FROM event WHERE installation_id = 'home'), 2::bigint, 'its events stay for their time');
SELECT is((SELECT owner_id::text FROM user_account), 'sam', 'and so does everybody else');
SELECT installation_forget(8) \g /dev/null
UPDATE installation SET removed_at = now() - interval '10 days' WHERE installation_id = 'home';
SELECT installation_forget(8) \g /dev/null
SELECT is((SELECT count(*) FROM installation WHERE installation_id = 'home'), 1::bigint, 'the row stays while the uninstall waits for its token');
SELECT installation_erase('home', false), installation_forget(30) \g /dev/null
SELECT is((SELECT count(*) FROM installation WHERE installation_id = 'home'), 1::bigint, 'and for as long as its events');
SELECT installation_forget(8) \g /dev/null
SELECT is((SELECT count(*) FROM installation WHERE installation_id = 'home'), 0::bigint, 'then it goes');
SELECT is((SELECT count(*) FROM installation WHERE installation_id = 'flat'), 1::bigint, 'alone');

-- The same location again is somebody new.
SELECT isnt(pg_temp.link('home', 'alex', 'cookie-2'), current_setting('test.user')::bigint, 'who comes back is a new person here');
SELECT * FROM finish();
ROLLBACK;
