-- Calls to the platform: a total of the month, and the detail of 62 days.
BEGIN;
\ir fixture.psql
SELECT plan(8);

SELECT api_call_count('home', 'GET /devices', 200) \g /dev/null
SELECT api_call_count_many(ARRAY['home', 'home', NULL], ARRAY['GET /devices', 'GET /devices', 'POST /oauth/token'], ARRAY[200, 500, 200]) \g /dev/null
SELECT results_eq($$ SELECT installation_id COLLATE "default", endpoint, status, calls FROM api_call ORDER BY 1, 2, 3 $$, $$ VALUES
	('', 'POST /oauth/token', 200, 1::bigint), ('home', 'GET /devices', 200, 2::bigint), ('home', 'GET /devices', 500, 1::bigint) $$,
	'calls are counted by installation, endpoint and status');
SELECT is(api_calls_this_month(), 4::bigint, 'and in the total of the month');
SELECT is((SELECT value FROM metrics() WHERE name = 'api_calls_month'), 4::double precision, 'which the metrics show');

SELECT throws_ok($$ SELECT api_call_count_many(ARRAY['home', 'home'], ARRAY['GET /devices', NULL], ARRAY[200, 200]) $$, '23502', NULL,
	'a count that fails');
SELECT is(api_calls_this_month(), 4::bigint, 'leaves both as they were');

INSERT INTO api_call (installation_id, day, endpoint, status, calls)
	SELECT 'home', (now() AT TIME ZONE 'UTC')::date - d, 'GET /devices', 200, 100 FROM generate_series(61, 64) AS d;
SELECT is(ARRAY[api_call_prune(), api_call_prune()], '{2,0}', 'detail goes after 62 days');
SELECT is((SELECT min(day) FROM api_call), (now() AT TIME ZONE 'UTC')::date - 62, 'the rest stays');
DELETE FROM api_call;
SELECT is(api_calls_this_month(), 4::bigint, 'the total is not made of the detail');
SELECT * FROM finish();
ROLLBACK;
