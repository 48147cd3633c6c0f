-- Answers in a worker's spool: newer ones replace what a standby that lags, or a backup, has; older ones nothing.
BEGIN;
\ir fixture.psql
SELECT plan(17);

CREATE FUNCTION pg_temp.generation() RETURNS bigint LANGUAGE sql AS $$ SELECT generation FROM token WHERE installation_id = 'home' $$;
CREATE FUNCTION pg_temp.pair() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', access_sealed, refresh_sealed) FROM token WHERE installation_id = 'home' $$;
SELECT set_config('test.first', pg_temp.generation()::text, true) \g /dev/null
CREATE FUNCTION pg_temp.first() RETURNS bigint LANGUAGE sql AS $$ SELECT current_setting('test.first')::bigint $$;
CREATE TEMPORARY TABLE yesterday AS SELECT * FROM token;

-- What the database says of the answer to the refresh of a generation: null when it has that pair.
CREATE FUNCTION pg_temp.said(p_generation bigint) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN s.newer THEN 'newer' ELSE 'older' END FROM token_spooled(ARRAY['home'], ARRAY[p_generation]) s $$;

SELECT is(token_store('home', pg_temp.first(), '\x11', '\x12', 'k1', NULL, 86400, 0), true, 'a refresh');
SELECT is(token_store('home', pg_temp.first() + 1, '\x21', '\x22', 'k1', NULL, 86400, 0), true, 'and another');
SELECT is(pg_temp.said(pg_temp.first() + 1), NULL, 'the last answer is what is stored');
SELECT is(pg_temp.said(pg_temp.first()), 'older', 'the one before is of no use any more');

DELETE FROM token;
INSERT INTO token SELECT * FROM yesterday;
SELECT is(pg_temp.said(pg_temp.first() + 1), 'newer', 'to a backup, or a standby that lags, it is newer');
SELECT is(token_store('home', pg_temp.first() + 1, '\x21', '\x22', 'k1', NULL, 86400, 3600), true, 'and is stored, over the gap');
SELECT is(pg_temp.pair(), '\x21 \x22', 'that is the pair');
SELECT is(pg_temp.generation(), pg_temp.first() + 2, 'of the generation it had');
SELECT is((SELECT obtained_at = now() - interval '1 hour' AND expires_at = now() + interval '23 hours' FROM token), true, 'as old as it is');

SELECT installation_erase('home', false) \g /dev/null
SELECT is(pg_temp.said(pg_temp.first() + 1), 'older', 'of a location that is gone nothing is kept');
SELECT pg_temp.link('home', 'alex', 'cookie-9') \g /dev/null
SELECT cmp_ok(pg_temp.generation(), '>', pg_temp.first() + 2, 'linked again its generation is higher than before');
SELECT is(pg_temp.said(pg_temp.first() + 1), 'older', 'than that of any answer of then');
SELECT is(token_store('home', pg_temp.first() + 1, '\x21', '\x22', 'k1', NULL, 86400, 3600), false, 'which does not overwrite it');
SELECT is(pg_temp.pair(), '\x01 \x02', 'the pair of the new link stays');

-- The same after a backup of before was restored, and the location linked once more.
DELETE FROM token;
INSERT INTO token SELECT * FROM yesterday;
SELECT pg_temp.link('home', 'alex', 'cookie-10') \g /dev/null
SELECT is(pg_temp.said(pg_temp.first() + 1), 'older', 'linked again on a restored backup: the same');

SELECT results_eq($$ SELECT "position", newer FROM token_spooled(ARRAY['gone', 'home', 'home'], ARRAY[1, pg_temp.generation() - 1, pg_temp.generation()]) $$,
	$$ VALUES (0, false), (2, true) $$, 'each is named by its position');
TRUNCATE installation CASCADE;
SELECT is_empty($$ SELECT 1 FROM token_spooled(ARRAY['home'], ARRAY[1::bigint]) $$, 'an empty database is not the one that they are of');
SELECT * FROM finish();
ROLLBACK;
