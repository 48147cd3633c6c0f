-- The worker's queues: leases, fair shares, what a sync reads again.
BEGIN;
\ir fixture.psql
UPDATE token SET generation = 1; -- so that it can be named
SELECT plan(116);

CREATE FUNCTION pg_temp.claim_of(p_kind text) RETURNS bigint LANGUAGE sql AS $$
	SELECT claim FROM work WHERE installation_id = 'home' AND kind = p_kind $$;

-- Work.
SELECT set_eq($$ SELECT kind || ' ' || priority FROM work $$, ARRAY['device_sync 0', 'refresh 2'], 'a new link is read, for somebody waits, and its tokens refreshed one day');
UPDATE installation SET location_id = NULL, synced_at = NULL;
SELECT is((SELECT subscribing FROM sync_plan('home')), true, 'which waits for the subscriptions once it has found the location');
SELECT installation_set_location('home', 'location') \g /dev/null
SELECT installation_set_location('home', 'location') \g /dev/null
UPDATE installation SET synced_at = now();
SELECT is((SELECT count(*) FROM pg_temp.claim('w1')), 2::bigint, 'they are queued then');
SELECT is((SELECT count(*) FROM pg_temp.claim('w2')), 0::bigint, 'one worker has them');
SELECT is(work_keep('home', 'device_sync', pg_temp.claim_of('device_sync')), true, 'which keeps them while it works');
SELECT set_config('test.claim', pg_temp.claim_of('device_sync')::text, true) \g /dev/null
SELECT is(work_keep('home', 'device_sync', pg_temp.claim_of('device_sync') - 1000), false, 'another cannot');
UPDATE work SET run_at = now() WHERE lease = 'w1';
SELECT is((SELECT count(*) FROM pg_temp.claim('w2')), 2::bigint, 'a dead worker''s work is taken over');
SELECT is(work_keep('home', 'device_sync', current_setting('test.claim')::bigint), false, 'and are not its own any more');
SELECT work_done('home', 'device_sync', current_setting('test.claim')::bigint, 1),
	work_failed('home', 'device_sync', current_setting('test.claim')::bigint, 'timeout', 1000) \g /dev/null
SELECT is((SELECT lease FROM work WHERE kind = 'device_sync'), 'w2', 'nor can it end them');
SELECT work_put('home', 'device_sync', 1) \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '60 seconds', 'asked for again while it runs, it waits for the end of that');
SELECT work_done('home', 'device_sync', pg_temp.claim_of('device_sync'), 1) \g /dev/null
SELECT is((SELECT lease || ' ' || priority FROM work WHERE kind = 'device_sync'), NULL, 'and runs again');
SELECT ok(pg_temp.due_in('home', 'device_sync') BETWEEN '0' AND '1 second', 'soon');
UPDATE work SET run_at = now() WHERE kind = 'device_sync';
SELECT is((SELECT age_s FROM pg_temp.claim('w1') WHERE kind = 'device_sync'), 0::bigint, 'a claim gives the age of the work');
SELECT work_done('home', 'device_sync', pg_temp.claim_of('device_sync'), (SELECT generation FROM work WHERE kind = 'device_sync')) \g /dev/null
SELECT ok(pg_temp.due_in('home', 'device_sync') BETWEEN '12 hours' AND '36 hours', 'what was done is compared with the platform the next day');
SELECT is((SELECT priority FROM work WHERE kind = 'device_sync'), 2::smallint, 'which is upkeep');
SELECT work_put('home', 'device_sync', 1) \g /dev/null
SELECT is((SELECT priority || ' ' || (run_at - now()) FROM work WHERE kind = 'device_sync'), '1 00:00:00', 'unless something happens before');

-- What a sync reads again.
SELECT is((SELECT (want_location, want_rooms)::text FROM sync_plan('home')), '(f,f)', 'what was just read is not read again');
UPDATE installation SET rooms_read_at = now() - interval '3 minutes';
SELECT is((SELECT (want_location, want_rooms)::text FROM sync_plan('home')), '(f,t)', 'rooms are, after two minutes');
UPDATE installation SET location_read_at = now() - interval '25 hours', rooms_read_at = now();
SELECT is((SELECT (want_location, want_rooms)::text FROM sync_plan('home')), '(t,f)', 'the location is, after a day');
UPDATE installation SET location_read_at = now();
SELECT is((SELECT work FROM pg_temp.ingest('home', jsonb_build_array(jsonb_build_object('id', gen_random_uuid(), 'at', now(),
	'type', 'LOCATION_LIFECYCLE_EVENT', 'value', 'UPDATE')))), true, 'an event about the location queues a sync');
