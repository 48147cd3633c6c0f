-- Known texts under seal keys: made by whoever seals first, kept while they are of use.
BEGIN;
\ir fixture.psql
SELECT plan(18);

CREATE FUNCTION pg_temp.check_keys(p_key text, p_sealed bytea DEFAULT '\xaa') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', key_id, coalesce(sealed::text, '-'), CASE WHEN used THEN 'used' END, CASE WHEN elsewhere THEN 'elsewhere' END), ', ')
		FROM seal_canary_check(p_key, p_sealed) $$;

SELECT is(pg_temp.check_keys('k1'), 'k1 - used', 'while tokens are sealed with a key, none is made that may be another one''s');
SELECT is((SELECT string_agg(installation_id || ' ' || access_sealed, ', ') FROM seal_canary_sample('k1')), 'home \x01', 'a token shows whose it is');
SELECT seal_canary_put('k1', '\x11') \g /dev/null
SELECT seal_canary_put('k1', '\x12') \g /dev/null
SELECT is(pg_temp.check_keys('k1'), 'k1 \x11 used', 'the first one stays');
SELECT is(pg_temp.check_keys('k2', '\x21'), 'k1 \x11 used, k2 \x21', 'of a key without tokens one is made');
SELECT is(pg_temp.check_keys('k2', '\x22'), 'k1 \x11 used, k2 \x21', 'once');
SELECT is((SELECT unseen_s FROM seal_canary_check('k2', '\x22') WHERE key_id = 'k1'), 0::bigint, 'it is new');

SELECT worker_seen('w1', 'host', 1) \g /dev/null
SELECT seal_canary_seen('w1', ARRAY['k1', 'k3'], NULL) \g /dev/null
SELECT is(pg_temp.check_keys('k2'), 'k1 \x11 used elsewhere, k2 \x21', 'a running worker has a key');
SELECT is((SELECT workers_lacking_key FROM health()), 0::bigint, 'and lacks none');
SELECT seal_canary_seen('w1', ARRAY['k2'], 'k1') \g /dev/null
SELECT is((SELECT workers_lacking_key FROM health()), 1::bigint, 'one that lacks a key shows');
SELECT is(pg_temp.check_keys('k2'), 'k1 \x11 used, k2 \x21', 'and nobody waits for it');
SELECT seal_canary_seen('w1', ARRAY['k1', 'k2'], NULL) \g /dev/null
UPDATE worker SET seen_at = now() - interval '1 minute';
SELECT is(pg_temp.check_keys('k2'), 'k1 \x11 used, k2 \x21', 'one that is dead does not count');

-- Which are forgotten.
UPDATE seal_canary SET seen_at = now() - interval '4 minutes';
SELECT is(pg_temp.check_keys('k1'), 'k1 \x11 used, k2 \x21', 'a key with tokens stays; another one for a day');
SELECT is(pg_temp.check_keys('k2', '\x23'), 'k1 \x11 used, k2 \x23', 'unless nobody has it and another key takes its id');
UPDATE seal_canary SET seen_at = now() - interval '2 minutes';
SELECT is(pg_temp.check_keys('k2', '\x24'), 'k1 \x11 used, k2 \x23', 'which a running worker prevents');
UPDATE seal_canary SET seen_at = now() - interval '2 days';
SELECT is(pg_temp.check_keys('k3', '\x31'), 'k1 \x11 used, k3 \x31', 'what was not seen for a day is gone when no token needs it');
SELECT is((SELECT unseen_s FROM seal_canary_check('k3', '\x31') WHERE key_id = 'k1'), 2 * 86400::bigint, 'and what is needed says since when nobody has it');
UPDATE token SET seal_key_id = 'k3';
SELECT is(pg_temp.check_keys('k3'), 'k3 \x31 used', 'the old key is forgotten when its tokens were sealed anew');
SELECT is((SELECT count(*) FROM seal_canary), 1::bigint, 'for good');
SELECT * FROM finish();
ROLLBACK;
