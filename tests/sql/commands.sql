-- Commands: whose, in which order, confirmed by what.
BEGIN;
\ir fixture.psql
SELECT plan(79);
SELECT set_config('test.other', pg_temp.link('flat', 'sam', 'cookie-2')::text, true) \g /dev/null
SELECT sync_apply('flat', now(), 'p2', 'Flat', NULL, jsonb_build_array(
	pg_temp.sync_device('sam-lamp', 'Lamp', 'off', now() - interval '1 hour'))) \g /dev/null
CREATE FUNCTION pg_temp.expire() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT o.installation_id FROM (SELECT installation_id, array_agg(command_id ORDER BY error) AS commands,
		array_agg(error ORDER BY error) AS errors FROM command_overdue(10000) GROUP BY 1) o
	WHERE command_fail_overdue(o.installation_id, o.commands, o.errors) $$;
CREATE FUNCTION pg_temp.me() RETURNS bigint LANGUAGE sql AS $$ SELECT current_setting('test.user')::bigint $$;
CREATE FUNCTION pg_temp.status(p_command text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(status || coalesce(':' || error, ''), ',' ORDER BY requested_at, status) FROM command WHERE command = p_command $$;

SELECT is_empty($$ SELECT * FROM command_request(pg_temp.me(), 'sam-lamp', 'main', 'on', NULL, 30000) $$,
	'another user''s switch is not found');
SELECT is_empty($$ SELECT * FROM command_request_many(pg_temp.me(), 'on', NULL, 'flat', 30000) $$,
	'nor another user''s location');
SELECT is_empty($$ SELECT * FROM command_request(pg_temp.me(), 'lamp', 'outlet1', 'on', NULL, 30000) $$,
	'nor a component that is not there');
SELECT is((SELECT outcome FROM command_request(pg_temp.me(), 'lamp', 'main', 'on', NULL, 30000)), 'taken', 'a click is taken');
SELECT is((SELECT pending FROM switch_page WHERE device_id = 'lamp'), true, 'the switch is pending');
SELECT is((SELECT seq FROM switch WHERE device_id = 'lamp'), pg_temp.seq('home'), 'and other browsers will see that');
SELECT set_config('test.first', (SELECT command_id::text FROM command), true) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w1', 10, 10)), 1::bigint, 'a worker gets it');
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w2', 10, 10)), 0::bigint, 'another worker does not');
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000001',
	now() - interval '1 day', NULL, 'lamp', 'on'))) \g /dev/null
SELECT is(pg_temp.status('on'), 'sent', 'an old event confirms nothing');
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000002',
	now(), NULL, 'lamp', 'on'))) \g /dev/null
SELECT is(pg_temp.status('on'), 'confirmed', 'the event that follows confirms it');
SELECT is((SELECT pending FROM switch_page WHERE device_id = 'lamp'), false, 'the switch is pending no more');
SELECT command_accepted('home', current_setting('test.first')::uuid) \g /dev/null
SELECT is(pg_temp.status('on'), 'confirmed', 'an acceptance that comes after the event does not reopen it');

SELECT command_request(pg_temp.me(), 'lamp', 'main', 'off', NULL, 30000) \g /dev/null
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'off', NULL, 30000) \g /dev/null
SELECT is(pg_temp.status('off'), 'failed:superseded,requested', 'a newer command supersedes one that waits');
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w1', 10, 10)), 1::bigint, 'only the newer is sent');
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'setLevel', 40, 30000) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w1', 10, 10)), 0::bigint, 'one switch has one command on the wire');
UPDATE command SET claimed_until = now() - interval '1 second' WHERE status = 'sent';
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w2', 10, 10)), 1::bigint, 'a dead worker''s command is taken over');
SELECT command_retry('home', command_id, 'w1', 0) FROM command WHERE command = 'off' AND status = 'sent' \g /dev/null
SELECT is((SELECT claimed_by FROM command WHERE command = 'off' AND status = 'sent'), 'w2',
	'and not given back by the other''s late word');
