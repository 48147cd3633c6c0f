-- Daily partitions of event, from policy_event_late() ago to 14 days ahead.  They are made by whoever notices that one is
-- missing, in a transaction of its own; the worker takes the old ones away.  Each step waits for locks for 100 ms, for
-- whoever comes after it waits too; what does not succeed is tried again later.

-- Never one that is being taken away: those are older than policy_event_late().
CREATE FUNCTION event_partition_takes(p_at timestamptz)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT p_at >= now() - policy_event_late()
		AND to_regclass('switchboard.event_' || to_char(p_at AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NOT NULL
$$;
COMMENT ON FUNCTION event_partition_takes IS 'Is there a partition for events of this time';

CREATE FUNCTION event_partition_make()
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = switchboard, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
	v_first date := ((now() - policy_event_late()) AT TIME ZONE 'UTC')::date;
	v_day   date;
	v_name  text;
	v_made  integer := 0;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtext('switchboard.event_partition_make')) THEN
		RETURN 0; -- another does it
	END IF;
	FOR v_day IN SELECT generate_series(v_first, (now() AT TIME ZONE 'UTC')::date + 14, interval '1 day')::date LOOP
		v_name := 'event_' || to_char(v_day, 'YYYYMMDD');
		CONTINUE WHEN to_regclass('switchboard.' || v_name) IS NOT NULL;
		EXECUTE format('CREATE TABLE %I (LIKE event INCLUDING ALL)', v_name);
		EXECUTE format('COMMENT ON TABLE %I IS %L', v_name, 'Events of ' || v_day || ' (UTC)');
		EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
			v_name, v_day || ' 00:00Z', (v_day + 1) || ' 00:00Z');
		v_made := v_made + 1;
	END LOOP;
	RETURN v_made;
END $$;
COMMENT ON FUNCTION event_partition_make IS 'Make the partitions of event that are missing; gives how many';

-- Those of days past p_days_kept, oldest first.  pending: to be finished, for detaching it was interrupted; there is at most
-- one such, and no other can be detached before it.  own: the caller owns event (sql/tables/006), and can do it CONCURRENTLY.
CREATE FUNCTION event_partition_old(p_days_kept integer)
RETURNS TABLE (name text, pending boolean, own boolean)
LANGUAGE sql STABLE AS $$
	SELECT c.relname::text, h.inhdetachpending, pg_has_role(e.relowner, 'USAGE')
	FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_class e ON e.oid = h.inhparent
	WHERE h.inhparent = 'switchboard.event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
		AND (h.inhdetachpending OR to_date(right(c.relname, 8), 'YYYYMMDD') < (now() AT TIME ZONE 'UTC')::date
			- greatest(make_interval(days => p_days_kept), policy_event_late() + interval '1 day'))
	ORDER BY h.inhdetachpending DESC, c.relname
$$;
COMMENT ON FUNCTION event_partition_old IS 'Partitions of event to be detached';

-- For a worker that does not own event.  Who uses the table meanwhile waits, for 100 ms at most.
CREATE FUNCTION event_partition_detach(p_name text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = switchboard, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM event_partition_old(0) o WHERE o.name = p_name AND NOT o.pending) THEN
		RAISE EXCEPTION 'no old partition of event: %', p_name;
	END IF;
	EXECUTE format('ALTER TABLE event DETACH PARTITION %I', p_name);
END $$;
COMMENT ON FUNCTION event_partition_detach IS 'Detach a partition that event_partition_old() names, with a lock on all of event';

-- One table in one call: a lock that is not to be had undoes nothing else.
CREATE FUNCTION event_partition_drop()
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = switchboard, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
	v_name text;
BEGIN
	SELECT c.relname INTO v_name FROM pg_class c
		WHERE c.relnamespace = 'switchboard'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^event_[0-9]{8}$'
			AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid)
		ORDER BY c.relname LIMIT 1;
	IF v_name IS NULL THEN
		RETURN false;
	END IF;
	EXECUTE format('DROP TABLE %I', v_name);
	RETURN true;
END $$;
COMMENT ON FUNCTION event_partition_drop IS 'Drop a detached partition of event; false when there is none';

CREATE FUNCTION event_stray_prune(p_days_kept integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_gone integer;
BEGIN
	DELETE FROM event_stray WHERE ctid = ANY (ARRAY(SELECT e.ctid FROM event_stray e
		WHERE e.received_at < now() - make_interval(days => p_days_kept) ORDER BY e.received_at LIMIT 5000
		FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS v_gone = ROW_COUNT;
	RETURN v_gone;
END $$;
COMMENT ON FUNCTION event_stray_prune IS 'Delete some events of event_stray that are past their time; gives how many';

-- Whole days from now for which there are partitions without a gap; -1: not even for today.
CREATE FUNCTION event_partition_days_ahead()
RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT min(d) - 1 FROM generate_series(0, 15) AS d
	WHERE d = 15 OR to_regclass('event_' || to_char((now() AT TIME ZONE 'UTC')::date + d, 'YYYYMMDD')) IS NULL
$$;
COMMENT ON FUNCTION event_partition_days_ahead IS 'For how many days after today there are partitions of event';

GRANT EXECUTE ON FUNCTION event_partition_make TO switchboard_webhook, switchboard_worker;
GRANT EXECUTE ON FUNCTION event_partition_old, event_partition_detach, event_partition_drop, event_stray_prune TO switchboard_worker;
GRANT SELECT ON event_stray TO switchboard_worker;
