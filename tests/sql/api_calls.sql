-- Calls to the platform: a total of the month, one of each installation, and the detail of 62 days.
BEGIN;
\ir fixture.psql
SELECT plan(24);

SELECT api_call_count('home', 'GET /devices', 200) \g /dev/null
SELECT api_call_count_many(ARRAY['home', 'home', NULL], ARRAY['GET /devices', 'GET /devices', 'POST /oauth/token'], ARRAY[200, 500, 200]) \g /dev/null
SELECT results_eq($$ SELECT installation_id COLLATE "default", endpoint, status, calls FROM api_call ORDER BY 1, 2, 3 $$, $$ VALUES
	('', 'POST /oauth/token', 200, 1::bigint), ('home', 'GET /devices', 200, 2::bigint), ('home', 'GET /devices', 500, 1::bigint) $$,
	'calls are counted by installation, endpoint and status');
SELECT is(api_calls_this_month(), 4::bigint, 'and in the total of the month');
SELECT is((SELECT value FROM metrics() WHERE name = 'api_calls_month'), 4::double precision, 'which the metrics show');
SELECT is(api_call_used('home'), 3::bigint, 'and in that of the installation');
SELECT is((SELECT count(*) FROM api_call_installation), 1::bigint, 'nobody''s calls are in nobody''s');

SELECT throws_ok($$ SELECT api_call_count_many(ARRAY['home', 'home'], ARRAY['GET /devices', NULL], ARRAY[200, 200]) $$, '23502', NULL,
	'a count that fails');
SELECT is(api_calls_this_month(), 4::bigint, 'leaves both as they were');
SELECT is(api_call_used('home'), 3::bigint, 'and that of the installation');

INSERT INTO api_call (installation_id, day, endpoint, status, calls)
	SELECT 'home', (now() AT TIME ZONE 'UTC')::date - d, 'GET /devices', 200, 100 FROM generate_series(61, 64) AS d;
SELECT is(ARRAY[api_call_prune(), api_call_prune()], '{2,0}', 'detail goes after 62 days');
SELECT is((SELECT min(day) FROM api_call), (now() AT TIME ZONE 'UTC')::date - 62, 'the rest stays');
DELETE FROM api_call;
SELECT is(api_calls_this_month(), 4::bigint, 'the total is not made of the detail');

-- The installation's total begins anew with each month.
UPDATE api_call_installation SET month = (month - interval '1 month')::date;
SELECT is(api_call_used('home'), 0::bigint, 'what was used in the month before does not count');
SELECT api_call_count('home', 'GET /devices', 200) \g /dev/null
SELECT is(api_call_used('home'), 1::bigint, 'the new month begins at nothing');
UPDATE api_call_installation SET month = (month + interval '1 month')::date;
SELECT api_call_count('home', 'GET /devices', 200) \g /dev/null
SELECT is((SELECT calls FROM api_call_installation), 1::bigint, 'a late count of the old month leaves the new one alone');
UPDATE api_call_installation SET month = (month - interval '1 month')::date;
SELECT is(api_call_prune(), 0, 'the sum of this month stays');
UPDATE api_call_installation SET month = (month - interval '1 month')::date;
SELECT is(api_call_prune(), 1, 'that of an old one goes');
SELECT is_empty('SELECT * FROM api_call_installation', 'to the last');

-- How the budget stands.
SELECT is((SELECT used FROM api_call_budget(1000)), 6::bigint, 'all used is the total');
SELECT ok((SELECT paced BETWEEN 0 AND 1000000 FROM api_call_budget(1000000)), 'what the days so far amount to is a part of the budget');
SELECT is((SELECT floor(1e12 * extract(epoch FROM now() - date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
	/ extract(epoch FROM (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') - date_trunc('month', now() AT TIME ZONE 'UTC')))::bigint
	- paced FROM api_call_budget(1000000000000)), 0::bigint, 'by the time that has passed');
SELECT is((SELECT installations FROM api_call_budget(1000)), 1::bigint, 'there is one installation');
SELECT pg_temp.link('cabin', 'sam', 'cookie-2') \g /dev/null
SELECT is((SELECT installations FROM api_call_budget(1000)), 2::bigint, 'one that was linked just now has a share');
SELECT is(api_call_used('cabin'), 0::bigint, 'of which nothing is used');
UPDATE installation SET status = 'needs_reauth' WHERE installation_id = 'home';
SELECT installation_erase('cabin', false) \g /dev/null
SELECT is((SELECT installations FROM api_call_budget(1000)), 0::bigint, 'those without work to do have none');
SELECT * FROM finish();
ROLLBACK;
