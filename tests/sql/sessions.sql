-- "Signed-in browsers": each user sees and ends their own sessions, by numbers that open nothing.
BEGIN;
\ir fixture.psql
SELECT plan(27);
SELECT set_config('test.sam', pg_temp.link('flat', 'sam', 'cookie-s')::text, true) \g /dev/null
SELECT pg_temp.link('cabin', 'alex', 'cookie-2') \g /dev/null
SELECT pg_temp.link('attic', 'alex', 'cookie-3') \g /dev/null
UPDATE session SET seen_at = now() - interval '2 hours' WHERE session_hash = pg_temp.hash('cookie-2');

CREATE FUNCTION pg_temp.me() RETURNS bigint LANGUAGE sql AS $$ SELECT current_setting('test.user')::bigint $$;
CREATE FUNCTION pg_temp.id(p_cookie text) RETURNS uuid LANGUAGE sql AS $$
	SELECT public_id FROM session WHERE session_hash = pg_temp.hash(p_cookie) $$;
CREATE FUNCTION pg_temp.refused(p_role text, p_sql text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', p_role);
	EXECUTE p_sql;
	RESET ROLE;
	RETURN false;
EXCEPTION WHEN insufficient_privilege THEN
	RESET ROLE;
	RETURN true;
END $$;

SELECT results_eq($$ SELECT public_id, is_this FROM session_list(pg_temp.me(), pg_temp.hash('cookie-2')) LIMIT 1 $$,
	$$ SELECT pg_temp.id('cookie-2'), true $$, 'this one first');
SELECT is((SELECT count(*) FROM session_list(pg_temp.me(), pg_temp.hash('cookie-2'))), 3::bigint, 'all of this user');
SELECT is((SELECT count(*) FROM session_list(pg_temp.me(), pg_temp.hash('cookie-2')) WHERE is_this), 1::bigint, 'one is this');
SELECT is((SELECT max(user_agent) FROM session_list(pg_temp.me(), pg_temp.hash('cookie-1'))), 'test browser', 'with what it called itself');
SELECT matches((SELECT seen_at FROM session_list(pg_temp.me(), pg_temp.hash('cookie-1')) LIMIT 1), '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$', 'and when it was used');
SELECT results_eq($$ SELECT public_id FROM session_list(current_setting('test.sam')::bigint, pg_temp.hash('cookie-s')) $$,
	$$ SELECT pg_temp.id('cookie-s') $$, 'nobody else''s');
SELECT is((SELECT count(DISTINCT public_id) FROM session), 4::bigint, 'each has a number of its own');

SELECT is(session_end_one(current_setting('test.sam')::bigint, pg_temp.id('cookie-2')), false, 'another user''s cannot be ended');
SELECT isnt(pg_temp.id('cookie-2'), NULL, 'it lives on');
SELECT is(session_end_one(pg_temp.me(), pg_temp.id('cookie-2')), true, 'one''s own can');
SELECT is_empty($$ SELECT * FROM session_load(pg_temp.hash('cookie-2')) $$, 'its cookie is nobody');
SELECT is(session_end_one(pg_temp.me(), gen_random_uuid()), false, 'a number that nobody has');
SELECT session_end_others(pg_temp.me(), pg_temp.hash('cookie-3')) \g /dev/null
SELECT results_eq($$ SELECT user_id, session_hash FROM session WHERE user_id = pg_temp.me() $$,
	$$ SELECT pg_temp.me(), pg_temp.hash('cookie-3') $$, 'all others: this one stays');
SELECT isnt(pg_temp.id('cookie-s'), NULL, 'as do those of other users');

-- Page views write nothing for five minutes.
SELECT session_load(pg_temp.hash('cookie-3')) \g /dev/null
UPDATE session SET seen_at = now() - interval '4 minutes', expires_at = now() + interval '29 days 12 hours';
SELECT session_load(pg_temp.hash('cookie-3')) \g /dev/null
SELECT is((SELECT now() - seen_at FROM session WHERE user_id = pg_temp.me()), interval '4 minutes', 'a view soon after another is no write');
UPDATE session SET seen_at = now() - interval '6 minutes';
SELECT session_load(pg_temp.hash('cookie-3')) \g /dev/null
SELECT is((SELECT seen_at FROM session WHERE user_id = pg_temp.me()), now(), 'one after six minutes is seen');
SELECT is((SELECT expires_at - now() FROM session WHERE user_id = pg_temp.me()), interval '29 days 12 hours', 'the end moves once a day');
SELECT is((SELECT renewed FROM session_load(pg_temp.hash('cookie-3'))), false, 'and so does the cookie''s');
UPDATE session SET expires_at = now() + interval '1 minute';
SELECT is((SELECT renewed FROM session_load(pg_temp.hash('cookie-3'))), true, 'however often a page is seen');
SELECT is((SELECT expires_at - now() FROM session WHERE user_id = pg_temp.me()), interval '30 days', 'to thirty days from then');
UPDATE session SET seen_at = now() - interval '6 minutes';
SELECT session_seen(ARRAY[pg_temp.hash('cookie-3'), pg_temp.hash('cookie-3'), pg_temp.hash('wrong')]) \g /dev/null
SELECT is((SELECT seen_at FROM session WHERE user_id = pg_temp.me()), now(), 'so is one with a page open');
SELECT is((SELECT now() - seen_at FROM session WHERE user_id <> pg_temp.me()), interval '6 minutes', 'and no other');
UPDATE session SET seen_at = now() - interval '4 minutes';
SELECT session_seen(ARRAY[pg_temp.hash('cookie-3')]) \g /dev/null
SELECT is((SELECT now() - seen_at FROM session WHERE user_id = pg_temp.me()), interval '4 minutes', 'not all the time');
SELECT ok(NOT pg_temp.refused('switchboard_events', 'SELECT switchboard.session_seen(ARRAY[''''::bytea])'), 'the streamer notes that');
UPDATE session SET expires_at = now() WHERE user_id = pg_temp.me();
SELECT is_empty($$ SELECT * FROM session_list(pg_temp.me(), pg_temp.hash('cookie-3')) $$, 'what has ended is not shown');

SELECT ok(NOT pg_temp.refused('switchboard_dashboard', 'SELECT * FROM switchboard.session_list(0, ''''); SELECT switchboard.session_end_one(0, gen_random_uuid());
	SELECT switchboard.session_end_others(0, '''')'), 'the dashboard may');
SELECT is_empty($$ SELECT r, f FROM unnest(ARRAY['webhook', 'oauth', 'events', 'worker', 'reader']) r,
	unnest(ARRAY['session_list(0, '''')', 'session_end_one(0, gen_random_uuid())', 'session_end_others(0, '''')']) f
	WHERE NOT pg_temp.refused('switchboard_' || r, 'SELECT switchboard.' || f) $$, 'and nobody else');
SELECT * FROM finish();
ROLLBACK;