SELECT is((SELECT want_location FROM sync_plan('home')), true, 'that reads its name');
SELECT is((SELECT subscribing FROM sync_plan('home')), false, 'a sync of a known installation waits for nothing');
UPDATE installation SET synced_at = NULL;
SELECT work_begin('home', 'subscription_sync') \g /dev/null
SELECT is((SELECT subscribing FROM sync_plan('home')), true, 'the first one waits for the subscriptions');
UPDATE work SET last_error = 'limit' WHERE kind = 'subscription_sync';
SELECT is((SELECT subscribing FROM sync_plan('home')), false, 'but not when they fail');
DELETE FROM work WHERE kind = 'device_sync';
SELECT subscription_replace('home', '[{"id":"s1","source":"DEVICE_HEALTH"}]') \g /dev/null
SELECT is((SELECT count(*) FROM work WHERE kind = 'device_sync'), 1::bigint, 'a new subscription queues a sync');
DELETE FROM work WHERE kind = 'device_sync';
SELECT subscription_replace('home', '[{"id":"s1","source":"DEVICE_HEALTH"}]') \g /dev/null
SELECT is((SELECT count(*) FROM work WHERE kind = 'device_sync'), 0::bigint, 'a known one does not');
UPDATE installation SET synced_at = now();
SELECT is((SELECT count(DISTINCT date_part('hour', work_daily('home-' || n))) FROM generate_series(1, 500) AS n), 24::bigint,
	'the daily comparisons are spread over the day');
SELECT ok((SELECT bool_and(work_daily('home-' || n) BETWEEN now() + '12 hours' AND now() + '36 hours') FROM generate_series(1, 500) AS n),
	'and none is earlier than half a day from now');
DELETE FROM work WHERE kind LIKE '%sync';
SELECT is(sync_again('home', false, 120), NULL, 'every room is known');
UPDATE device SET room_id = 'r2' WHERE device_id = 'fan';
SELECT is(sync_again('home', false, 120), 120, 'until a device is in a new one');
SELECT is(sync_again('home', true, 120), NULL, 'which the platform does not list');

-- Commands: an installation has its share of the wire, over all workers.
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT command_request(current_setting('test.user')::bigint, 'fan', 'main', 'on', NULL, 30000) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w1', 10, 1)), 1::bigint, 'one at a time when one is its share');
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w2', 10, 1)), 0::bigint, 'with any worker');
SELECT is((SELECT max(attempts) FROM pg_temp.claim_commands('w2', 10, 2)), 1, 'a claim gives the number of the try');

-- Claims of a worker that is certainly dead.
DELETE FROM command;
DELETE FROM work WHERE kind LIKE '%sync';
SELECT work_put('home', 'device_sync', 1), confirmation_put(pg_temp.hash('c'), 'a', 'https://api.smartthings.com/apps/a/confirm') \g /dev/null
UPDATE work SET run_at = now() WHERE kind = 'refresh';
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT worker_seen('w1', 'here', 1) \g /dev/null
SELECT count(*) FROM pg_temp.claim('w1'), pg_temp.claim_commands('w1', 10, 10) \g /dev/null
SELECT is(worker_release('w2', true, true, true, true, true, 8000), 0::bigint, 'another''s claims are not a dead worker''s');
SELECT is(worker_release('w1', false, false, false, false, false, 8000), 0::bigint, 'one that lives gives back the kinds it names');
SELECT is(worker_release('w1', true, true, true, true, true, 8000), 4::bigint, 'a dead worker''s claims are given back');
SELECT is((SELECT count(*) FROM worker WHERE worker_id = 'w1'), 0::bigint, 'and it is not listed any more');
SELECT set_eq($$ SELECT kind FROM pg_temp.claim('w2') $$, ARRAY['device_sync', 'refresh', 'confirmation'], 'they are taken at once');
SELECT is((SELECT failures || ' ' || last_error FROM token), '1 worker ended', 'a refresh without an answer may have used the token up');
SELECT is(pg_temp.due_in('home', 'command'), interval '8 seconds', 'its commands have a turn');
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w2', 10, 10)), 0::bigint, 'a command waits for the event of the call that may have been made');
SELECT is((SELECT claimed_until - sent_at FROM command), interval '8 seconds', 'for as long as the call could take');
UPDATE command SET sent_at = now() - interval '9 seconds', claimed_until = now() + interval '11 seconds';
SELECT worker_release('w1', true, true, true, true, true, 8000) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim_commands('w2', 10, 10)), 1::bigint, 'then it is sent again');
SELECT worker_release('w2', true, false, false, false, false, 8000) \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '1 second', 'work that outlived two workers waits a little');
SELECT is((SELECT lease FROM work WHERE kind = 'refresh'), 'w2', 'what was not named stays claimed');
SELECT is(release_delay(40), interval '60 seconds', 'the wait ends at a lease''s length');
DELETE FROM work;
DELETE FROM command;
UPDATE token SET failures = 0, last_error = NULL;

