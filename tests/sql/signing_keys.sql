-- Who fetches a certificate, how many a network may cause to be fetched, and what is left of them.
BEGIN;
\ir fixture.psql
SELECT plan(21);

CREATE FUNCTION pg_temp.find(p_key text, p_network text DEFAULT '192.0.2.0/24') RETURNS text LANGUAGE sql AS $$
	SELECT action FROM switchboard.signing_key_find(p_key, p_network)
$$;
CREATE FUNCTION pg_temp.find_many(p_prefix text, p_network text, p_count integer) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(DISTINCT pg_temp.find(p_prefix || n, p_network)) FROM generate_series(1, p_count) n
$$;

SELECT is(pg_temp.find('/a'), 'fetch', 'the first one fetches');
SELECT is(pg_temp.find('/a'), 'wait', 'the others wait');
SELECT signing_key_put('/a', NULL, NULL, NULL) \g /dev/null
SELECT is(pg_temp.find('/a'), 'fetch', 'what verified nothing can be fetched again');
SELECT signing_key_put('/a', 'pem', extract(epoch FROM now() + interval '20 days')::bigint, NULL) \g /dev/null
SELECT is(pg_temp.find('/a'), 'cached', 'what verified something is there');
SELECT pg_temp.find('/b') \g /dev/null
SELECT signing_key_put('/b', NULL, NULL, 'refused') \g /dev/null
SELECT is(pg_temp.find('/b'), 'refused', 'a failure is remembered');

-- Refreshing, a day later.
UPDATE signing_key SET fetched_at = now() - interval '25 hours' WHERE key_id = '/a';
SELECT is(pg_temp.find('/a'), 'refresh', 'a certificate that is a day old is fetched again');
SELECT is(pg_temp.find('/a'), 'cached', 'by one process, and it goes on serving meanwhile');
SELECT signing_key_put('/a', NULL, NULL, 'away') \g /dev/null
SELECT is(pg_temp.find('/a'), 'cached', 'and when that has failed');
UPDATE signing_key SET failed_until = now() - interval '1 second' WHERE key_id = '/a';
SELECT is((SELECT (action, certificate, age_s) FROM signing_key_claim('/a')), ('fetch'::text, 'pem'::text, 86340), 'programs of the version before fetch it');
SELECT signing_key_put('/a', NULL, NULL, 'refused') \g /dev/null
SELECT is((SELECT (action, certificate, age_s) FROM signing_key_claim('/a')), ('cached'::text, 'pem'::text, 86340), 'or have it for a minute more');
UPDATE signing_key SET fetched_at = now() WHERE key_id = '/a';

-- The budget: three fetches are counted already.
SELECT is(pg_temp.find_many('/c', '192.0.2.0/24', 17), ARRAY['fetch'], 'a network may cause twenty fetches');
SELECT is(pg_temp.find('/d'), 'over_budget', 'and no more in this minute');
SELECT is((SELECT count(*) FROM signing_key WHERE key_id = '/d'), 0::bigint, 'what is not fetched leaves no row');
SELECT is(pg_temp.find('/a'), 'cached', 'a certificate that is there is for all');
SELECT is((SELECT action FROM signing_key_claim('/a')), 'cached', 'also for programs of the version before');
SELECT is(pg_temp.find('/d', '198.51.100.0/24'), 'fetch', 'another network has its own budget');
SELECT is((SELECT array_agg(DISTINCT a) FROM generate_series(1, 20) n, unnest(pg_temp.find_many('/e' || n || '-', 'n' || n, 20)) a),
	ARRAY['fetch', 'over_budget'], 'all together have one, too');
SELECT is((SELECT count(*) FROM signing_key_fetch), 400::bigint, 'twenty times as large');
UPDATE signing_key_fetch SET fetched_at = fetched_at - interval '1 minute';
UPDATE signing_key SET claimed_until = now() - interval '1 second', failed_until = now() - interval '1 second',
	first_seen_at = now() - interval '2 minutes';
INSERT INTO signing_key (key_id, certificate, not_after) VALUES ('/old', 'pem', now() - interval '2 hours');
SELECT is(pg_temp.find('/f'), 'fetch', 'a minute later they may again');
SELECT is((SELECT count(*) FROM signing_key_fetch), 1::bigint, 'what was counted is forgotten');
SELECT set_eq('SELECT key_id FROM signing_key', ARRAY['/a', '/f'], 'so are certificates that were never there or have ended');
SELECT * FROM finish();
ROLLBACK;
