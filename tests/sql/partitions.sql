-- Daily partitions of event: made ahead, dropped in time; events without one are stored beside.
BEGIN;
\ir fixture.psql
SELECT plan(21);
CREATE FUNCTION pg_temp.partition(p_days integer) RETURNS text LANGUAGE sql AS $$
	SELECT 'event_' || to_char((now() AT TIME ZONE 'UTC')::date + p_days, 'YYYYMMDD') $$;

SELECT has_table('switchboard', pg_temp.partition(0), 'there is a partition of today');
SELECT has_table('switchboard', pg_temp.partition(14), 'and of 14 days ahead');
SELECT is(event_partition_make(), 0, 'a second run makes none');
SELECT is((SELECT event_days_ahead FROM health()), 14, 'health() says how many days ahead there are');
SELECT is_empty($$ SELECT FROM pg_partitioned_table WHERE partrelid = 'event'::regclass AND partdefid <> 0 $$,
	'there is no default partition');

-- As if nothing had run for weeks: an event of today finds no partition.
SELECT format('DROP TABLE %I', pg_temp.partition(0)) \gexec
SELECT is((SELECT event_days_ahead FROM health()), -1, 'without one of today, health() says -1');
SELECT is(pg_temp.ingest('home', jsonb_build_array(
		pg_temp.switch_event('00000000-0000-1000-8000-000000000001', now(), NULL, 'lamp', 'on'),
		pg_temp.switch_event('00000000-0000-1000-8000-000000000002', now() - interval '60 days', NULL, 'fan', 'on'),
		pg_temp.switch_event('00000000-0000-1000-8000-000000000003', now() + interval '1 day', NULL, 'fan', 'off'),
		pg_temp.switch_event('00000000-0000-1000-8000-000000000004', '294276-01-01', NULL, 'fan', 'off'),
		pg_temp.switch_event('00000000-0000-1000-8000-000000000005', '-infinity', NULL, 'fan', 'off'))),
	(true, 5, true, false, false), 'events of any time are stored');
SELECT is((SELECT count(*) FROM event_stray), 4::bigint, 'those without a partition in event_stray');
SELECT is(pg_temp.state('lamp'), 'on', 'and applied');
SELECT is((SELECT stored FROM pg_temp.ingest('home', jsonb_build_array(
		pg_temp.switch_event('00000000-0000-1000-8000-000000000001', now(), NULL, 'lamp', 'on')))), 0, 'a duplicate of one changes nothing');
SELECT is((SELECT array_agg(value) FROM switch_history(current_setting('test.user')::bigint, 'lamp', 'main', 24)), '{on}',
	'the history shows them');
SELECT is(event_partition_make(), 1, 'what is missing is made although there are such events');
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = to_regclass(pg_temp.partition(0))),
	(SELECT count(*) FROM pg_index WHERE indrelid = 'event'::regclass), 'with the indexes of the others, each once');
SELECT is((SELECT count(*) FROM pg_inherits h JOIN pg_index x ON x.indexrelid = h.inhrelid WHERE x.indrelid = to_regclass(pg_temp.partition(0))),
	(SELECT count(*) FROM pg_index WHERE indrelid = 'event'::regclass), 'as parts of theirs');
SELECT ok(to_regclass('event_of_switch') IS NOT NULL AND to_regclass('event_stray_of_switch') IS NOT NULL, 'of which one is for the history');

SELECT format('CREATE TABLE event_20200101 PARTITION OF event FOR VALUES FROM (%L) TO (%L)', '2020-01-01Z', '2020-01-02Z') \gexec
SELECT is((SELECT array_agg(name) FROM event_partition_old(30)), '{event_20200101}', 'a partition past its time is named');
SELECT is_empty($$ SELECT FROM event_partition_old(0) WHERE to_date(right(name, 8), 'YYYYMMDD') >= now()::date - 7 $$,
	'none that takes events is, whatever the setting');
SELECT throws_ok(format('SELECT event_partition_detach(%L)', pg_temp.partition(0)), 'P0001', NULL, 'today''s is not detached');
SELECT event_partition_detach('event_20200101') \g /dev/null
SELECT is(ARRAY[event_partition_drop(), event_partition_drop()], '{t,f}', 'one that is detached is dropped');
UPDATE event_stray SET received_at = now() - interval '31 days' WHERE event_id = '00000000-0000-1000-8000-000000000002';
SELECT is(event_stray_prune(30), 1, 'events without a partition go in time too');
SELECT is((SELECT count(*) FROM event_all WHERE device_id = 'lamp'), 1::bigint, 'the others stay');
SELECT * FROM finish();
ROLLBACK;
