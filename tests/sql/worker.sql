-- The worker's queues: leases, fair shares, what a sync reads again.
BEGIN;
\ir fixture.psql
SELECT plan(68);

-- Jobs.
SELECT is((SELECT array_agg(kind) FROM job), ARRAY['device_sync'], 'a new link has one job');
UPDATE installation SET location_id = NULL, synced_at = NULL;
SELECT is((SELECT subscribing FROM sync_plan('home')), true, 'which waits for the subscriptions once it has found the location');
SELECT installation_set_location('home', 'location') \g /dev/null
SELECT installation_set_location('home', 'location') \g /dev/null
UPDATE installation SET synced_at = now();
SELECT is((SELECT count(*) FROM job_claim('w1', 10)), 2::bigint, 'they are queued then');
SELECT is((SELECT count(*) FROM job_claim('w2', 10)), 0::bigint, 'one worker has them');
SELECT is(job_keep('home', 'device_sync', 'w1'), true, 'which keeps them while it works');
SELECT is(job_keep('home', 'device_sync', 'w2'), false, 'another cannot');
UPDATE job SET claimed_until = now() - interval '1 second';
SELECT is((SELECT count(*) FROM job_claim('w2', 10)), 2::bigint, 'a dead worker''s jobs are taken over');
SELECT is(job_keep('home', 'device_sync', 'w1'), false, 'and are not its own any more');
SELECT job_done('home', 'device_sync', 'w1', 1) \g /dev/null
SELECT is((SELECT count(*) FROM job WHERE kind = 'device_sync'), 1::bigint, 'nor can it end them');
SELECT job_put('home', 'device_sync') \g /dev/null
SELECT job_done('home', 'device_sync', 'w2', 1) \g /dev/null
SELECT is((SELECT claimed_by FROM job WHERE kind = 'device_sync'), NULL, 'put again meanwhile: it runs again');
SELECT is((SELECT age_s FROM job_claim('w1', 10) WHERE kind = 'device_sync'), 0::bigint, 'a claim gives the age of the job');

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
SELECT job_put('home', 'subscription_sync') \g /dev/null
SELECT is((SELECT subscribing FROM sync_plan('home')), true, 'the first one waits for the subscriptions');
UPDATE job SET last_error = 'limit' WHERE kind = 'subscription_sync';
SELECT is((SELECT subscribing FROM sync_plan('home')), false, 'but not when they fail');
DELETE FROM job;
SELECT subscription_replace('home', '[{"id":"s1","source":"DEVICE_HEALTH"}]') \g /dev/null
SELECT is((SELECT count(*) FROM job WHERE kind = 'device_sync'), 1::bigint, 'a new subscription queues a sync');
DELETE FROM job;
SELECT subscription_replace('home', '[{"id":"s1","source":"DEVICE_HEALTH"}]') \g /dev/null
SELECT is((SELECT count(*) FROM job), 0::bigint, 'a known one does not');
UPDATE installation SET synced_at = now();
SELECT is(job_reconcile(), 0::bigint, 'an installation that was just read is not due');
UPDATE installation SET synced_at = now() - interval '25 hours';
SELECT is(job_reconcile(), 1::bigint, 'after a day it is compared with the platform');
SELECT set_eq('SELECT kind FROM job', ARRAY['device_sync', 'subscription_sync'], 'devices and subscriptions');
SELECT is(job_reconcile(), 0::bigint, 'once');
UPDATE installation SET synced_at = now();
DELETE FROM job;
SELECT is(sync_again('home', false, 120), NULL, 'every room is known');
UPDATE device SET room_id = 'r2' WHERE device_id = 'fan';
SELECT is(sync_again('home', false, 120), 120, 'until a device is in a new one');
SELECT is(sync_again('home', true, 120), NULL, 'which the platform does not list');

-- Commands: an installation has its share of the wire, over all workers.
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT command_request(current_setting('test.user')::bigint, 'fan', 'main', 'on', NULL, 30000) \g /dev/null
SELECT is((SELECT count(*) FROM command_claim('w1', 10, 1)), 1::bigint, 'one at a time when one is its share');
SELECT is((SELECT count(*) FROM command_claim('w2', 10, 1)), 0::bigint, 'with any worker');
SELECT is((SELECT max(attempts) FROM command_claim('w2', 10, 2)), 1, 'a claim gives the number of the try');