SELECT command_accepted('home', command_id) FROM command WHERE command = 'off' AND status = 'sent' \g /dev/null
SELECT is((SELECT status FROM command WHERE command = 'off' AND status <> 'failed'), 'accepted', 'acceptance waits for the event');
UPDATE command SET accepted_at = now() - interval '11 seconds' WHERE status = 'accepted';
SELECT results_eq($$ SELECT pg_temp.expire() $$, $$ VALUES ('home') $$, 'no event for ten seconds');
SELECT is((SELECT string_agg(error, ',' ORDER BY error) FROM command WHERE command = 'off'), 'superseded,unconfirmed', 'fails it');
SELECT is((SELECT code FROM page_changes(ARRAY['home'], ARRAY[0::bigint]) WHERE kind = 'command'), 'unconfirmed',
	'and the page shows it, but not the superseded one');

-- A try that failed does not keep the newer command waiting.
DELETE FROM command;
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT pg_temp.claim_commands('w1', 10, 10) \g /dev/null
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'setLevel', 30, 30000) \g /dev/null
SELECT command_retry('home', command_id, 'w1', 0) FROM command WHERE command = 'on' \g /dev/null
SELECT is(pg_temp.status('on'), 'requested', 'one of another kind does not supersede it');
SELECT pg_temp.claim_commands('w1', 1, 10) \g /dev/null
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'off', NULL, 30000) \g /dev/null
SELECT command_retry('home', command_id, 'w2', 0) FROM command WHERE command = 'on' \g /dev/null
SELECT is(pg_temp.status('on'), 'sent', 'nor does what another worker says');
SELECT command_retry('home', command_id, 'w1', 8000) FROM command WHERE command = 'on' \g /dev/null
SELECT is(pg_temp.status('on'), 'failed:superseded', 'the newer command does');
DELETE FROM command WHERE command = 'setLevel';
SELECT is((SELECT string_agg(command, ',') FROM pg_temp.claim_commands('w1', 10, 10)), 'off', 'and is sent at once');

-- A retried webhook is overtaken by the next one: the command was obeyed all the same.
DELETE FROM command;
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT pg_temp.claim_commands('w1', 10, 10) \g /dev/null
SELECT command_accepted('home', command_id) FROM command \g /dev/null
UPDATE command SET status = 'accepted', sent_at = now() - interval '5 seconds' WHERE status = 'confirmed';
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000012',
	date_trunc('second', now()), NULL, 'lamp', 'off'))) \g /dev/null
SELECT is(pg_temp.status('on'), 'accepted', 'the opposite state confirms nothing');
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000011',
	date_trunc('second', now()) - interval '9 seconds', NULL, 'lamp', 'on'))) \g /dev/null
SELECT is(pg_temp.status('on'), 'accepted', 'nor does an event from before the command was sent');
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000013',
	date_trunc('second', now()) - interval '2 seconds', NULL, 'lamp', 'on'))) \g /dev/null
SELECT is(pg_temp.status('on'), 'confirmed', 'a late event confirms the command that caused it');
SELECT is((SELECT (state, pending, s.seq = pg_temp.seq('home'))::text FROM switch_page s WHERE device_id = 'lamp'), '(off,f,t)',
	'changes no state, and the page shows that it is confirmed');

-- Clicks of two browsers, each accepted before the event of the one before it: every one waits for its own event.
DELETE FROM command;
CREATE FUNCTION pg_temp.send(p_number integer, p_command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM command_request(pg_temp.me(), 'lamp', 'main', p_command, NULL, 30000);
	PERFORM pg_temp.claim_commands('w1', 10, 10);
	UPDATE command SET sent_at = now() + 2 * p_number * interval '1 second' WHERE status = 'sent';
	PERFORM command_accepted('home', command_id) FROM command WHERE status = 'sent';
END $$;
CREATE FUNCTION pg_temp.say(p_number integer, p_value text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-0000000001' ||
		lpad(p_number::text, 2, '0'), date_trunc('second', now()) + (2 * p_number + 1) * interval '1 second', NULL, 'lamp', p_value)));
