-- Refreshes that the platform refuses without saying that the token is dead.
BEGIN;
\ir fixture.psql
SELECT plan(28);

CREATE FUNCTION pg_temp.refuse(p_installation text, p_error text DEFAULT 'refused') RETURNS text LANGUAGE sql AS $$
	SELECT token_refresh_refused(p_installation, (SELECT t.generation FROM token t WHERE t.installation_id = p_installation), p_error, 60000)
$$;
CREATE FUNCTION pg_temp.status(p_installation text) RETURNS text LANGUAGE sql AS $$
	SELECT i.status FROM installation i WHERE i.installation_id = p_installation
$$;
-- As if it had been so for a while.
CREATE FUNCTION pg_temp.ago(p_installation text, p_time interval) RETURNS void LANGUAGE sql AS $$
	UPDATE token t SET refused_since = now() - p_time WHERE t.installation_id = p_installation
$$;
CREATE FUNCTION pg_temp.obtained(p_installation text, p_time interval) RETURNS void LANGUAGE sql AS $$
	UPDATE token t SET obtained_at = now() - p_time WHERE t.installation_id = p_installation
$$;

SELECT pg_temp.link('cabin', 'alex', 'refusal-1'), pg_temp.link('boat', 'alex', 'refusal-2') \g /dev/null
UPDATE installation SET status = 'active', synced_at = now();
UPDATE token SET obtained_at = now() - interval '8 hours';

-- One is refused, others are not.
SELECT is(pg_temp.refuse('home'), 'again', 'a refusal is tried again');
SELECT is(pg_temp.due_in('home', 'refresh'), interval '1 minute', 'after the delay');
SELECT is((SELECT last_error FROM token WHERE installation_id = 'home'), 'refused', 'and is recorded');
SELECT is((SELECT client_refused FROM health()), false, 'one of several tells nothing of the client settings');
SELECT pg_temp.ago('home', interval '40 minutes') \g /dev/null
SELECT is(pg_temp.refuse('home'), 'again', 'nor is it dead after 40 minutes');
SELECT is((SELECT count(*) FROM work WHERE kind = 'refresh' AND installation_id <> 'home' AND run_at <= now()), 1::bigint,
	'but another one is refreshed, to compare');
SELECT pg_temp.ago('home', interval '5 hours') \g /dev/null
SELECT is(pg_temp.refuse('home'), 'again', 'without a comparison it is not dead after hours');
SELECT is(pg_temp.status('home'), 'active', 'and stays linked');
SELECT pg_temp.obtained('cabin', interval '1 hour') \g /dev/null
SELECT set_config('test.seq', pg_temp.seq('home')::text, true) \g /dev/null
SELECT is(pg_temp.refuse('home'), 'dead', 'refused for hours while another is refreshed: dead');
SELECT is(pg_temp.status('home'), 'needs_reauth', 'it must be linked again');
SELECT cmp_ok(pg_temp.seq('home'), '>', current_setting('test.seq')::bigint, 'which its page shows');
SELECT is(pg_temp.due_in('home', 'refresh'), interval '1 day', 'a mistake shows a day later');
SELECT is(pg_temp.refuse('home'), 'dead', 'refused then too, it stays dead');
SELECT pg_temp.ago('home', interval '9 days') \g /dev/null
SELECT pg_temp.refuse('home') \g /dev/null
SELECT is((SELECT waits_for FROM work WHERE installation_id = 'home' AND kind = 'refresh'), 'link', 'after a week nobody asks any more');
SELECT is((SELECT client_refused FROM health()), false, 'a dead one says nothing of the client settings');
SELECT pg_temp.link('home', 'alex', 'refusal-3') \g /dev/null
SELECT is((SELECT refused_since FROM token WHERE installation_id = 'home'), NULL, 'a new link ends it');
UPDATE installation SET status = 'active', synced_at = now();

-- The 30 days are over.
UPDATE token SET refresh_expires_at = now() WHERE installation_id = 'home';
SELECT is(pg_temp.refuse('home', 'client'), 'dead', 'refused after its 30 days, whatever is said: dead');
SELECT pg_temp.link('home', 'alex', 'refusal-4') \g /dev/null
UPDATE installation SET status = 'active', synced_at = now();

-- All are refused at once.
UPDATE token SET obtained_at = now() - interval '8 hours', refused_since = NULL;
SELECT pg_temp.refuse(i) FROM unnest(ARRAY['home', 'cabin', 'boat']) AS i \g /dev/null
UPDATE token SET refused_since = now() - interval '7 hours';
SELECT is(pg_temp.refuse('home'), 'client', 'all are refused for hours: it is the client');
SELECT is((SELECT array_agg(DISTINCT status::text) FROM installation), ARRAY['active'], 'nobody has to link again');
SELECT is((SELECT client_refused FROM health()), true, 'GET /healthz says so');
SELECT token_store('cabin', (SELECT generation FROM token WHERE installation_id = 'cabin'), '\x03', '\x04', 'k1', NULL, 86400, 0) \g /dev/null
SELECT is((SELECT client_refused FROM health()), false, 'one that is refreshed ends it');
SELECT is((SELECT refused_since FROM token WHERE installation_id = 'cabin'), NULL, 'and is not refused any more');

-- The answer names the client.
UPDATE token SET obtained_at = now() - interval '8 hours', refused_since = NULL;
SELECT is(pg_temp.refuse('home', 'client'), 'client', 'invalid_client is the client at once');
SELECT pg_temp.ago('home', interval '5 hours'), pg_temp.obtained('boat', interval '1 hour') \g /dev/null
SELECT pg_temp.refuse('home', 'client') \g /dev/null
SELECT is(pg_temp.status('home'), 'active', 'and never makes a location be linked again before its 30 days are over');

-- One location alone.
DELETE FROM token WHERE installation_id <> 'home';
UPDATE installation SET status = 'removed' WHERE installation_id <> 'home';
UPDATE token SET obtained_at = now() - interval '8 hours', refused_since = NULL;
SELECT is(pg_temp.refuse('home'), 'client', 'of one alone it may be the client');
SELECT pg_temp.ago('home', interval '4 hours') \g /dev/null
SELECT is(pg_temp.refuse('home'), 'dead', 'or its token: after hours its page asks for the link');
SELECT token_store('home', (SELECT generation FROM token), '\x03', '\x04', 'k1', NULL, 86400, 0) \g /dev/null
SELECT is(pg_temp.status('home'), 'active', 'and it goes on by itself when the settings were wrong and are mended');
SELECT is(pg_temp.refuse('nobody'), 'again', 'an installation that is gone is no matter');

SELECT * FROM finish();
ROLLBACK;
