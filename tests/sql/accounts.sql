-- Sessions, states, linking, tokens.
BEGIN;
\ir fixture.psql
SELECT plan(48);

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

SELECT set_config('test.first', generation::text, true) FROM token WHERE installation_id = 'home' \g /dev/null
SELECT is(pg_temp.link('home', 'alex', 'cookie-3', 'cookie-1'), current_setting('test.user')::bigint, 'the same installation keeps its user');
SELECT ok((SELECT generation FROM token WHERE installation_id = 'home') > current_setting('test.first')::bigint, 'its tokens are replaced, by a higher generation');
SELECT is((SELECT count(*) FROM switch), 2::bigint, 'its devices stay');
SELECT is_empty($$ SELECT 1 FROM session WHERE session_hash = pg_temp.hash('cookie-1') $$, 'sign-in gives a new session id');
SELECT is(pg_temp.link('cabin', 'alex', 'cookie-4'), current_setting('test.user')::bigint, 'a second location of the same owner joins the same user');
SELECT isnt(pg_temp.link('flat', 'sam', 'cookie-6'), current_setting('test.user')::bigint, 'another owner is another user');
SELECT is(installation_disconnect(current_setting('test.user')::bigint, 'flat'), false, 'nobody disconnects another''s location');
SELECT is(installation_disconnect(current_setting('test.user')::bigint, 'home'), true, 'but their own');
SELECT is((SELECT count(*) FROM token WHERE installation_id = 'home'), 1::bigint, 'the token stays until the platform knows');
SELECT is((SELECT count(*) FROM work WHERE installation_id = 'home' AND kind = 'uninstall'), 1::bigint, 'which is the worker''s job');
SELECT is((SELECT count(*) FROM device WHERE installation_id = 'home'), 0::bigint, 'the devices are gone at once');
SELECT is((SELECT count(*) FROM session_load(pg_temp.hash('cookie-4'))), 1::bigint, 'the session lives on for the other locations');

-- Tokens: one refresh at a time, no way back to an older pair.
UPDATE token SET generation = 1 WHERE installation_id = 'flat';
DELETE FROM work WHERE kind <> 'refresh';
UPDATE work SET run_at = now() - interval '1 second' WHERE installation_id = 'flat';
SELECT is((SELECT count(*) FROM pg_temp.claim('w1')) + (SELECT count(*) FROM pg_temp.claim('w2')), 1::bigint, 'one worker refreshes');
SELECT is(token_store('flat', 1, '\x03', '\x04', 'k1', NULL, 86400, 0), true, 'its answer is stored');
SELECT is(token_store('flat', 1, '\x05', '\x06', 'k1', NULL, 86400, 0), false, 'an answer of an older generation is not');
SELECT is(token_dead('flat', 1, 'invalid_grant'), false, 'nor does an older refusal count');

-- A refresh token that the platform refuses: once may be a mistake.
CREATE FUNCTION pg_temp.refuse() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE work SET run_at = now() WHERE installation_id = 'flat' AND kind = 'refresh';
	IF NOT EXISTS (SELECT 1 FROM pg_temp.claim('w1') WHERE kind = 'refresh') THEN
		RETURN 'not asked';
	END IF;
	PERFORM token_dead('flat', (SELECT generation FROM token WHERE installation_id = 'flat'), 'invalid_grant');
	RETURN (SELECT status || ' ' || pg_temp.due_in('flat', 'refresh') FROM installation WHERE installation_id = 'flat');
