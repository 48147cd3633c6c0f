-- Who sees which installation: its owner, other owners of it, and those it was shown to.
BEGIN;
\ir fixture.psql
SELECT plan(50);

CREATE FUNCTION pg_temp.user_of(p_owner text) RETURNS bigint LANGUAGE sql AS $$
	SELECT user_id FROM user_account WHERE owner_id = p_owner $$;
CREATE FUNCTION pg_temp.who(p_cookie text) RETURNS text LANGUAGE sql AS $$
	SELECT u.owner_id::text FROM session_load(pg_temp.hash(p_cookie)) s JOIN user_account u ON u.user_id = s.user_id $$;
-- The installations a browser shows, as the page and the stream say; different answers show as such.
CREATE FUNCTION pg_temp.sees(p_cookie text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN p.list IS NOT DISTINCT FROM r.list THEN p.list ELSE p.list || ' <> ' || r.list END FROM
		(SELECT string_agg(i.installation_id, ',' ORDER BY i.installation_id) AS list
			FROM session_load(pg_temp.hash(p_cookie)) s JOIN access a ON a.user_id = s.user_id
			JOIN installation i ON i.installation_id = a.installation_id AND i.status <> 'removed') p,
		(SELECT string_agg(r.installation_id, ',' ORDER BY r.installation_id) AS list
			FROM session_reach(ARRAY[pg_temp.hash(p_cookie)]) r) r $$;
CREATE FUNCTION pg_temp.outcome(p_installation text, p_owner text, p_session text, p_old_session text DEFAULT NULL,
	p_sign_up text DEFAULT 'open')
RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM installation_link_owner(p_installation, p_owner, 'r:devices:*', '\x01', '\x02', 'k1', 86400,
		pg_temp.hash(p_old_session), pg_temp.hash(p_session), 'test browser', pg_temp.hash('offer of ' || p_session), p_sign_up) $$;
CREATE FUNCTION pg_temp.answer(p_link text, p_cookie text, p_new text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT installation_id FROM access_offer_take(pg_temp.hash('offer of ' || p_link), pg_temp.hash(p_cookie),
		p_new IS NOT NULL, pg_temp.hash(p_new), 'test browser') $$;

-- Sam links a location in Alex' browser.
SELECT is(pg_temp.outcome('flat', 'sam', 'link-1', 'cookie-1'), 'asked', 'linking in a browser where another person is signed in asks');
SELECT is(pg_temp.who('cookie-1'), 'alex', 'who stays signed in meanwhile');
SELECT is(pg_temp.sees('cookie-1'), 'home', 'and sees nothing new');
SELECT is_empty($$ SELECT pg_temp.who('link-1') $$ || ' WHERE pg_temp.who(''link-1'') IS NOT NULL', 'there is no session but that');
SELECT results_eq($$ SELECT here, location FROM installation_link_owner('flat', 'sam', NULL, '\x01', '\x02', 'k1', 86400,
	pg_temp.hash('cookie-1'), pg_temp.hash('link-2'), NULL, pg_temp.hash('offer of link-2'), 'open') $$,
	$$ VALUES ('Home'::text, NULL::text) $$, 'the question says who is signed in');
SELECT is_empty($$ SELECT pg_temp.answer('link-1', 'cookie-2', NULL) $$, 'another browser cannot answer it');
SELECT results_eq($$ SELECT pg_temp.answer('link-1', 'cookie-1', NULL) $$, $$ VALUES ('flat'::text) $$, 'show it here');
SELECT is(pg_temp.sees('cookie-1'), 'flat,home', 'then it is seen');
SELECT is_empty($$ SELECT pg_temp.answer('link-1', 'cookie-1', NULL) $$, 'a question is answered once');
SELECT is(pg_temp.outcome('flat', 'sam', 'link-3', 'cookie-1'), 'kept', 'who sees it already is not asked again');
SELECT is(pg_temp.who('cookie-1'), 'alex', 'and stays who they are');

-- Sam in a browser of their own, and in place of Alex.
SELECT is(pg_temp.outcome('flat', 'sam', 'cookie-s'), 'signed_in', 'its owner is signed in in a browser of their own');
SELECT is(pg_temp.who('cookie-s'), 'sam', 'as themselves');
SELECT is(pg_temp.sees('cookie-s'), 'flat', 'and sees their own location and no other');
SELECT is(pg_temp.outcome('attic', 'sam', 'link-4', 'cookie-1'), 'asked', 'another location');
SELECT results_eq($$ SELECT pg_temp.answer('link-4', 'cookie-1', 'cookie-n') $$, $$ VALUES ('attic'::text) $$, 'sign in as its owner');
SELECT is(pg_temp.who('cookie-n'), 'sam', 'does that');
SELECT is(pg_temp.sees('cookie-n'), 'attic,flat', 'with all of their locations');
SELECT is((SELECT count(*) FROM session_load(pg_temp.hash('cookie-1'))), 0::bigint, 'instead of the other''s session');
SELECT pg_temp.outcome('cabin', 'alex', 'cookie-1') \g /dev/null
SELECT is(pg_temp.outcome('shed', 'sam', 'link-5', 'cookie-1'), 'asked', 'a question');
UPDATE access_offer SET expires_at = now() - interval '1 second';
SELECT is_empty($$ SELECT pg_temp.answer('link-5', 'cookie-1', 'cookie-x') $$, 'is not open for ever');

-- What is shown can be used; its owner alone disconnects it.
SELECT sync_apply('flat', now() - interval '1 hour', 'location', 'Flat', '[{"room":"r2","name":"Hall"}]',
	jsonb_build_array(pg_temp.sync_device('bulb', 'Bulb', 'off', now() - interval '2 hours', 'r2'))) \g /dev/null
SELECT is((SELECT outcome FROM command_request(pg_temp.user_of('alex'), 'bulb', 'main', 'on', NULL, 1000)), 'taken', 'a switch of it can be used');
SELECT is((SELECT count(*) FROM command_request_many(pg_temp.user_of('alex'), 'off', 'Hall', NULL, 1000)), 1::bigint, 'and its rooms');
SELECT ok(switch_is_of(pg_temp.user_of('alex'), 'bulb', 'main') AND location_is_of(pg_temp.user_of('alex'), 'Hall', 'flat'), 'and seen');
SELECT ok(NOT switch_is_of(pg_temp.user_of('sam'), 'lamp', 'main') AND NOT location_is_of(pg_temp.user_of('sam'), NULL, 'home'), 'not the other way round');
SELECT is_empty($$ SELECT * FROM command_request(pg_temp.user_of('sam'), 'lamp', 'main', 'on', NULL, 1000) $$, 'nor used');
SELECT is((SELECT count(*) FROM page_changes(ARRAY['flat'], ARRAY[0]::bigint[]) WHERE kind = 'switch'), 1::bigint, 'a stream gets each switch once');
SELECT is(installation_disconnect(pg_temp.user_of('alex'), 'flat'), true, 'who it is shown to can leave it');
SELECT is(pg_temp.sees('cookie-1') || ' ' || pg_temp.sees('cookie-s'), 'cabin,home attic,flat,shed', 'and only leaves it');

-- Two people of one household meet in the same installed app.
SELECT is(pg_temp.outcome('home', 'robin', 'cookie-r'), 'signed_in', 'a second owner of an installation');
SELECT is(pg_temp.who('cookie-r'), 'robin', 'is a person of their own');
SELECT is(pg_temp.sees('cookie-r') || ' ' || pg_temp.sees('cookie-1'), 'home cabin,home', 'both see it, and their own');
SELECT is((SELECT owner_id::text FROM installation WHERE installation_id = 'home'), 'alex', 'whose it was it stays');

-- What a sync learns.
UPDATE installation SET owner_id = NULL WHERE installation_id = 'cabin';
SELECT installation_set_owner('cabin', 'robin'), installation_set_owner('home', 'sam') \g /dev/null
SELECT results_eq($$ SELECT owner_id::text COLLATE "default" FROM installation WHERE installation_id IN ('cabin', 'home') ORDER BY installation_id $$,
	$$ VALUES ('robin'::text), ('alex'::text) $$, 'an owner is recorded where none was known');
SELECT is(pg_temp.sees('cookie-r') || ' ' || pg_temp.sees('cookie-1'), 'home cabin,home', 'and changes nobody''s access');

-- Programs of the version before.
SELECT is(installation_link('garage', 'robin', NULL, '\x01', '\x02', 'k1', 86400, pg_temp.hash('cookie-1'), pg_temp.hash('cookie-o'), NULL),
	pg_temp.user_of('robin'), 'the version before signs in the owner');
SELECT throws_ok($$ SELECT installation_link('barn', NULL, NULL, '\x01', '\x02', 'k1', 86400, pg_temp.hash('cookie-s'), pg_temp.hash('cookie-p'), NULL) $$,
	'P0001', NULL, 'and nobody when it does not know the owner');

-- Who may come in.
CREATE FUNCTION pg_temp.enters(p_owner text, p_sign_up text, p_installation text DEFAULT 'new') RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.outcome(p_installation, p_owner, 'enters ' || gen_random_uuid(), NULL, p_sign_up) $$;
SELECT is(pg_temp.enters('alex', 'invite'), 'signed_in', 'the first person may come in');
SELECT is(pg_temp.enters('alex', 'closed'), 'signed_in', 'always');
SELECT is(pg_temp.enters('sam', 'invite', 'flat'), 'signed_in', 'who sees something here may come in');
SELECT is(pg_temp.enters('sam', 'closed', 'boat'), 'signed_in', 'with another location');
SELECT is(pg_temp.enters('kim', 'invite', 'barn'), 'refused', 'nobody else without an invitation');
SELECT is(pg_temp.enters('kim', 'closed', 'barn'), 'refused', 'nor when nobody new may');
SELECT is(pg_temp.outcome('barn', 'kim', 'cookie-k', 'cookie-s', 'invite'), 'refused', 'not in the browser of a person who may either');
SELECT is(pg_temp.enters('kim', 'invite', 'home'), 'others', 'nor to a location that others have linked');
SELECT is_empty($$ SELECT 'account' FROM user_account WHERE owner_id = 'kim' UNION ALL SELECT 'installation' FROM installation
	WHERE installation_id = 'barn' UNION ALL SELECT 'token' FROM token WHERE installation_id = 'barn' UNION ALL
	SELECT 'session' FROM session_load(pg_temp.hash('cookie-k')) $$, 'and nothing of them is kept');
SELECT is(pg_temp.who('cookie-s'), 'sam', 'who was signed in stays so');
SELECT is(pg_temp.enters('kim', 'open', 'barn'), 'signed_in', 'everybody may when it is open');
DELETE FROM first_owner;
SELECT is(pg_temp.enters('lee', 'closed', 'hut'), 'refused', 'closed has no first person');
SELECT is(pg_temp.enters('lee', 'invite', 'hut'), 'signed_in', 'but by invitation the first one needs none');
SELECT * FROM finish();
ROLLBACK;
