-- Sessions, states, linking, tokens.
BEGIN;
\ir fixture.psql
SELECT plan(23);

SELECT oauth_state_put(pg_temp.hash('state'), pg_temp.hash('browser')) \g /dev/null
SELECT is(oauth_state_take(pg_temp.hash('state'), pg_temp.hash('other')), false, 'a state belongs to its browser');
SELECT is(oauth_state_take(pg_temp.hash('state'), pg_temp.hash('browser')), true, 'and is good once');
SELECT is(oauth_state_take(pg_temp.hash('state'), pg_temp.hash('browser')), false, 'not twice');
SELECT oauth_state_put(pg_temp.hash('old'), pg_temp.hash('browser')) \g /dev/null
UPDATE oauth_state SET expires_at = now() - interval '1 second';
SELECT is(oauth_state_take(pg_temp.hash('old'), pg_temp.hash('browser')), false, 'not after its time');

SELECT is((SELECT user_id FROM session_load(pg_temp.hash('cookie-1'))), current_setting('test.user')::bigint, 'a session says who');
SELECT is_empty($$ SELECT * FROM session_load(pg_temp.hash('wrong')) $$, 'an unknown cookie is nobody');
UPDATE session SET expires_at = now() - interval '1 second';
SELECT is_empty($$ SELECT * FROM session_load(pg_temp.hash('cookie-1')) $$, 'an old one is nobody');

SELECT is(pg_temp.link('home', 'alex', 'cookie-3', 'cookie-1'), current_setting('test.user')::bigint, 'the same installation keeps its user');
SELECT is((SELECT generation FROM token WHERE installation_id = 'home'), 2::bigint, 'its tokens are replaced');
SELECT is((SELECT count(*) FROM switch), 2::bigint, 'its devices stay');
SELECT is_empty($$ SELECT 1 FROM session WHERE session_hash = pg_temp.hash('cookie-1') $$, 'sign-in gives a new session id');
SELECT is(pg_temp.link('cabin', 'alex', 'cookie-4'), current_setting('test.user')::bigint, 'a second location of the same owner joins the same user');
SELECT isnt(pg_temp.link('flat', 'sam', 'cookie-6'), current_setting('test.user')::bigint, 'another owner is another user');
SELECT is(installation_disconnect(current_setting('test.user')::bigint, 'flat'), false, 'nobody disconnects another''s location');
SELECT is(installation_disconnect(current_setting('test.user')::bigint, 'home'), true, 'but their own');
SELECT is((SELECT count(*) FROM token WHERE installation_id = 'home'), 1::bigint, 'the token stays until the platform knows');
SELECT is((SELECT count(*) FROM job WHERE installation_id = 'home' AND kind = 'uninstall'), 1::bigint, 'which is the worker''s job');
SELECT is((SELECT count(*) FROM device WHERE installation_id = 'home'), 0::bigint, 'the devices are gone at once');
SELECT is((SELECT count(*) FROM session_load(pg_temp.hash('cookie-4'))), 1::bigint, 'the session lives on for the other locations');

-- Tokens: one refresh at a time, no way back to an older pair.
UPDATE token SET refresh_after = now() - interval '1 second' WHERE installation_id = 'flat';
SELECT is((SELECT count(*) FROM token_claim('w1', 10)) + (SELECT count(*) FROM token_claim('w2', 10)), 1::bigint, 'one worker refreshes');
SELECT is(token_store('flat', 1, '\x03', '\x04', 'k1', NULL, 86400, 0), true, 'its answer is stored');
SELECT is(token_store('flat', 1, '\x05', '\x06', 'k1', NULL, 86400, 0), false, 'an answer of an older generation is not');
SELECT is(token_dead('flat', 1, 'invalid_grant'), false, 'nor does an older refusal count');
SELECT * FROM finish();
ROLLBACK;
