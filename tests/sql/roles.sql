-- Least privilege, and a schema that explains itself.
BEGIN;
\ir fixture.psql
SELECT plan(34);

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

SELECT ok(pg_temp.refused(r, q), format('%s: %s is refused', r, q))
	FROM unnest(ARRAY['switchboard_webhook', 'switchboard_dashboard', 'switchboard_events', 'switchboard_oauth', 'switchboard_reader']) r,
		unnest(ARRAY['SELECT count(*) FROM switchboard.token', 'SELECT access_sealed FROM switchboard.token',
			'DELETE FROM switchboard.token', 'SELECT * FROM switchboard.session']) q;
SELECT ok(pg_temp.refused('switchboard_webhook', 'SELECT switchboard.token_load(''home'')'), 'webhook: token_load is refused');
SELECT ok(pg_temp.refused('switchboard_dashboard', 'SELECT switchboard.token_to_refresh(''w'')'), 'dashboard: token_to_refresh is refused');
SELECT ok(pg_temp.refused('switchboard_events', 'SELECT switchboard.event_ingest(ARRAY[''home''], ''[[]]'')'), 'events: event_ingest is refused');
SELECT ok(pg_temp.refused('switchboard_webhook', 'SELECT * FROM switchboard.installation'), 'webhook: reading installations is refused');
SELECT ok(pg_temp.refused('switchboard_dashboard', 'UPDATE switchboard.installation SET user_id = 1'), 'dashboard: moving an installation is refused');
SELECT ok(pg_temp.refused('switchboard_events', 'DELETE FROM switchboard.switch'), 'events: deleting is refused');
SELECT ok(NOT pg_temp.refused('switchboard_worker', 'SELECT * FROM switchboard.token_load(''home'')'), 'worker: reads tokens');
SELECT ok(NOT pg_temp.refused('switchboard_webhook', 'SELECT * FROM switchboard.event_ingest(ARRAY[''home''], ''[[]]'')'), 'webhook: ingests');
SELECT ok(NOT pg_temp.refused('switchboard_reader', 'SELECT * FROM switchboard.token_health, switchboard.switch_states, switchboard.installations, switchboard.recent_events, switchboard.command_latency, switchboard.subscriptions'),
	'reader: sees the views');

SELECT is_empty($$ SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'switchboard'::regnamespace
	AND c.relkind IN ('r', 'p', 'v') AND obj_description(c.oid, 'pg_class') IS NULL $$, 'every table and view has a comment');
SELECT is_empty($$ SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'switchboard'::regnamespace AND c.relkind IN ('r', 'p', 'c') AND NOT c.relispartition
	AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL $$, 'every column has a comment');
SELECT is_empty($$ SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'switchboard'::regnamespace
	AND obj_description(p.oid, 'pg_proc') IS NULL $$, 'every function has a comment');
SELECT is_empty($$ SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'switchboard'::regnamespace AND p.prosecdef
	AND NOT coalesce(p.proconfig::text LIKE '%search_path%', false) $$, 'every function with its owner''s rights fixes its search_path');
SELECT is_empty($$ SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'switchboard'::regnamespace
	AND has_function_privilege('public', p.oid, 'EXECUTE') $$, 'no function is open to everybody');
SELECT * FROM finish();
ROLLBACK;
