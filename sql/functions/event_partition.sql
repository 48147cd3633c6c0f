-- Daily partitions of event.

-- Its events were kept for p_days.  Rows that others have locked are left for the next time.
CREATE FUNCTION installation_forget(p_days integer)
RETURNS void LANGUAGE sql AS $$
	DELETE FROM installation WHERE installation_id IN (SELECT i.installation_id FROM installation i
		WHERE i.removed_at < now() - make_interval(days => p_days + 1) AND i.status = 'removed'
			AND NOT EXISTS (SELECT 1 FROM token t WHERE t.installation_id = i.installation_id)
		ORDER BY i.removed_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
$$;
COMMENT ON FUNCTION installation_forget IS 'Delete the rows of removed installations after their events have gone';

-- From p_days_kept days ago to three days ahead; older ones are dropped.  Rows that are in event_other because their
-- partition was not there move into it.
CREATE FUNCTION event_keep_partitions(p_days_kept integer DEFAULT 8)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_today   date := (now() AT TIME ZONE 'UTC')::date;
	v_day     date;
	v_name    text;
	v_changes integer := 0;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtext('switchboard.event_keep_partitions'));
	FOR v_day IN SELECT generate_series(v_today - p_days_kept, v_today + 3, interval '1 day')::date LOOP
		v_name := 'event_' || to_char(v_day, 'YYYYMMDD');
		CONTINUE WHEN to_regclass('switchboard.' || v_name) IS NOT NULL;
		EXECUTE format('CREATE TABLE %I (LIKE event INCLUDING ALL)', v_name);
		EXECUTE format('COMMENT ON TABLE %I IS %L', v_name, 'Events of ' || v_day || ' (UTC)');
		EXECUTE format('WITH moved AS (DELETE FROM event_other WHERE event_time >= %L AND event_time < %L RETURNING *)
			INSERT INTO %I SELECT * FROM moved', v_day || ' 00:00Z', (v_day + 1) || ' 00:00Z', v_name);
		EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
			v_name, v_day || ' 00:00Z', (v_day + 1) || ' 00:00Z');
		v_changes := v_changes + 1;
	END LOOP;
	FOR v_name IN SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent = 'switchboard.event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
			AND to_date(right(c.relname, 8), 'YYYYMMDD') < v_today - p_days_kept LOOP
		EXECUTE format('DROP TABLE %I', v_name);
		v_changes := v_changes + 1;
	END LOOP;
	PERFORM installation_forget(p_days_kept);
	DELETE FROM event_other WHERE received_at < now() - make_interval(days => p_days_kept);
	RETURN v_changes;
END $$;
COMMENT ON FUNCTION event_keep_partitions IS 'Make the coming partitions of event, drop those past their time';

GRANT EXECUTE ON FUNCTION event_keep_partitions TO switchboard_worker;

-- The first partitions of a fresh database; the worker makes the later ones.
SELECT event_keep_partitions() WHERE (SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass) = 1;