END $$;
CREATE FUNCTION pg_temp.history() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(command || ' ' || status, ', ' ORDER BY requested_at) FROM command $$;
SELECT is((SELECT state FROM switch WHERE device_id = 'lamp'), 'off', 'a lamp is off');
SELECT pg_temp.send(1, 'on') \g /dev/null
SELECT pg_temp.send(2, 'off') \g /dev/null
SELECT is(pg_temp.history(), 'on accepted, off accepted', 'the state from before the first is no answer to the second');
SELECT pg_temp.send(3, 'on') \g /dev/null
SELECT pg_temp.say(1, 'on') \g /dev/null
SELECT is(pg_temp.history(), 'on confirmed, off accepted, on accepted', 'the first event answers the first');
SELECT is((SELECT pending FROM switch_page WHERE device_id = 'lamp'), true, 'the switch is pending');
SELECT pg_temp.say(2, 'off') \g /dev/null
SELECT is(pg_temp.history(), 'on confirmed, off confirmed, on accepted', 'the next one the next');
SELECT pg_temp.say(3, 'on') \g /dev/null
SELECT is(pg_temp.history(), 'on confirmed, off confirmed, on confirmed', 'and the last one the last');
SELECT pg_temp.send(4, 'on') \g /dev/null
SELECT is((SELECT status FROM command ORDER BY requested_at DESC LIMIT 1), 'confirmed', 'what is there already has no event to wait for');
DELETE FROM command;
SELECT pg_temp.send(5, 'off') \g /dev/null
SELECT pg_temp.send(6, 'on') \g /dev/null
SELECT pg_temp.send(7, 'off') \g /dev/null
SELECT pg_temp.say(7, 'off') \g /dev/null
SELECT is(pg_temp.history(), 'off confirmed, on accepted, off confirmed', 'the last event answers the last one, also when it comes first');

-- A dimmer reports levels on the way to the one that was requested, or rounds it, or reports nothing but that it is on.
DELETE FROM command;
CREATE FUNCTION pg_temp.level_event(p_number integer, p_level numeric) RETURNS jsonb LANGUAGE sql AS $$
	SELECT pg_temp.switch_event('00000000-0000-1000-8000-0000000002' || lpad(p_number::text, 2, '0'),
		date_trunc('second', now()) + p_number * interval '1 second', NULL, 'lamp', 'on')
		|| jsonb_build_object('capability', 'switchLevel', 'attribute', 'level', 'value', p_level) $$;
CREATE FUNCTION pg_temp.dim(p_level integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM command;
	PERFORM command_request(pg_temp.me(), 'lamp', 'main', 'setLevel', p_level, 30000);
	PERFORM pg_temp.claim_commands('w1', 10, 10);
	PERFORM command_accepted('home', command_id) FROM command;
END $$;
UPDATE switch SET has_level = true, state = 'off', level = 10, level_at = now() - interval '1 day' WHERE device_id = 'lamp';
SELECT pg_temp.dim(80) \g /dev/null
SELECT pg_temp.say(10, 'on') \g /dev/null
SELECT is(pg_temp.status('setLevel'), 'accepted', 'that it is on does not answer another level');
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.level_event(11, 20), pg_temp.level_event(12, 45))) \g /dev/null
SELECT is(pg_temp.status('setLevel'), 'accepted', 'nor do levels on the way');
UPDATE command SET accepted_at = now() - interval '11 seconds';
SELECT is_empty('SELECT pg_temp.expire()', 'nor is it a failure while it moves');
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.level_event(13, 80))) \g /dev/null
SELECT is(pg_temp.status('setLevel'), 'confirmed', 'the level itself does');
SELECT pg_temp.dim(50) \g /dev/null
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.level_event(14, 66))) \g /dev/null
SELECT is((SELECT rests_at - now() FROM command), interval '5 seconds', 'another level is waited on');
UPDATE command SET rests_at = now() - interval '1 second';
SELECT results_eq('SELECT pg_temp.expire()', $$ VALUES ('home') $$, 'where it came to rest');
SELECT is(pg_temp.status('setLevel'), 'confirmed', 'it has arrived: the device has steps of its own');
SELECT pg_temp.dim(40) \g /dev/null
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.level_event(15, 39.4))) \g /dev/null
SELECT is((SELECT rests_at - now() FROM command), interval '1 second', 'one that is the same but for rounding is not waited on for long');
SELECT pg_temp.dim(44) \g /dev/null
UPDATE command SET status = 'requested', accepted_at = NULL, claimed_by = NULL, claimed_until = NULL, rests_at = now() - interval '1 second';
SELECT pg_temp.claim_commands('w1', 10, 10) \g /dev/null
SELECT is((SELECT status || coalesce(rests_at::text, '') FROM command), 'sent', 'a level reported before it was sent again tells nothing of that');
DELETE FROM command;
UPDATE switch SET state = 'off', level = 75 WHERE device_id = 'lamp';
SELECT pg_temp.dim(75) \g /dev/null
SELECT is(pg_temp.status('setLevel'), 'accepted', 'a lamp that is off has its event to come');
SELECT pg_temp.say(16, 'on') \g /dev/null
SELECT is(pg_temp.status('setLevel'), 'confirmed', 'at the level from before it reports only that it is on');
UPDATE switch SET level = 76 WHERE device_id = 'lamp';
SELECT pg_temp.dim(75) \g /dev/null
UPDATE command SET accepted_at = now() - interval '11 seconds';
SELECT pg_temp.expire() \g /dev/null
SELECT is(pg_temp.status('setLevel'), 'confirmed', 'and nothing at all when it is on at that level, rounded');
SELECT pg_temp.dim(30) \g /dev/null
UPDATE command SET accepted_at = now() - interval '11 seconds';
SELECT pg_temp.expire() \g /dev/null
SELECT is(pg_temp.status('setLevel'), 'failed:unconfirmed', 'a level that was never reported has failed');

