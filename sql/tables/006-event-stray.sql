-- No default partition: while there is one, no partition can be detached without stopping all who use the table, and each
-- new partition waits until its rows were moved.  What was in it stays readable in event_stray.

ALTER TABLE event DETACH PARTITION event_other;
ALTER TABLE event_other RENAME TO event_stray;
ALTER INDEX event_other_pkey RENAME TO event_stray_pkey;
CREATE INDEX event_stray_received ON event_stray (received_at);
COMMENT ON TABLE event_stray IS 'Events of days that have no partition of event';
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT a.attname, col_description(a.attrelid, a.attnum) AS what FROM pg_attribute a
		WHERE a.attrelid = 'event'::regclass AND a.attnum > 0 LOOP
		EXECUTE format('COMMENT ON COLUMN event_stray.%I IS %L', r.attname, r.what);
	END LOOP;

	-- DETACH PARTITION … CONCURRENTLY cannot run inside of a function, only as a statement of the table's owner: of the
	-- worker, who owns nothing else, for the partitions stay with the owner of the schema.  One who is no member of that
	-- role cannot hand the table over: event_partition_detach() serves then.
	IF pg_has_role(current_user, 'switchboard_worker', 'USAGE') THEN
		GRANT CREATE ON SCHEMA switchboard TO switchboard_worker;
		ALTER TABLE event OWNER TO switchboard_worker;
		REVOKE CREATE ON SCHEMA switchboard FROM switchboard_worker;
		EXECUTE format('GRANT ALL ON event TO %I', current_user);
	END IF;
END $$;
