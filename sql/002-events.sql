-- What a webhook does, as one function call: one round trip, one commit.
SET LOCAL search_path = switchboard;

-- Order of two pieces of news about one thing: 1 when a is newer, -1 when
-- older, 0 when they cannot be told apart (then the later arrival wins).
-- Event times have whole seconds; a tick (100 ns) settles a tie.  A tick that
-- is a multiple of 10000 came from a time with milliseconds only: then compare
-- at that coarser precision, so that a fresh event is never taken for old.
CREATE FUNCTION stamp_compare(a_at timestamptz, a_tick bigint, b_at timestamptz, b_tick bigint)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN b_at IS NULL THEN 1
	WHEN a_at IS NULL THEN -1
	WHEN date_bin('1 second', a_at, '1970-01-01 00:00Z') > b_at THEN 1
	WHEN date_bin('1 second', b_at, '1970-01-01 00:00Z') > a_at THEN -1
	WHEN a_tick IS NULL OR b_tick IS NULL THEN 0
	WHEN a_tick % 10000 <> 0 AND b_tick % 10000 <> 0 THEN sign(a_tick - b_tick)::integer
	WHEN abs(a_tick - b_tick) > 10000000 THEN 0
	ELSE sign(a_tick / 10000 - b_tick / 10000)::integer
END;
COMMENT ON FUNCTION stamp_compare IS 'Which of two times of news is newer, at the coarser of their precisions: 1, 0 or -1';

-- 100 ns units since 1970 of a time that has milliseconds; null when it has none.
CREATE FUNCTION stamp_tick(p_at timestamptz)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN date_trunc('second', p_at AT TIME ZONE 'UTC') = p_at AT TIME ZONE 'UTC' THEN NULL
	ELSE floor(extract(epoch FROM p_at) * 1000)::bigint * 10000 END;
COMMENT ON FUNCTION stamp_tick IS '100 ns units since 1970 of a time with milliseconds';

-- Ask for a job; one that is queued already runs no later, one that runs now runs again.
CREATE FUNCTION job_put(p_installation text, p_kind text, p_delay interval DEFAULT '0')
RETURNS void LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO job (installation_id, kind, run_at) VALUES (p_installation, p_kind, now() + p_delay)
	ON CONFLICT (installation_id, kind) DO UPDATE
		SET run_at = least(job.run_at, excluded.run_at), generation = job.generation + 1;
END;
COMMENT ON FUNCTION job_put IS 'Queue a job for the worker, once per installation and kind';