END $$;
CREATE FUNCTION pg_temp.status() RETURNS text LANGUAGE sql AS $$ SELECT status::text FROM installation WHERE installation_id = 'flat' $$;
DELETE FROM work WHERE installation_id <> 'flat';
DELETE FROM token WHERE installation_id = 'home';
UPDATE installation SET status = 'active', synced_at = now() WHERE installation_id = 'flat';
SELECT is(pg_temp.refuse(), 'active 00:01:00', 'after one refusal the platform is asked again in a minute');
SELECT is(pg_temp.refuse(), 'active 00:10:00', 'after two in ten');
SELECT is(pg_temp.refuse(), 'needs_reauth 1 day', 'at the third it must be linked again, and is asked about daily');
SELECT ok(work_next_ms('{t,t,t}', true) BETWEEN 1 AND 86400000, 'which is work to do');
SELECT is((SELECT array_agg(DISTINCT pg_temp.refuse()) FROM generate_series(4, 9)), ARRAY['needs_reauth 1 day'], 'for a week');
SELECT is((SELECT refusals FROM token WHERE installation_id = 'flat'), 9, 'that is nine');
UPDATE work SET run_at = now() WHERE installation_id = 'flat' AND kind = 'refresh';
SELECT is((SELECT array_agg(kind) FROM pg_temp.claim('w1')), ARRAY['refresh'], 'it is asked about a last time');
SELECT token_dead('flat', 2, 'invalid_grant') \g /dev/null
SELECT is((SELECT waits_for FROM work WHERE installation_id = 'flat' AND kind = 'refresh'), 'link', 'and then no more');
SELECT is(work_next_ms('{t,t,t}', true), NULL, 'which nobody waits for');
UPDATE token SET refusals = 4 WHERE installation_id = 'flat';
SELECT token_failed('flat', 2, 'timeout', 0) \g /dev/null
SELECT is((SELECT array_agg(kind) FROM pg_temp.claim('w1')), ARRAY['refresh'], 'a platform that did not answer is asked again');
SELECT is(token_store('flat', 2, '\x07', '\x08', 'k1', NULL, 86400, 0), true, 'when it takes the token after all');
SELECT is(pg_temp.status() || ' ' || (SELECT refusals FROM token WHERE installation_id = 'flat'), 'active 0', 'nobody has to link again');
SELECT token_refused('flat', 3, 1, 0) \g /dev/null
SELECT is(pg_temp.refuse(), 'needs_reauth 00:01:00', 'without a good access token it must be linked again at once, and is asked about all the same');
SELECT is(token_store('flat', 3, '\x09', '\x0a', 'k1', NULL, 86400, 0), true, 'until it is good');
SELECT token_failed('flat', 4, 'timeout', 0) \g /dev/null
SELECT is(pg_temp.refuse(), 'needs_reauth 00:01:00', 'and so must one whose token a refresh without an answer may have used up');
SELECT token_store('flat', 4, '\x0b', '\x0c', 'k1', NULL, 86400, 0) \g /dev/null
SELECT token_dead('flat', 5, 'REVOKED') \g /dev/null
SELECT is(pg_temp.status(), 'needs_reauth', 'what the platform says of the installation itself is a fact');
SELECT is(pg_temp.refuse(), 'not asked', 'that is not asked about');
SELECT pg_temp.link('flat', 'sam', 'cookie-9') \g /dev/null
SELECT is((SELECT refusals || ' ' || (pg_temp.due_in('flat', 'refresh') < '1 day') FROM token WHERE installation_id = 'flat'), '0 true', 'a new link begins anew');

-- A location that was uninstalled, without a word to us, and linked again has a new id.
CREATE FUNCTION pg_temp.link_of(p_installation text, p_owner text, p_location text, p_ago interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.link(p_installation, p_owner, 'cookie of ' || p_installation);
	UPDATE installation SET linked_at = now() - p_ago WHERE installation_id = p_installation;
	PERFORM installation_set_location(p_installation, p_location);
END $$;
CREATE FUNCTION pg_temp.living(p_location text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(installation_id, ' ' ORDER BY installation_id) FROM installation WHERE location_id = p_location AND status <> 'removed' $$;
SELECT pg_temp.link_of('lake-1', 'alex', 'lake', '3 days') \g /dev/null
SELECT pg_temp.link_of('lake-2', 'sam', 'lake', '2 days') \g /dev/null
SELECT pg_temp.link_of('hill-1', 'alex', 'hill', '2 days') \g /dev/null
SELECT is(pg_temp.living('lake'), 'lake-1 lake-2', 'another owner''s installation of a location stays');
SELECT pg_temp.link_of('lake-3', 'alex', 'lake', '1 day') \g /dev/null
SELECT is(pg_temp.living('lake'), 'lake-2 lake-3', 'a new one of the same owner takes the place of the dead one');
SELECT is(pg_temp.living('hill'), 'hill-1', 'other locations stay');
SELECT is((SELECT count(*) FROM token WHERE installation_id = 'lake-1') + (SELECT count(*) FROM work WHERE installation_id = 'lake-1'), 0::bigint,
	'for which no call is made any more');
SELECT is((SELECT count(*) FROM session_load(pg_temp.hash('cookie of lake-1'))), 1::bigint, 'its owner stays signed in');
-- A row made before owners were asked for.
INSERT INTO installation (installation_id, location_id, status, linked_at) VALUES ('lake-4', 'lake', 'active', now() - interval '1 hour');
SELECT is(pg_temp.living('lake'), 'lake-2 lake-3 lake-4', 'one whose owner is not known takes nobody''s place');
SELECT installation_set_owner('lake-4', 'alex') \g /dev/null
SELECT is(pg_temp.living('lake'), 'lake-2 lake-4', 'until the platform names the owner');
SELECT * FROM finish();
ROLLBACK;
