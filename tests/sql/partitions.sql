-- Daily partitions of event: made ahead, dropped in time, strays moved in.
BEGIN;
\ir fixture.psql
SELECT plan(7);
CREATE FUNCTION pg_temp.partition(p_days integer) RETURNS text LANGUAGE sql AS $$
	SELECT 'event_' || to_char((now() AT TIME ZONE 'UTC')::date + p_days, 'YYYYMMDD') $$;

SELECT has_table('switchboard', pg_temp.partition(0), 'there is a partition of today');
SELECT has_table('switchboard', pg_temp.partition(3), 'and of the days ahead');
SELECT is(event_keep_partitions(), 0, 'a second run changes nothing');
SELECT is_empty($$ SELECT 1 FROM event_other $$, 'nothing of today lands in the default partition');

-- As if no worker had run for days: an event of today finds no partition.
SELECT format('DROP TABLE %I', pg_temp.partition(0)) \gexec
SELECT pg_temp.ingest('home', jsonb_build_array(pg_temp.switch_event('00000000-0000-1000-8000-000000000001', now(), NULL, 'lamp', 'on'))) \g /dev/null
SELECT event_keep_partitions() \g /dev/null
SELECT is((SELECT tableoid::regclass::text FROM event WHERE device_id = 'lamp'), pg_temp.partition(0), 'a stray event moves into its partition');

SELECT event_keep_partitions(2) \g /dev/null
SELECT hasnt_table('switchboard', pg_temp.partition(-3), 'a partition past its time is dropped');
SELECT is((SELECT count(*) FROM event WHERE device_id = 'lamp'), 1::bigint, 'the others stay');
SELECT * FROM finish();
ROLLBACK;