-- After a 429 no worker calls before its time, whoever asks.
DELETE FROM confirmation;
SELECT pause_put('home', 'device_sync', NULL, 60000), pause_put('home', 'device_sync', NULL, 1000) \g /dev/null
SELECT is((SELECT ends_at - now() FROM pause), interval '1 minute', 'the longer pause holds');
SELECT work_put('home', 'device_sync', 0), work_put('home', 'subscription_sync', 1) \g /dev/null
SELECT set_eq($$ SELECT kind FROM pg_temp.claim('w1') $$, ARRAY['subscription_sync'], 'what the platform does not want waits, the rest goes on');
SELECT work_put('home', 'device_sync', 0) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim('w2')), 0::bigint, 'asking again changes nothing, nor does another worker');
SELECT is(work_next_ms('{t,f,f}', true), 60000::bigint, 'and no worker wakes up before');
UPDATE pause SET ends_at = now() - interval '1 second';
SELECT work_put('home', 'device_sync', 0) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim('w2')), 1::bigint, 'then it goes on');
SELECT pause_put('home', 'refresh', NULL, 60000) \g /dev/null
SELECT is((SELECT count(*) FROM pause), 1::bigint, 'what is over is forgotten');
SELECT token_refused('home', 1, 0, 0) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim('w1')), 0::bigint, 'a refresh waits as well');
SELECT is(work_next_ms('{t,t,t}', true), 60000::bigint, 'and wakes no worker');
UPDATE pause SET ends_at = now();
SELECT token_refused('home', 1, 0, 0) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim('w1')), 1::bigint, 'until its time');
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT command_request(current_setting('test.user')::bigint, 'fan', 'main', 'on', NULL, 30000) \g /dev/null
SELECT pause_put('home', 'command', 'lamp', 10000) \g /dev/null
SELECT set_eq($$ SELECT device_id FROM pg_temp.claim_commands('w1', 10, 10) $$, ARRAY['fan'], 'of commands, those of one device wait');
SELECT is(work_next_ms('{f,f,f}', true), 10000::bigint, 'and are due after that');
SELECT is(work_next_ms('{f,f,f}', false), NULL, 'for a worker that has room for commands');
DELETE FROM pause;
SELECT set_eq($$ SELECT device_id FROM pg_temp.claim_commands('w2', 10, 10) $$, ARRAY['lamp'], 'then they go too');
DELETE FROM command;
DELETE FROM work;

-- Who waits goes first, whatever is in the queue; what cannot be done is in nobody's way.
SELECT pg_temp.link('flat', 'sam', 'cookie-2') \g /dev/null
UPDATE token SET generation = 1 WHERE installation_id = 'flat';
UPDATE installation SET status = 'active', synced_at = now() WHERE installation_id IN ('home', 'flat');
DELETE FROM work;
INSERT INTO work (installation_id, kind, priority, run_at) SELECT 'herd-' || n, 'refresh', 2, now() - interval '1 hour' FROM generate_series(1, 100) AS n;
INSERT INTO work (installation_id, kind, priority, run_at, waits_for) SELECT 'dead-' || n, 'device_sync', 0, now() - interval '1 day', 'link'
	FROM generate_series(1, 100) AS n;
SELECT work_begin('home', 'device_sync') \g /dev/null
SELECT token_refused('flat', 1, 0, 0) \g /dev/null
SELECT set_eq($$ SELECT installation_id || ' ' || kind FROM work_claim('w1', 0, 10) $$, ARRAY['home device_sync', 'flat refresh'],
	'a first sync and the token of a click pass a herd of refreshes');