-- Claims of a worker that is certainly dead.
DELETE FROM command;
DELETE FROM job;
SELECT job_put('home', 'device_sync') \g /dev/null
INSERT INTO confirmation (confirmation_hash, url) VALUES (pg_temp.hash('c'), 'https://api.smartthings.com/apps/a/confirm');
UPDATE token SET refresh_after = now();
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT worker_seen('w1', 'here', 1) \g /dev/null
SELECT count(*) FROM job_claim('w1', 10), token_claim('w1', 10), command_claim('w1', 10, 10), confirmation_claim('w1', 10) \g /dev/null
SELECT is(worker_release('w2', true, true, true, true, true, 8000), 0::bigint, 'another''s claims are not a dead worker''s');
SELECT is(worker_release('w1', false, false, false, false, false, 8000), 0::bigint, 'one that lives gives back the kinds it names');
SELECT is(worker_release('w1', true, true, true, true, true, 8000), 4::bigint, 'a dead worker''s claims are given back');
SELECT is((SELECT count(*) FROM worker WHERE worker_id = 'w1'), 0::bigint, 'and it is not listed any more');
SELECT is((SELECT count(*) FROM job_claim('w2', 10)), 1::bigint, 'its job is taken at once');
SELECT is((SELECT count(*) FROM token_claim('w2', 10)), 1::bigint, 'so is its refresh');
SELECT is((SELECT count(*) FROM confirmation_claim('w2', 10)), 1::bigint, 'and its confirmation');
SELECT is((SELECT count(*) FROM command_claim('w2', 10, 10)), 0::bigint, 'a command waits for the event of the call that may have been made');
SELECT is((SELECT claimed_until - sent_at FROM command), interval '8 seconds', 'for as long as the call could take');
UPDATE command SET sent_at = now() - interval '9 seconds', claimed_until = now() + interval '11 seconds';
SELECT worker_release('w1', true, true, true, true, true, 8000) \g /dev/null
SELECT is((SELECT count(*) FROM command_claim('w2', 10, 10)), 1::bigint, 'then it is sent again');
SELECT worker_release('w2', true, false, false, false, false, 8000) \g /dev/null
SELECT is((SELECT run_at - now() FROM job), interval '1 second', 'work that outlived two workers waits a little');
SELECT is((SELECT claimed_by FROM token), 'w2', 'what was not named stays claimed');
SELECT is(release_delay(40), interval '60 seconds', 'the wait ends at a lease''s length');
DELETE FROM job;
DELETE FROM command;
UPDATE token SET claimed_by = NULL, claimed_until = NULL, failures = 0, last_error = NULL;

-- After a 429 no worker calls before its time.
UPDATE token SET refresh_after = now() + interval '1 hour';
DELETE FROM confirmation;
SELECT job_put('home', 'device_sync'), job_put('home', 'subscription_sync') \g /dev/null
SELECT pause_put('home', 'device_sync', NULL, 60000), pause_put('home', 'device_sync', NULL, 1000) \g /dev/null
SELECT is((SELECT ends_at - now() FROM pause), interval '1 minute', 'the longer pause holds');
SELECT set_eq($$ SELECT kind FROM job_claim('w1', 10) $$, ARRAY['subscription_sync'], 'what the platform does not want waits, the rest goes on');
SELECT job_put('home', 'device_sync') \g /dev/null
SELECT is((SELECT count(*) FROM job_claim('w2', 10)), 0::bigint, 'putting it again changes nothing, nor does another worker');
SELECT is(work_next_ms(10000), 60000::bigint, 'and no worker wakes up before');
UPDATE pause SET ends_at = now() - interval '1 second';
SELECT is((SELECT count(*) FROM job_claim('w2', 10)), 1::bigint, 'then it goes on');
UPDATE token SET refresh_after = now();
SELECT pause_put('home', 'refresh', NULL, 60000) \g /dev/null
SELECT is((SELECT count(*) FROM pause), 1::bigint, 'what is over is forgotten');
SELECT is((SELECT count(*) FROM token_claim('w1', 10)), 0::bigint, 'a refresh waits as well');
SELECT is(work_next_ms(10000), 60000::bigint, 'and wakes no worker');
UPDATE pause SET ends_at = now();
SELECT is((SELECT count(*) FROM token_claim('w1', 10)), 1::bigint, 'until its time');
SELECT command_request(current_setting('test.user')::bigint, 'lamp', 'main', 'on', NULL, 30000) \g /dev/null
SELECT command_request(current_setting('test.user')::bigint, 'fan', 'main', 'on', NULL, 30000) \g /dev/null
SELECT pause_put('home', 'command', 'lamp', 10000) \g /dev/null
SELECT set_eq($$ SELECT device_id FROM command_claim('w1', 10, 10) $$, ARRAY['fan'], 'of commands, those of one device wait');
SELECT is(work_next_ms(10000), 10000::bigint, 'and are due after that');
DELETE FROM pause;
SELECT set_eq($$ SELECT device_id FROM command_claim('w2', 10, 10) $$, ARRAY['lamp'], 'then they go too');
DELETE FROM command;
DELETE FROM job;
UPDATE token SET claimed_by = NULL, claimed_until = NULL;

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
UPDATE token SET refresh_after = now() - interval '1 second';
UPDATE installation SET status = 'removed' WHERE installation_id = 'home';
SELECT is((SELECT count(*) FROM token_claim('w1', 10)), 0::bigint, 'a removed installation''s token is not refreshed');
SELECT job_put('home', 'uninstall') \g /dev/null
SELECT is((SELECT count(*) FROM token_claim('w1', 10)), 1::bigint, 'unless it must still be uninstalled at the platform');
SELECT ok(work_next_ms(10000) <= 0, 'which is work to do');
SELECT is(token_dead('home', 1, 'invalid_grant'), true, 'a dead one ends that');
SELECT is((SELECT count(*) FROM token) + (SELECT count(*) FROM job) + (SELECT count(*) FROM call_pace), 0::bigint, 'and nothing of it is left');
SELECT * FROM finish();
ROLLBACK;
