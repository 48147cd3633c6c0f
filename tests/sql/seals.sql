-- A change of seal keys: rows are swapped one by one, and never over a newer pair.
BEGIN;
\ir fixture.psql
SELECT plan(27);
SELECT pg_temp.link('cabin', 'alex', 'cookie-2') \g /dev/null
UPDATE token SET generation = 1;

CREATE FUNCTION pg_temp.pair(p_installation text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', seal_key_id, generation, access_sealed, refresh_sealed) FROM token WHERE installation_id = p_installation $$;
CREATE FUNCTION pg_temp.status(p_installation text) RETURNS text LANGUAGE sql AS $$
	SELECT status FROM installation WHERE installation_id = p_installation $$;

SELECT is(token_seal_due('k1'), false, 'under the first key: nothing to do');
SELECT is(token_seal_due('k2'), true, 'under another: something');
SELECT is(token_seal_due('k0'), true, 'whichever comes first in the alphabet');
SELECT results_eq($$ SELECT installation_id, seal_key_id, marked FROM token_seal_next('k2', '', 10) $$,
	$$ VALUES ('cabin', 'k1', false), ('home', 'k1', false) $$, 'the rows, by id');
SELECT results_eq($$ SELECT installation_id FROM token_seal_next('k2', '', 1) $$, $$ VALUES ('cabin') $$, 'no more than the limit');
SELECT results_eq($$ SELECT installation_id FROM token_seal_next('k2', 'cabin', 10) $$, $$ VALUES ('home') $$, 'from where the last ended');

SELECT is(token_reseal('home', 1, '\x02', '\x11', '\x12', 'k2'), true, 'a row is swapped');
SELECT is(pg_temp.pair('home'), 'k2 1 \x11 \x12', 'with the generation it had');
SELECT is(token_reseal('home', 1, '\x02', '\x21', '\x22', 'k3'), false, 'once: another worker comes too late');
SELECT is(token_store('cabin', 1, '\x03', '\x04', 'k1', NULL, 86400, 0), true, 'a refresh that comes between');
SELECT is(token_reseal('cabin', 1, '\x02', '\x11', '\x12', 'k2'), false, 'is not overwritten');
SELECT is(pg_temp.pair('cabin'), 'k1 2 \x03 \x04', 'nor is anything of it');
SELECT installation_erase('cabin', false) \g /dev/null
SELECT is(token_reseal('cabin', 2, '\x04', '\x11', '\x12', 'k2'), false, 'a location that is gone stays gone');
SELECT installation_link_owner('cabin', 'alex', NULL, '\x05', '\x06', 'k2', 86400, NULL, pg_temp.hash('cookie-3'), NULL, NULL, 'open') \g /dev/null
SELECT ok((SELECT generation FROM token WHERE installation_id = 'cabin') > 2, 'and one linked anew is of a higher generation');
UPDATE token SET generation = 1 WHERE installation_id = 'cabin';
SELECT is(token_reseal('cabin', 1, '\x02', '\x11', '\x12', 'k2'), false, 'and keeps its new pair whatever its generation');
SELECT is(token_seal_due('k2'), false, 'then all are under the new key');

-- A key that was taken away too early.
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT is(token_unopened('home', 1, '\x99'), false, 'another pair than the one that did not open says nothing');
SELECT is(token_unopened('home', 1, '\x12'), true, 'no key opens it: its status changes');
SELECT is(pg_temp.status('home') || ' ' || pg_temp.pair('home'), 'needs_reauth k2 1 \x11 \x12', 'it waits to be linked again, its row as it was');
SELECT is((SELECT error FROM command WHERE installation_id = 'home'), 'reconnect', 'a click that waits fails with that reason');
SELECT is(token_unopened('home', 1, '\x12'), false, 'once');
SELECT token_failed('home', 1, 'timeout', 1000) \g /dev/null
SELECT is((SELECT last_error FROM token WHERE installation_id = 'home'), 'sealed', 'a refresh that fails elsewhere does not hide it');
SELECT is(token_seal_due('k2'), true, 'it is looked at again when the keys have changed, even under the first');
SELECT is(token_reseal('home', 1, '\x12', '\x31', '\x32', 'k2'), true, 'the key is back');
SELECT is(pg_temp.status('home'), 'active', 'and nobody has to link again');
SELECT token_refused('home', 1, 1, 0) \g /dev/null
SELECT token_dead('home', 1, 'invalid_grant') \g /dev/null
SELECT token_reseal('home', 1, '\x32', '\x41', '\x42', 'k3') \g /dev/null
SELECT is(pg_temp.status('home'), 'needs_reauth', 'a grant that the platform ended stays ended');
SELECT is((SELECT last_error FROM token WHERE installation_id = 'home'), 'invalid_grant', 'for its own reason');
SELECT * FROM finish();
ROLLBACK;