SELECT is((SELECT count(*) FROM work_claim('w1', 2, 8)), 8::bigint, 'which has room of its own');
DELETE FROM work WHERE installation_id ~ '^(herd|dead)';

-- What lacks a token waits for it, and for no time.
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
UPDATE work SET run_at = now() WHERE installation_id = 'home';
UPDATE token SET expires_at = now() + interval '1 hour' WHERE installation_id = 'home';
SELECT work_wait_for_token('home', 'device_sync', pg_temp.claim_of('device_sync')), work_wait_for_token('home', 'command', NULL) \g /dev/null
SELECT is((SELECT count(*) FROM work WHERE waits_for IS NOT NULL), 0::bigint, 'a token that came meanwhile is not waited for');
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT token_refused('home', 1, 0, 0), work_wait_for_token('home', 'device_sync', pg_temp.claim_of('device_sync')), work_wait_for_token('home', 'command', NULL) \g /dev/null
SELECT set_eq($$ SELECT kind FROM pg_temp.claim('w1') WHERE installation_id = 'home' $$, ARRAY['refresh'], 'the refresh is all that is due');
SELECT work_put('home', 'device_sync', 0), work_put('home', 'command', 0) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim('w1')) + (SELECT count(*) FROM pg_temp.claim_commands('w1', 10, 10)), 0::bigint,
	'asking again does not help');
SELECT token_failed('home', 1, 'timeout', 5000) \g /dev/null
SELECT is((SELECT array_agg(kind ORDER BY kind) FROM work WHERE installation_id = 'home' AND waits_for = 'token'), ARRAY['command', 'device_sync'],
	'nor does a refresh that failed');
SELECT is(pg_temp.due_in('home', 'refresh'), interval '5 seconds', 'which is tried again');
SELECT token_refused('home', 1, 1, 0) \g /dev/null
SELECT is(pg_temp.due_in('home', 'refresh'), interval '5 seconds', 'no sooner because an event asks');
SELECT token_store('home', 1, '\x03', '\x04', 'k1', NULL, 86400, 0) \g /dev/null
SELECT is((SELECT count(*) FROM pg_temp.claim('w1') WHERE kind = 'device_sync') + (SELECT count(*) FROM command_claim('w1', 10, 10, 10)), 2::bigint,
	'a fresh token lets both go on');
DELETE FROM command;
UPDATE work SET lease = NULL, run_at = now();

-- What is refused comes back with a new link.
SELECT token_dead('home', 2, 'REVOKED') \g /dev/null
SELECT work_put('home', 'subscription_sync', 0) \g /dev/null
SELECT is((SELECT count(*) FROM work WHERE installation_id = 'home' AND waits_for IS DISTINCT FROM 'link'), 0::bigint, 'nothing is due of a location that must be linked again');
SELECT pg_temp.link('home', 'alex', 'cookie-31') \g /dev/null
SELECT is((SELECT count(*) FROM work WHERE installation_id = 'home' AND waits_for IS NULL), (SELECT count(*) FROM work WHERE installation_id = 'home'),
	'and all when it is');
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT work_failed('home', 'device_sync', pg_temp.claim_of('device_sync'), 'forbidden', 86400000) \g /dev/null
SELECT work_put('home', 'device_sync', 1) \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '1 day', 'an event does not bring forward what was refused');
SELECT pg_temp.link('home', 'alex', 'cookie-32') \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '0', 'a new link does');
DELETE FROM work;

-- Linked again while work of before still runs: what that says at its end is out of date.
SELECT work_begin('home', 'subscription_sync') \g /dev/null
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT set_config('test.claim', pg_temp.claim_of('subscription_sync')::text, true) \g /dev/null
SELECT pg_temp.link('home', 'alex', 'cookie-33') \g /dev/null
SELECT work_failed('home', 'subscription_sync', current_setting('test.claim')::bigint, 'forbidden', 86400000) \g /dev/null
SELECT is(pg_temp.due_in('home', 'subscription_sync'), interval '0', 'a refusal of before the link does not count');
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT is(work_keep('home', 'subscription_sync', current_setting('test.claim')::bigint), false, 'nor does the same worker take both runs for one');
SELECT is(work_keep('home', 'subscription_sync', pg_temp.claim_of('subscription_sync')), true, 'the new one goes on');
DELETE FROM work;
SELECT pause_put('home', 'device_sync', NULL, 60000), work_begin('home', 'device_sync') \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '1 minute', 'a new link does not end what the platform asked for');
DELETE FROM pause;
DELETE FROM work;

