-- Links that let somebody in: made by owners, good once, for a day.
BEGIN;
\ir fixture.psql
SELECT plan(44);

CREATE FUNCTION pg_temp.me() RETURNS bigint LANGUAGE sql AS $$ SELECT current_setting('test.user')::bigint $$;
CREATE FUNCTION pg_temp.user_of(p_owner text) RETURNS bigint LANGUAGE sql AS $$
	SELECT user_id FROM user_account WHERE owner_id = p_owner $$;
CREATE FUNCTION pg_temp.invites(p_code text, p_user bigint DEFAULT pg_temp.me()) RETURNS boolean LANGUAGE sql AS $$
	SELECT invitation_make(p_user, pg_temp.hash(p_code)) $$;
CREATE FUNCTION pg_temp.is_open(p_code text) RETURNS boolean LANGUAGE sql AS $$ SELECT invitation_is_open(pg_temp.hash(p_code)) $$;
CREATE FUNCTION pg_temp.id(p_code text) RETURNS uuid LANGUAGE sql AS $$
	SELECT public_id FROM invitation WHERE code_hash = pg_temp.hash(p_code) $$;
CREATE FUNCTION pg_temp.enters(p_owner text, p_code text, p_sign_up text DEFAULT 'invite', p_installation text DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM installation_link_owner(coalesce(p_installation, 'place-of-' || p_owner), p_owner, NULL, '\x01', '\x02', 'k1', 86400,
		NULL, pg_temp.hash('enters ' || gen_random_uuid()), NULL, pg_temp.hash('offer'), p_sign_up, pg_temp.hash(p_code)) $$;
CREATE FUNCTION pg_temp.refused(p_role text, p_sql text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', p_role);
	EXECUTE p_sql;
	RESET ROLE;
	RETURN false;
EXCEPTION WHEN insufficient_privilege THEN
	RESET ROLE;
	RETURN true;
END $$;
SELECT is(pg_temp.enters('alex', NULL, 'invite', 'home'), 'signed_in', 'whose Switchboard it is');

-- One link, one person.
SELECT is(pg_temp.enters('sam', NULL), 'refused', 'nobody else without a code');
SELECT is(pg_temp.enters('sam', 'invented'), 'refused', 'nor with one that nobody made');
SELECT ok(pg_temp.invites('code-1'), 'an owner makes an invitation');
SELECT results_eq($$ SELECT expires_at - created_at, used_at FROM invitation $$, $$ VALUES (interval '1 day', NULL::timestamptz) $$, 'it is good for a day');
SELECT ok(pg_temp.is_open('code-1') AND NOT pg_temp.is_open('code-2'), 'by its code');
SELECT is(pg_temp.enters('alex', 'code-1'), 'signed_in', 'who needs none');
SELECT ok(pg_temp.is_open('code-1'), 'does not use it up');
SELECT is(pg_temp.enters('sam', 'code-1', 'closed'), 'refused', 'when nobody new may come in it lets nobody in');
SELECT ok(pg_temp.is_open('code-1'), 'and is not used up');
SELECT is(pg_temp.enters('sam', 'code-1', 'open'), 'signed_in', 'when everybody may nobody needs it');
SELECT ok(pg_temp.is_open('code-1'), 'nor uses it up');
SELECT is(pg_temp.enters('kim', 'code-1'), 'signed_in', 'somebody new comes in with it');
SELECT is((SELECT used_at FROM invitation), now(), 'and uses it up');
SELECT ok(NOT pg_temp.is_open('code-1'), 'then it is not open');
SELECT is(pg_temp.enters('lee', 'code-1'), 'refused', 'and lets nobody else in');
SELECT is_empty($$ SELECT 'account' FROM user_account WHERE owner_id = 'lee' UNION ALL SELECT 'installation' FROM installation
	WHERE installation_id = 'place-of-lee' UNION ALL SELECT 'token' FROM token WHERE installation_id = 'place-of-lee' $$, 'of whom nothing is kept');
SELECT is(pg_temp.enters('kim', 'code-1', 'invite', 'cabin-of-kim'), 'signed_in', 'who came in with it may come again');
SELECT ok(pg_temp.invites('code-of-kim', pg_temp.user_of('kim')), 'and invite others');
SELECT is(pg_temp.enters('lee', 'code-of-kim', 'invite', 'home'), 'signed_in', 'to a location that is linked as well');
SELECT is((SELECT role FROM access WHERE installation_id = 'home' AND user_id = pg_temp.user_of('lee')), 'owner', 'as an owner of it');

-- What is not good any more.
SELECT ok(pg_temp.invites('code-old') AND pg_temp.invites('code-back'), 'two more');
UPDATE invitation SET expires_at = now() WHERE code_hash = pg_temp.hash('code-old');
SELECT ok(NOT pg_temp.is_open('code-old'), 'one that has expired');
SELECT is(pg_temp.enters('robin', 'code-old'), 'refused', 'lets nobody in');
SELECT is(invitation_withdraw(pg_temp.user_of('kim'), pg_temp.id('code-back')), false, 'nobody withdraws another''s');
SELECT ok(pg_temp.is_open('code-back'), 'which stays open');
SELECT is(invitation_withdraw(pg_temp.me(), pg_temp.id('code-back')), true, 'its maker does');
SELECT is(pg_temp.enters('robin', 'code-back'), 'refused', 'then it lets nobody in');
SELECT is(invitation_withdraw(pg_temp.me(), pg_temp.id('code-1')), false, 'one that was used cannot be withdrawn');
SELECT is((SELECT count(*) FROM invitation_list(pg_temp.me()) WHERE used_ms IS NOT NULL), 1::bigint, 'and is listed');
UPDATE invitation SET expires_at = now() - interval '1 second' WHERE code_hash IN (pg_temp.hash('code-1'), pg_temp.hash('code-old'));
SELECT is_empty($$ SELECT * FROM invitation_list(pg_temp.me()) $$, 'until it expires');

-- Who may make them, and how many.
SELECT pg_temp.invites('code-' || n) FROM generate_series(10, 28) n \g /dev/null
SELECT ok(pg_temp.invites('code-29'), 'twenty may be open');
SELECT is_empty($$ SELECT 1 FROM invitation WHERE expires_at < now() $$, 'expired ones are deleted meanwhile');
SELECT ok(NOT pg_temp.invites('code-30'), 'and no more');
SELECT ok(pg_temp.invites('code-31', pg_temp.user_of('lee')), 'of each person');
SELECT is((SELECT count(*) FROM invitation_list(pg_temp.me())), 20::bigint, 'who sees their own');
SELECT access_grant('cabin-of-kim', pg_temp.me(), 'control') \g /dev/null
SELECT installation_erase('home', false), installation_erase('place-of-alex', false) \g /dev/null
SELECT isnt(pg_temp.user_of('alex'), NULL, 'who only sees what others own');
SELECT ok(NOT pg_temp.invites('code-32') AND NOT pg_temp.is_open('code-29'), 'neither invites nor has invited');
SELECT is(pg_temp.enters('robin', 'code-29'), 'refused', 'anybody who comes later');
SELECT installation_erase('cabin-of-kim', false) \g /dev/null
SELECT is_empty($$ SELECT 1 FROM invitation WHERE made_by = pg_temp.me() $$, 'who is forgotten leaves none');

-- Least privilege.
SELECT is_empty($$ SELECT r FROM unnest(ARRAY['webhook', 'dashboard', 'events', 'oauth', 'reader']) r
	WHERE NOT pg_temp.refused('switchboard_' || r, 'SELECT code_hash FROM switchboard.invitation') $$, 'no web program reads the table');
SELECT ok(NOT pg_temp.refused('switchboard_dashboard', 'SELECT switchboard.invitation_may_make(0), switchboard.invitation_make(0, ''''), switchboard.invitation_is_open(''''),
	switchboard.invitation_withdraw(0, gen_random_uuid()), (SELECT count(*) FROM switchboard.invitation_list(0))'), 'the dashboard makes, lists and withdraws');
SELECT is_empty($$ SELECT r, f FROM unnest(ARRAY['webhook', 'oauth', 'events', 'worker', 'reader']) r,
	unnest(ARRAY['invitation_make(0, '''')', 'invitation_list(0)', 'invitation_withdraw(0, gen_random_uuid())', 'invitation_is_open('''')']) f
	WHERE NOT pg_temp.refused('switchboard_' || r, 'SELECT switchboard.' || f) $$, 'and nobody else');
SELECT ok(pg_temp.refused('switchboard_dashboard', 'SELECT switchboard.invitation_take('''')')
	AND pg_temp.refused('switchboard_oauth', 'SELECT switchboard.invitation_take('''')'), 'none is used up but by a link');
SELECT * FROM finish();
ROLLBACK;
