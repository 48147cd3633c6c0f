-- After an absence of all workers, or of the database: who is looked at again, and when.
BEGIN;
\ir fixture.psql
SELECT plan(16);

SELECT is(worker_seen('w1', 'here', 1), true, 'a first worker does not know what happened before');
SELECT is(catch_up_some(10), true, 'first it looks at open pages');
SELECT is(catch_up_some(10), false, 'then at all');
SELECT is(worker_seen('w1', 'here', 1), false, 'and no more');
SELECT is(worker_seen('w2', 'here', 2), false, 'nor does a second worker');

INSERT INTO installation (installation_id, status, synced_at) SELECT 'many-' || lpad(n::text, 4, '0'), 'active', now() FROM generate_series(1, 1000) AS n;
UPDATE installation SET status = 'active', synced_at = now() WHERE installation_id = 'home';
DELETE FROM work;
INSERT INTO work (installation_id, kind, priority, run_at)
	SELECT i.installation_id, k.kind, 2, now() + interval '20 hours' FROM installation i, unnest(ARRAY['device_sync', 'subscription_sync']) AS k (kind);
UPDATE work SET waits_for = 'link' WHERE installation_id = 'many-0003';
UPDATE work SET last_error = 'forbidden' WHERE installation_id = 'many-0004';
UPDATE work SET lease = 'w2' WHERE installation_id = 'many-0005';
UPDATE session SET seen_at = now() - interval '2 minutes';
UPDATE worker SET seen_at = now() - interval '50 seconds';
SELECT is(worker_seen('w1', 'here', 1), false, 'less than a minute is no absence');
UPDATE worker SET seen_at = now() - interval '70 seconds';
SELECT is(worker_seen('w1', 'here', 1), true, 'more is');
SELECT is(catch_up_some(400), true, 'open pages first');
SELECT is((SELECT string_agg(installation_id || ' ' || kind || ' ' || priority, ', ') FROM work WHERE run_at <= now()), 'home device_sync 1',
	'that of the person who has been there');
SELECT is(catch_up_some(400), true, 'then the rest, in pieces');
SELECT is((SELECT count(*) FROM work WHERE run_at < now() + interval '1 hour'), 400::bigint - 3, 'without those that run, wait or were refused');
SELECT is(worker_seen('w3', 'there', 3), true, 'another worker goes on with it');
SELECT is(ARRAY[catch_up_some(400), catch_up_some(400)], '{t,f}', 'to the end');
SELECT is((SELECT count(*) FROM work WHERE kind = 'device_sync' AND run_at < now() + interval '100.1 seconds'), 1001::bigint - 3, 'spread over a tenth of a second for each');
SELECT is((SELECT count(*) FROM work WHERE kind = 'device_sync' AND run_at < now() + interval '50 seconds') BETWEEN 400 AND 600, true, 'evenly');
SELECT is((SELECT count(*) FROM work WHERE kind = 'subscription_sync' AND run_at < now() + interval '19 hours'), 0::bigint, 'subscriptions are as they were');
SELECT * FROM finish();
ROLLBACK;