-- What the platform paused comes back no sooner, however its run ended.
SELECT work_put('home', 'device_sync', 0) \g /dev/null
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT pause_put('home', 'device_sync', NULL, 60000), work_failed('home', 'device_sync', pg_temp.claim_of('device_sync'), 'limit', 0) \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '1 minute', 'not when a worker that stops puts it back');
SELECT is((SELECT attempts FROM work WHERE kind = 'device_sync'), 0, 'and a limit is no failure');
UPDATE work SET run_at = now(), last_error = NULL;
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT worker_release('w1', true, true, true, true, false, 8000) \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '1 minute', 'nor when its worker has died');
UPDATE work SET run_at = now();
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT work_put('home', 'device_sync', 0), work_done('home', 'device_sync', pg_temp.claim_of('device_sync'), 1) \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '1 minute', 'nor when it was asked for again while it ran');
DELETE FROM pause;
DELETE FROM work;

-- Waiting is no failure.
SELECT work_put('home', 'device_sync', 0) \g /dev/null
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT work_failed('home', 'device_sync', pg_temp.claim_of('device_sync'), NULL, 0) \g /dev/null
SELECT is((SELECT attempts FROM work WHERE kind = 'device_sync'), 0, 'what waits begins its back-off at the first failure');

-- A pause of one device holds up no other, and a click asks for a refresh that lies in its back-off.
SELECT pause_put('home', 'command', 'fan', 60000) \g /dev/null
SELECT command_request(current_setting('test.user')::bigint, 'fan', 'main', 'on', NULL, 30000) \g /dev/null
SELECT is((SELECT count(*) FROM command_claim('w1', 10, 10, 10)), 0::bigint, 'a device that the platform paused waits');
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT is((SELECT array_agg(device_id) FROM command_claim('w1', 10, 10, 10)), ARRAY['lamp'], 'another one does not');
DELETE FROM pause;
DELETE FROM command;
SELECT work_plan_refresh('home', now() + interval '5 minutes', 'unavailable'), work_put('home', 'command', 0) \g /dev/null
UPDATE token SET expires_at = now() WHERE installation_id = 'home';
SELECT work_wait_for_token('home', 'command', NULL) \g /dev/null
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT is(pg_temp.due_in('home', 'refresh'), interval '0', 'whoever clicks need not wait for a refresh to be tried again');
DELETE FROM command;
DELETE FROM work;

-- Nothing is left of an installation that was removed while something of it ran.
SELECT pg_temp.link('hut', 'kim', 'cookie-34') \g /dev/null
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT set_config('test.claim', (SELECT claim::text FROM work WHERE installation_id = 'hut' AND kind = 'device_sync'), true) \g /dev/null
SELECT installation_erase('hut', false) \g /dev/null
SELECT work_done('hut', 'device_sync', current_setting('test.claim')::bigint, 1), work_put('hut', 'device_sync', 1),
	pause_put('hut', 'device_sync', NULL, 60000), subscription_replace('hut', '[{"id":"s9","source":"DEVICE_HEALTH"}]') \g /dev/null
SELECT is((SELECT count(*) FROM work WHERE installation_id = 'hut') + (SELECT count(*) FROM pause WHERE installation_id = 'hut')
	+ (SELECT count(*) FROM subscription WHERE installation_id = 'hut'), 0::bigint, 'an answer that comes later leaves nothing behind');
INSERT INTO pause (installation_id, kind, ends_at) VALUES ('hut', 'uninstall', now());
INSERT INTO work (installation_id, kind, priority) VALUES ('hut', 'device_sync', 1);
SELECT is((SELECT count(*) FROM work_claim('w1', 1, 10)), 1::bigint, 'a row of before is claimed');
SELECT work_done('hut', 'device_sync', (SELECT claim FROM work WHERE installation_id = 'hut'), 1) \g /dev/null
SELECT is((SELECT count(*) FROM work WHERE installation_id = 'hut'), 0::bigint, 'and gone when it is done');
UPDATE installation SET removed_at = now() - interval '32 days' WHERE installation_id = 'hut';
SELECT installation_forget(30) \g /dev/null
SELECT is((SELECT count(*) FROM installation WHERE installation_id = 'hut'), 0::bigint, 'the row goes whatever was left');