-- One that found its state there already gets no event; a newer one was obeyed.
DELETE FROM command;
UPDATE switch SET state = 'off' WHERE device_id = 'lamp';
DELETE FROM command;
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
UPDATE command SET status = 'accepted', requested_at = now() - interval '4 seconds', accepted_at = now() - interval '3 seconds';
SELECT is_empty('SELECT pg_temp.expire()', 'an accepted command waits for its event');
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'off', NULL, 30000) \g /dev/null
UPDATE command SET status = 'confirmed', accepted_at = now(), finished_at = now() WHERE command = 'off';
SELECT results_eq('SELECT pg_temp.expire()', $$ VALUES ('home') $$, 'but not once a newer one has been obeyed');
SELECT is(pg_temp.status('on'), 'failed:superseded', 'and then it is nothing to complain of');
DELETE FROM command;

-- What is due of a device goes together; an installation has few devices on the wire, also while events are faster than answers.
SELECT sync_apply('flat', now(), 'p2', 'Flat', NULL, (SELECT jsonb_agg(jsonb_build_object('device', 'd' || d, 'name', 'D' || d,
	'room', NULL, 'online', true, 'health_at', NULL, 'switches', (SELECT jsonb_agg(jsonb_build_object('component', 'c' || c,
		'label', NULL, 'has_level', false, 'state', 'off', 'state_at', now() - interval '1 hour', 'level', NULL, 'level_at', NULL))
		FROM generate_series(1, 3) c))) || pg_temp.sync_device('sam-lamp', 'Lamp', 'off', now() - interval '1 hour')
	FROM generate_series(1, 4) d)) \g /dev/null
SELECT command_request_many(current_setting('test.other')::bigint, 'on', NULL, 'flat', 30000) \g /dev/null
SELECT is((SELECT count(DISTINCT device_id) || ' of ' || count(*) FROM pg_temp.claim_commands('w1', 64, 2)), '2 of 6', 'two devices, whole');
SELECT is_empty($$ SELECT * FROM pg_temp.claim_commands('w2', 64, 2) $$, 'no more at a time, with any worker');
UPDATE command SET status = 'confirmed', finished_at = now() WHERE installation_id = 'flat' AND status = 'sent';
SELECT is_empty($$ SELECT * FROM pg_temp.claim_commands('w1', 64, 2) $$, 'an event is no answer');
SELECT command_accepted('flat', command_id), command_retry('flat', command_id, 'w1', 0) FROM command WHERE status = 'confirmed' \g /dev/null
SELECT is((SELECT count(DISTINCT device_id) || ' of ' || count(*) FROM pg_temp.claim_commands('w1', 64, 2)), '2 of 6', 'an answer is');
DELETE FROM command;

-- All on / all off leaves alone what is there already.
DELETE FROM command;
UPDATE switch SET state = 'on' WHERE device_id = 'lamp';
SELECT is((SELECT count(*) FROM command_request_many(pg_temp.me(), 'on', NULL, NULL, 30000)), 1::bigint, 'all on: only what is not on');
SELECT is((SELECT count(*) FROM command_request_many(pg_temp.me(), 'off', 'Kitchen', NULL, 30000)), 1::bigint, 'all off in one room');
SELECT is((SELECT count(*) FROM command_request_many(pg_temp.me(), 'off', '', NULL, 30000)), 1::bigint, 'all off of what is in no room');
SELECT is((SELECT outcome FROM command_request(current_setting('test.other')::bigint, 'sam-lamp', 'main', 'setLevel', 5, 30000)), 'taken',
	'the other user has their own');