-- Everything an installation left behind, except its events (they go with
-- their partitions).  Sessions end when nothing is left for them to show.
CREATE FUNCTION installation_erase(p_installation text, p_keep_token boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_user bigint;
BEGIN
	UPDATE installation i SET status = 'removed', removed_at = coalesce(i.removed_at, now()), seq = i.seq + 1,
		status_seq = i.seq + 1, structure_seq = i.seq + 1
		WHERE i.installation_id = p_installation RETURNING i.user_id INTO v_user;
	IF NOT p_keep_token THEN
		DELETE FROM token WHERE installation_id = p_installation;
		DELETE FROM pause WHERE installation_id = p_installation;
		DELETE FROM call_pace WHERE installation_id = p_installation;
		DELETE FROM job WHERE installation_id = p_installation;
	ELSE
		DELETE FROM job WHERE installation_id = p_installation AND kind <> 'uninstall';
	END IF;
	DELETE FROM subscription WHERE installation_id = p_installation;
	DELETE FROM command WHERE installation_id = p_installation;
	DELETE FROM device WHERE installation_id = p_installation;
	DELETE FROM room WHERE installation_id = p_installation;
	DELETE FROM session s WHERE s.user_id = v_user
		AND NOT EXISTS (SELECT 1 FROM installation i WHERE i.user_id = v_user AND i.status <> 'removed');
END $$;
COMMENT ON FUNCTION installation_erase IS 'Forget an uninstalled location: tokens (unless the platform must still be told), subscriptions, devices, sessions';

-- Commands that this news answers: the state asked for, or any level after a
-- setLevel (devices round).  p_late: when the news was made, if newer news
-- overtook it; then only what was sent before can be meant.
CREATE FUNCTION command_confirm(p_installation text, p_device text, p_component text,
	p_attribute text, p_value text, p_seq bigint, p_late timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE command SET status = 'confirmed', finished_at = now(), seq = p_seq
	WHERE installation_id = p_installation AND device_id = p_device AND component = p_component
		AND status IN ('sent', 'accepted')
		AND (p_late IS NULL OR date_trunc('second', sent_at AT TIME ZONE 'UTC') <= p_late AT TIME ZONE 'UTC')
		AND CASE p_attribute
			WHEN 'switch' THEN command = p_value OR (command = 'setLevel' AND level = 0 AND p_value = 'off')
			ELSE command = 'setLevel' END;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION command_confirm IS 'Mark the commands that an event answers as confirmed';

-- Apply one event that is new to us, at the installation's next seq.  Bits
-- of the answer: 1 the page changed, 2 the structure changed, 4 a device sync
-- is needed, 8 the installation is gone, 16 news of a switch we do not know.
CREATE FUNCTION event_apply(p_installation text, p_seq bigint, p_type text, p_at timestamptz, p_tick bigint,
	p_device text, p_component text, p_capability text, p_attribute text, p_value jsonb, p_detail jsonb)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	v_text  text := p_value #>> '{}';
	v_at    timestamptz := p_at;
	v_tick  bigint := p_tick;
	v_level integer;
	v_asked boolean;
BEGIN
	-- A date in the future counts as now: it must not freeze a switch.
	IF v_at > now() THEN
		v_at := now();
		v_tick := NULL;
	END IF;
	CASE p_type
	WHEN 'DEVICE_EVENT' THEN
		IF p_capability = 'switch' AND p_attribute = 'switch' AND v_text IN ('on', 'off') THEN
			UPDATE switch SET state = v_text, state_at = v_at, state_tick = v_tick,
				state_stored_at = clock_timestamp(), seq = p_seq
			WHERE installation_id = p_installation AND device_id = p_device AND component = p_component
				AND stamp_compare(v_at, v_tick, state_at, state_tick) >= 0
			RETURNING EXISTS (SELECT 1 FROM command c WHERE c.installation_id = p_installation
				AND c.device_id = p_device AND c.component = p_component
				AND c.status IN ('requested', 'sent', 'accepted')) INTO v_asked;
		ELSIF p_capability = 'switchLevel' AND p_attribute = 'level' AND jsonb_typeof(p_value) = 'number'
			AND (p_value)::numeric BETWEEN 0 AND 100 THEN
			v_level := round((p_value)::numeric);
			UPDATE switch SET level = v_level, level_at = v_at, level_tick = v_tick,
				level_stored_at = clock_timestamp(), seq = p_seq
			WHERE installation_id = p_installation AND device_id = p_device AND component = p_component
				AND stamp_compare(v_at, v_tick, level_at, level_tick) >= 0
			RETURNING EXISTS (SELECT 1 FROM command c WHERE c.installation_id = p_installation
				AND c.device_id = p_device AND c.component = p_component
				AND c.status IN ('requested', 'sent', 'accepted')) INTO v_asked;
		ELSE
			RETURN 0;
		END IF;
		IF FOUND THEN
			IF v_asked THEN
				PERFORM command_confirm(p_installation, p_device, p_component, p_attribute, v_text, p_seq, NULL);
			END IF;
			RETURN 1;
		END IF;
		IF command_confirm(p_installation, p_device, p_component, p_attribute, v_text, p_seq, v_at) THEN
			UPDATE switch SET seq = p_seq WHERE installation_id = p_installation AND device_id = p_device
				AND component = p_component;
			RETURN 1;
		END IF;
		RETURN CASE WHEN EXISTS (SELECT 1 FROM switch WHERE installation_id = p_installation
			AND device_id = p_device AND component = p_component) THEN 0 ELSE 16 END;
	WHEN 'DEVICE_HEALTH_EVENT' THEN
		UPDATE device SET online = v_text = 'ONLINE', health_at = v_at, health_tick = v_tick
		WHERE installation_id = p_installation AND device_id = p_device
			AND v_text IN ('ONLINE', 'OFFLINE', 'UNHEALTHY')
			AND stamp_compare(v_at, v_tick, health_at, health_tick) >= 0;
		IF FOUND THEN
			UPDATE switch SET seq = p_seq WHERE installation_id = p_installation AND device_id = p_device;
			RETURN 1;
		END IF;
		RETURN 0;
	WHEN 'DEVICE_LIFECYCLE_EVENT' THEN
		-- A delete is checked with the platform too: it may have come late, after the device came back.
		IF v_text IN ('DELETE', 'MOVE_FROM') AND NOT EXISTS (SELECT 1 FROM event e
			WHERE e.installation_id = p_installation AND e.event_time >= p_at AND e.device_id = p_device
				AND e.event_type = p_type AND e.value #>> '{}' IN ('CREATE', 'MOVE_TO')
				AND stamp_compare(e.event_time, e.event_tick, p_at, p_tick) > 0) THEN
			DELETE FROM device WHERE installation_id = p_installation AND device_id = p_device;
			RETURN CASE WHEN FOUND THEN 3 ELSE 0 END;
		END IF;
		RETURN 4;
	WHEN 'LOCATION_LIFECYCLE_EVENT' THEN
		UPDATE installation SET location_read_at = NULL WHERE installation_id = p_installation;
		RETURN 4;
	WHEN 'INSTALLED_APP_LIFECYCLE_EVENT' THEN
		IF v_text = 'DELETE' AND coalesce(p_detail ->> 'installedAppId', p_installation) = p_installation THEN
			RETURN 8;
		END IF;
		RETURN 0;
	ELSE
		RETURN 0;
	END CASE;
END $$;
COMMENT ON FUNCTION event_apply IS 'Apply one new event to switches and devices';

-- One webhook.  p_events is what event.h describes.  known: is the
-- installation linked here; stored: events that were new; page: something to
-- show changed; work: there is something for a worker; removed: uninstalled.
CREATE FUNCTION event_ingest(p_installation text, p_events jsonb,
	OUT known boolean, OUT stored integer, OUT page boolean, OUT work boolean, OUT removed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_seq    bigint;
	v_synced timestamptz;
	v_effect integer := 0;
	v_event  jsonb;
	v_fresh  event[] := '{}';
	e        event;
BEGIN
	known := false;
	stored := 0;
	page := false;
	work := false;
	removed := false;
	-- The row lock puts all changes of one installation in the order of their seq.
	SELECT i.seq + 1, i.synced_at INTO v_seq, v_synced FROM installation i
		WHERE i.installation_id = p_installation AND i.status <> 'removed' FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	known := true;
	-- All are stored before the first is applied, which may look for a later one.  Row by row:
	-- most webhooks carry one event, and starting one plan for many costs more than that.
	FOR n IN 0 .. jsonb_array_length(p_events) - 1 LOOP
		v_event := p_events -> n;
		INSERT INTO event (installation_id, event_time, event_id, event_tick, event_type, device_id,
			component, capability, attribute, value, detail)
		VALUES (p_installation, (v_event ->> 'at')::timestamptz, (v_event ->> 'id')::uuid,
			(v_event ->> 'tick')::bigint, v_event ->> 'type', v_event ->> 'device', v_event ->> 'component',
			v_event ->> 'capability', v_event ->> 'attribute', nullif(v_event -> 'value', 'null'),
			nullif(v_event -> 'detail', 'null'))
		ON CONFLICT DO NOTHING RETURNING * INTO e;
		IF FOUND THEN
			v_fresh := v_fresh || e;
		END IF;
	END LOOP;
	stored := cardinality(v_fresh);
	FOREACH e IN ARRAY v_fresh LOOP
		v_effect := v_effect | event_apply(p_installation, v_seq, e.event_type, e.event_time, e.event_tick,
			e.device_id, e.component, e.capability, e.attribute, e.value, e.detail);
	END LOOP;
	IF v_effect & 8 <> 0 THEN
		PERFORM installation_erase(p_installation, false);
		page := true;
		removed := true;
		RETURN;
	END IF;
	IF v_effect & 4 <> 0 THEN
		-- A second of patience: lifecycle events come in bunches.
		PERFORM job_put(p_installation, 'device_sync', '1 second');
		work := true;
	ELSIF v_effect & 16 <> 0 THEN
		-- Perhaps one that we may not see: do not ask for it with every event.
		PERFORM job_put(p_installation, 'device_sync',
			greatest('1 second', v_synced + interval '5 minutes' - now()));
		work := true;
	END IF;
	IF v_effect & 3 <> 0 THEN
		UPDATE installation i SET seq = v_seq,
			structure_seq = CASE WHEN v_effect & 2 <> 0 THEN v_seq ELSE i.structure_seq END
			WHERE i.installation_id = p_installation;
		page := true;
	END IF;
END $$;
COMMENT ON FUNCTION event_ingest IS 'Store and apply the events of one webhook; duplicates change nothing';

-- Daily partitions from a week ago to three days ahead; older ones go.  Rows that
-- landed in event_other for want of a partition move into it.
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
	DELETE FROM event_other WHERE received_at < now() - make_interval(days => p_days_kept);
	RETURN v_changes;
END $$;
COMMENT ON FUNCTION event_keep_partitions IS 'Make the coming partitions of event, drop those past their time';
SELECT event_keep_partitions();