-- An uninstall whose token was given up.
SELECT pg_temp.link('barn', 'kim', 'cookie-35') \g /dev/null
SELECT token_dead('barn', (SELECT generation FROM token WHERE installation_id = 'barn'), 'REVOKED') \g /dev/null
SELECT is((SELECT waits_for FROM work WHERE installation_id = 'barn' AND kind = 'refresh'), 'link', 'a token that was given up is not refreshed');
SELECT installation_disconnect((SELECT user_id FROM user_account WHERE owner_id = 'kim'), 'barn') \g /dev/null
SELECT set_eq($$ SELECT kind FROM pg_temp.claim('w1') WHERE installation_id = 'barn' $$, ARRAY['uninstall', 'refresh'], 'but once more when its owner disconnects');
SELECT token_dead('barn', (SELECT generation FROM token WHERE installation_id = 'barn'), 'invalid_grant') \g /dev/null
SELECT is((SELECT count(*) FROM token WHERE installation_id = 'barn') + (SELECT count(*) FROM work WHERE installation_id = 'barn'), 0::bigint,
	'and when that is refused nothing is left');
DELETE FROM work;

-- Events that follow each other closely cause ever fewer syncs.
UPDATE installation SET synced_at = now() - interval '1 day', sync_pause = '0' WHERE installation_id = 'home';
CREATE FUNCTION pg_temp.storm(p_seconds integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_start CONSTANT timestamptz := now() - interval '1 day';
	v_times text := '';
	v_due   timestamptz;
BEGIN
	-- An event each second: a sync begins when the last one allows it.
	FOR s IN 0..p_seconds LOOP
		SELECT i.synced_at + i.sync_pause INTO v_due FROM installation i WHERE i.installation_id = 'home';
		IF v_start + s * interval '1 second' >= v_due THEN
			PERFORM sync_finish('home', 1, v_start + s * interval '1 second', NULL, NULL, false, 2, false);
			v_times := v_times || s || ' ';
		END IF;
	END LOOP;
	RETURN v_times;
END $$;
SELECT is(pg_temp.storm(300), '0 15 45 105 225 ', 'five minutes of an event a second');
SELECT sync_finish('home', 1, now() - interval '1 hour', NULL, NULL, false, 2, false) \g /dev/null
SELECT is((SELECT sync_pause FROM installation WHERE installation_id = 'home'), interval '0', 'after a quiet while the next comes at once');
SELECT is(sync_earliest('home'), now() + interval '1 second', 'after a second, for they come in bunches');
UPDATE installation SET synced_at = now(), sync_pause = '15 seconds' WHERE installation_id = 'home';
SELECT work_put('home', 'device_sync', 0) \g /dev/null
SELECT count(*) FROM work_claim('w1', 0, 10) \g /dev/null
SELECT is((SELECT work FROM pg_temp.ingest('home', jsonb_build_array(jsonb_build_object('id', gen_random_uuid(), 'at', now(),
	'type', 'DEVICE_LIFECYCLE_EVENT', 'device', 'new', 'value', 'CREATE')))), true, 'an event asks for a sync');
SELECT work_done('home', 'device_sync', pg_temp.claim_of('device_sync'), 1) \g /dev/null
SELECT is(pg_temp.due_in('home', 'device_sync'), interval '15 seconds', 'which comes when the last one allows');
DELETE FROM work;

-- Turns of commands.
INSERT INTO device (installation_id, device_id, name) SELECT h, 'd' || n, 'Lamp' FROM unnest(ARRAY['home', 'flat']) AS h, generate_series(1, 20) AS n;
INSERT INTO switch (installation_id, device_id, component, state, seq)
	SELECT h, 'd' || n, 'main', 'off', 1 FROM unnest(ARRAY['home', 'flat']) AS h, generate_series(1, 20) AS n;
CREATE FUNCTION pg_temp.user_of(p_owner text) RETURNS bigint LANGUAGE sql AS $$ SELECT user_id FROM user_account WHERE owner_id = p_owner $$;
SELECT count(*) FROM command_request_many(pg_temp.user_of('alex'), 'on', NULL, 'home', 30000) \g /dev/null
SELECT is((SELECT count(*) FROM command_claim('w1', 64, 2, 6)), 6::bigint, 'a location that is alone has more on its way');
SELECT is(work_next_ms('{f,f,f}', true), 20000::bigint, 'the next turn is for an answer to call');
SELECT command_accepted('home', (SELECT command_id FROM command WHERE status = 'sent' ORDER BY device_id LIMIT 1)) \g /dev/null
SELECT is((SELECT count(*) FROM command_claim('w1', 64, 2, 6)), 1::bigint, 'which makes room for one');
SELECT count(*) FROM command_request_many(pg_temp.user_of('sam'), 'on', NULL, 'flat', 30000) \g /dev/null
SELECT is((SELECT string_agg(DISTINCT installation_id, ' ') || count(*) FROM command_claim('w1', 64, 2, 6)), 'flat2', 'beside another it has its share');
SELECT command_accepted('home', command_id) FROM command WHERE installation_id = 'home' AND status = 'sent' \g /dev/null
SELECT is((SELECT string_agg(DISTINCT installation_id, ' ') || count(*) FROM command_claim('w1', 64, 2, 6)), 'home2', 'and the other as well');
SELECT command_accepted(installation_id, command_id) FROM command WHERE status = 'sent' \g /dev/null
UPDATE work SET run_at = now() - CASE installation_id WHEN 'flat' THEN interval '1 second' ELSE interval '2 seconds' END WHERE kind = 'command';
SELECT is((SELECT string_agg(installation_id, ' ') FROM command_claim('w1', 1, 2, 6)), 'home', 'with room for one the longest due is first');
SELECT is((SELECT string_agg(installation_id, ' ') FROM command_claim('w1', 1, 2, 6)), 'flat', 'and then at the end of the queue');
UPDATE command SET status = 'failed', finished_at = now(), claimed_by = NULL, claimed_until = NULL WHERE status IN ('requested', 'sent', 'accepted');
UPDATE work SET run_at = now() WHERE kind = 'command';
SELECT is((SELECT count(*) FROM command_claim('w1', 64, 2, 6)), 0::bigint, 'nothing is left to send');
SELECT is((SELECT count(*) FROM work WHERE kind = 'command'), 0::bigint, 'and nobody has a turn');
SELECT installation_erase('flat', false) \g /dev/null
DELETE FROM command;
DELETE FROM work;
SELECT work_plan_refresh('home', now(), NULL) \g /dev/null

-- Calls that are allowed so often.
SELECT is((SELECT sum(pace_take('home', 'subscription_create', 40, 905000)) FROM generate_series(1, 40)), 0::numeric, 'forty subscriptions may be created');
SELECT ok(pace_take('home', 'subscription_create', 40, 905000) BETWEEN 1 AND 905000, 'the next one within a quarter of an hour');
SELECT is((SELECT sum(pace_take('home', 'subscription_other', 15, 905000)) FROM generate_series(1, 15)), 0::numeric, 'other calls are counted apart');
SELECT ok(pace_take('home', 'subscription_other', 15, 905000) BETWEEN 1 AND 905000, 'and allowed fifteen times');
SELECT is((SELECT cardinality(made_at) FROM call_pace WHERE kind = 'subscription_create'), 40, 'what was not allowed is not counted');
UPDATE call_pace SET made_at = (SELECT array_agg(m - CASE WHEN n <= 2 THEN interval '16 minutes' ELSE '0' END)
	FROM unnest(made_at) WITH ORDINALITY AS x (m, n));
SELECT is((SELECT array_agg(pace_take('home', 'subscription_create', 40, 905000) = 0) FROM generate_series(1, 3)), '{t,t,f}', 'the window slides');
UPDATE call_pace SET made_at = (SELECT array_agg(m + interval '1 hour') FROM unnest(made_at) m);
SELECT is(pace_take('home', 'subscription_other', 15, 905000), 0::bigint, 'a clock that was set back stops nothing');

-- Tokens of an installation that is to be uninstalled.
SELECT work_put('home', 'uninstall', 1), installation_erase('home', true) \g /dev/null
SELECT set_eq($$ SELECT kind FROM pg_temp.claim('w1') $$, ARRAY['uninstall', 'refresh'], 'they are refreshed while it must still be uninstalled at the platform');
SELECT is(token_dead('home', (SELECT generation FROM token), 'invalid_grant'), true, 'a dead one ends that');
SELECT is((SELECT count(*) FROM token) + (SELECT count(*) FROM work) + (SELECT count(*) FROM call_pace), 0::bigint, 'and nothing of it is left');
SELECT * FROM finish();
ROLLBACK;