-- What was not sent yet may wait for minutes, and the page says so; from the first sending on the user waits for an answer.
DELETE FROM command;
SELECT command_request(pg_temp.me(), 'lamp', 'main', 'on', NULL, 300000), command_request(pg_temp.me(), 'fan', 'main', 'on', NULL, 300000) \g /dev/null
SELECT is((SELECT bool_or(waiting) FROM switch_page), false, 'what was just requested is not called waiting');
UPDATE command SET requested_at = now() - interval '290 seconds', deadline_at = now() + interval '10 seconds';
SELECT results_eq($$ SELECT DISTINCT pending, waiting FROM switch_page WHERE device_id IN ('lamp', 'fan') $$, 'VALUES (true, true)',
	'what was not sent for some time is');
SELECT is((SELECT count(*) FROM command_pending WHERE waiting), 2::bigint, 'in the list of the page too');
SELECT is(substring(page_wakeup('home', 'lamp', 'main') FROM '^home (.*)$')::jsonb -> 'waiting', 'true'::jsonb, 'and in wake-ups');
UPDATE command SET run_at = now() + interval '1 minute' WHERE device_id = 'fan';
SELECT pg_temp.claim_commands('w1', 10, 10) \g /dev/null
SELECT is((SELECT deadline_at - now() FROM command WHERE status = 'sent'), interval '30 seconds', 'it is tried for 30 s from its first sending');
SELECT is((SELECT count(*) FROM switch_page WHERE waiting), 1::bigint, 'and waits no more');
UPDATE command SET deadline_at = deadline_at - interval '20 seconds' WHERE status = 'sent';
SELECT command_retry('home', command_id, 'w1', 0) FROM command WHERE status = 'sent' \g /dev/null
SELECT is((SELECT count(*) FROM switch_page WHERE waiting), 1::bigint, 'nor when it has to be sent again');
SELECT pg_temp.claim_commands('w1', 10, 10) \g /dev/null
SELECT is((SELECT deadline_at - now() FROM command WHERE status = 'sent'), interval '10 seconds', 'which does not give it more time');
UPDATE command SET deadline_at = now() - interval '1 second', claimed_until = NULL;
SELECT pg_temp.expire() \g /dev/null
SELECT is(pg_temp.status('on'), 'failed:expired,failed:expired', 'then it fails');
SELECT is((SELECT string_agg(waiting::text, ',' ORDER BY waiting) FROM page_changes(ARRAY['home'], ARRAY[0::bigint]) WHERE kind = 'command'), 'false,true',
	'and the page hears which of the two was never sent');
SELECT is((SELECT count(*) FROM switch_page WHERE pending OR waiting), 0::bigint, 'nothing waits');
DELETE FROM command;

-- All at once ends as one by one, in two locations that are alike; and in one statement, not in one for each switch.
CREATE FUNCTION pg_temp.make_large(p_home text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.link(p_home, 'owner-of-' || p_home, 'cookie of ' || p_home);
	PERFORM sync_apply(p_home, now() - interval '1 hour', 'location', 'Large', '[{"room":"r1","name":"Kitchen"},{"room":"r2","name":"Hall"}]',
		(SELECT jsonb_agg(jsonb_build_object('device', 'd' || d, 'name', 'D' || d, 'room', 'r' || nullif(d % 3, 0), 'online', true,
			'health_at', NULL, 'switches', (SELECT jsonb_agg(jsonb_build_object('component', 'c' || c, 'label', NULL, 'has_level', true,
				'state', CASE (d + c) / 2 % 3 WHEN 0 THEN 'on' WHEN 1 THEN 'off' END, 'state_at', now() - interval '1 hour',
				'level', NULL, 'level_at', NULL)) FROM generate_series(1, 3) c))) FROM generate_series(1, 14) d));
	INSERT INTO command (installation_id, device_id, component, command, level, user_id, status, requested_at, claimed_until, finished_at,
			deadline_at, seq)
		SELECT p_home, s.device_id, s.component, k.command, CASE k.command WHEN 'setLevel' THEN 5 END, 1, k.status,
			now() - interval '1 minute' + k.n * interval '1 second',
			CASE k.status WHEN 'sent' THEN now() + interval '20 seconds' END,
			CASE WHEN k.status IN ('confirmed', 'failed') THEN now() END, now() + interval '30 seconds', 1
		FROM (SELECT *, row_number() OVER (ORDER BY device_id, position) AS number FROM switch WHERE installation_id = p_home) s,
			(VALUES (1, 'on', 'requested'), (2, 'off', 'requested'), (3, 'setLevel', 'requested'), (4, 'on', 'sent'),
				(5, 'off', 'accepted'), (6, 'on', 'confirmed'), (7, 'setLevel', 'sent'), (8, 'on', 'failed')) AS k (n, command, status)
		WHERE k.n = s.number % 9 OR (k.n = 3 AND s.number % 7 = 0);
END $$;
SELECT pg_temp.make_large(home) FROM unnest(ARRAY['large-one', 'large-all']) home \g /dev/null
CREATE FUNCTION pg_temp.owner(p_home text) RETURNS bigint LANGUAGE sql AS $$
	SELECT user_id FROM installation WHERE installation_id = p_home $$;
CREATE FUNCTION pg_temp.one_by_one(p_command text, p_room text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s record;
BEGIN
	FOR s IN SELECT w.device_id, w.component FROM switch_page w WHERE w.installation_id = 'large-one'
		AND (p_room IS NULL OR coalesce(w.room, '') = p_room) AND (w.pending OR w.state IS DISTINCT FROM p_command)
		ORDER BY w.device_id, w.position
	LOOP
		PERFORM command_request(pg_temp.owner('large-one'), s.device_id, s.component, p_command, NULL, 30000);
	END LOOP;
END $$;
-- What is newer than p_seq, in the order in which it is sent.
CREATE FUNCTION pg_temp.outcome(p_home text, p_seq bigint) RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_pretty(jsonb_build_object(
		'commands', (SELECT jsonb_agg(jsonb_build_array(c.device_id, c.component, c.command, c.status, c.error, c.finished_at,
			c.deadline_at, c.seq > p_seq) ORDER BY c.requested_at, c.device_id, c.component) FROM command c WHERE c.installation_id = p_home),
		'switches', (SELECT jsonb_agg(jsonb_build_array(s.device_id, s.component, s.seq > p_seq) ORDER BY s.device_id, s.component)
			FROM switch s WHERE s.installation_id = p_home))) $$;
CREATE FUNCTION pg_temp.same(p_command text, p_room text, p_what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_one bigint := pg_temp.seq('large-one');
	v_all bigint := pg_temp.seq('large-all');
BEGIN
	PERFORM pg_temp.one_by_one(p_command, p_room);
	PERFORM command_request_many(pg_temp.owner('large-all'), p_command, p_room, NULL, 30000);
	RETURN is(pg_temp.outcome('large-all', v_all), pg_temp.outcome('large-one', v_one), p_what);
END $$;
SELECT is((SELECT count(DISTINCT (status, command)) || ' of ' || count(*) FROM command WHERE installation_id = 'large-all'), '8 of 43',
	'switches with and without commands in each state');
SELECT pg_temp.same('on', 'Kitchen', 'a room at once ends as its switches one by one');
SELECT pg_temp.same('off', NULL, 'and so does a location');
SELECT pg_temp.same('on', '', 'and what is in no room');
SELECT set_config('test.updates', (SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'installation')::text, true) \g /dev/null
CREATE TEMP TABLE given ON COMMIT DROP AS SELECT * FROM command_request_many(pg_temp.owner('large-all'), 'off', NULL, 'large-all', 30000)
	WITH ORDINALITY AS m (command_id, installation_id, n);
SELECT is((SELECT array_agg(command_id ORDER BY n) FROM given),
	(SELECT array_agg(c.command_id ORDER BY c.device_id, s.position) FROM command c JOIN switch s USING (installation_id, device_id, component)
		WHERE c.installation_id = 'large-all' AND c.status = 'requested' AND c.command = 'off'),
	'all of it once more gives every id, in the order of the page');
SELECT is((SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'installation') - current_setting('test.updates')::bigint, 1::bigint,
	'the installation changes once, however many switches it has');
SELECT is((SELECT count(DISTINCT requested_at) FROM command WHERE installation_id = 'large-all' AND status = 'requested' AND command = 'off'),
	(SELECT count(*) FROM command WHERE installation_id = 'large-all' AND status = 'requested' AND command = 'off'), 'no two are requested at one time');
SELECT * FROM finish();
ROLLBACK;
