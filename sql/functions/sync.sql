-- Device sync: what the platform's lists say becomes rows.

-- Where the row is locked, the page goes on showing what it did.
CREATE FUNCTION sync_progress(p_installation text, p_state text, p_found integer, p_error text)
RETURNS void LANGUAGE sql AS $$
	UPDATE installation SET sync_state = p_state, sync_found = p_found, sync_error = p_error,
		seq = seq + 1, sync_seq = seq + 1
	WHERE installation_id = (SELECT i.installation_id FROM installation i
		WHERE i.installation_id = p_installation AND i.status <> 'removed' FOR NO KEY UPDATE SKIP LOCKED)
$$;
COMMENT ON FUNCTION sync_progress IS 'Show how far a device sync is';

-- want_…: names to be read again.  subscribing: the first sync should wait a short while for the subscriptions, for what
-- is switched between its reading and them would be sent by no webhook.
CREATE FUNCTION sync_plan(p_installation text)
RETURNS TABLE (location_id text, want_location boolean, want_rooms boolean, started_at text, subscribing boolean)
LANGUAGE sql STABLE AS $$
	SELECT i.location_id::text,
		i.synced_at IS NULL OR i.location_name IS NULL OR i.location_read_at IS NULL
			OR i.location_read_at < now() - interval '1 day',
		i.synced_at IS NULL OR i.rooms_read_at IS NULL OR i.rooms_read_at < now() - interval '2 minutes'
			OR EXISTS (SELECT 1 FROM room r WHERE r.installation_id = i.installation_id AND r.missed_at = i.synced_at),
		clock_timestamp()::text,
		i.synced_at IS NULL AND i.linked_at > now() - interval '20 seconds'
			AND (i.location_id IS NULL OR EXISTS (SELECT 1 FROM work w WHERE w.installation_id = i.installation_id
				AND w.kind = 'subscription_sync' AND w.priority = 0 AND coalesce(w.last_error, 'not_found') = 'not_found'))
	FROM installation i WHERE i.installation_id = p_installation AND i.status <> 'removed'
$$;
COMMENT ON FUNCTION sync_plan IS 'What is known of an installation before a sync';

-- The first that follows another closely comes at once, the next ones ever later.
CREATE FUNCTION sync_earliest(p_installation text)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT greatest(now() + interval '1 second', (SELECT i.synced_at + i.sync_pause FROM installation i WHERE i.installation_id = p_installation))
$$;
COMMENT ON FUNCTION sync_earliest IS 'When events may cause the next sync of an installation: after a second, for they come in bunches, or when it was read often of late, later';

CREATE FUNCTION sync_lacks_rooms(p_installation text)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT EXISTS (SELECT 1 FROM device d WHERE d.installation_id = p_installation AND d.room_id IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM room r WHERE r.installation_id = d.installation_id AND r.room_id = d.room_id))
$$;
COMMENT ON FUNCTION sync_lacks_rooms IS 'Is a device in a room whose name is not known; then the rooms must be read again';

-- After a sync that read the rooms, the platform does not list a room that is still unknown.
CREATE FUNCTION sync_again(p_installation text, p_rooms_read boolean, p_rooms_again_s integer)
RETURNS integer LANGUAGE sql STABLE AS $$
	SELECT min(wanted.after_s) FROM (
		SELECT extract(epoch FROM policy_second_reading())::integer FROM installation i
		WHERE i.installation_id = p_installation
			AND (EXISTS (SELECT 1 FROM device d WHERE d.installation_id = i.installation_id AND d.missed_at = i.synced_at)
				OR EXISTS (SELECT 1 FROM switch w WHERE w.installation_id = i.installation_id AND w.missed_at = i.synced_at)
				OR EXISTS (SELECT 1 FROM room r WHERE r.installation_id = i.installation_id AND r.missed_at = i.synced_at))
		UNION ALL SELECT p_rooms_again_s WHERE NOT p_rooms_read AND sync_lacks_rooms(p_installation)) AS wanted (after_s)
$$;
COMMENT ON FUNCTION sync_again IS 'Seconds until another sync is wanted, because the last one missed something or names of rooms lack; null: none is';

CREATE FUNCTION sync_switches(p_devices jsonb)
RETURNS TABLE (device text, component text, label text, "position" integer, kind text, has_level boolean, state text,
	state_at timestamptz, level integer, level_at timestamptz)
LANGUAGE sql STABLE AS $$
	SELECT DISTINCT ON (x ->> 'device', s ->> 'component') x ->> 'device', s ->> 'component', s ->> 'label', n::integer,
		coalesce(s ->> 'kind', 'switch'), coalesce((s ->> 'has_level')::boolean, false), s ->> 'state', (s ->> 'state_at')::timestamptz,
		(s ->> 'level')::integer, (s ->> 'level_at')::timestamptz
	FROM jsonb_array_elements(p_devices) x, jsonb_array_elements(x -> 'switches') WITH ORDINALITY AS y (s, n)
$$;
COMMENT ON FUNCTION sync_switches IS 'The switches in a device list, one row each';

-- The sync_put_ functions make the rows those of the lists; true when a device, a name or a room changed.  What a list
-- lacks goes when a sync that began before had missed it too.
CREATE FUNCTION sync_put_rooms(p_installation text, p_started timestamptz, p_rooms jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_deleted boolean;
BEGIN
	DELETE FROM room r WHERE r.installation_id = p_installation AND r.missed_at < p_started
		AND r.room_id NOT IN (SELECT x ->> 'room' FROM jsonb_array_elements(p_rooms) x);
	v_deleted := FOUND;
	UPDATE room r SET missed_at = CASE WHEN r.missed_at IS NULL THEN p_started END
		WHERE r.installation_id = p_installation
			AND (r.room_id IN (SELECT x ->> 'room' FROM jsonb_array_elements(p_rooms) x)) = (r.missed_at IS NOT NULL);
	INSERT INTO room AS r (installation_id, room_id, name)
		SELECT DISTINCT ON (x ->> 'room') p_installation, x ->> 'room', x ->> 'name' FROM jsonb_array_elements(p_rooms) x
		ON CONFLICT (installation_id, room_id) DO UPDATE SET name = excluded.name WHERE r.name <> excluded.name;
	RETURN v_deleted OR FOUND;
END $$;
COMMENT ON FUNCTION sync_put_rooms IS 'Bring the rooms of an installation to a list';

CREATE FUNCTION sync_put_devices(p_installation text, p_started timestamptz, p_devices jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_deleted boolean;
BEGIN
	DELETE FROM device d WHERE d.installation_id = p_installation AND d.missed_at < p_started
		AND d.device_id NOT IN (SELECT x ->> 'device' FROM jsonb_array_elements(p_devices) x);
	v_deleted := FOUND;
	UPDATE device d SET missed_at = CASE WHEN d.missed_at IS NULL THEN p_started END
		WHERE d.installation_id = p_installation
			AND (d.device_id IN (SELECT x ->> 'device' FROM jsonb_array_elements(p_devices) x)) = (d.missed_at IS NOT NULL);
	INSERT INTO device AS d (installation_id, device_id, name, room_id)
		SELECT DISTINCT ON (x.device) p_installation, x.device, x.name, x.room
		FROM jsonb_to_recordset(p_devices) AS x (device text, name text, room text)
		ON CONFLICT (installation_id, device_id) DO UPDATE SET name = excluded.name, room_id = excluded.room_id
			WHERE (d.name, d.room_id) IS DISTINCT FROM (excluded.name, excluded.room_id);
	RETURN v_deleted OR FOUND;
END $$;
COMMENT ON FUNCTION sync_put_devices IS 'Bring the devices of an installation to a list';

CREATE FUNCTION sync_put_switches(p_installation text, p_seq bigint, p_started timestamptz, p_devices jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_deleted boolean;
BEGIN
	DELETE FROM switch w WHERE w.installation_id = p_installation AND w.missed_at < p_started
		AND (w.device_id, w.component) NOT IN (SELECT s.device, s.component FROM sync_switches(p_devices) s);
	v_deleted := FOUND;
	UPDATE switch w SET missed_at = CASE WHEN w.missed_at IS NULL THEN p_started END
		WHERE w.installation_id = p_installation AND ((w.device_id, w.component) IN (SELECT s.device, s.component
			FROM sync_switches(p_devices) s)) = (w.missed_at IS NOT NULL);
	INSERT INTO switch AS w (installation_id, device_id, component, label, position, kind, has_level, seq)
		SELECT p_installation, s.device, s.component, s.label, s.position, s.kind, s.has_level, p_seq FROM sync_switches(p_devices) s
		ON CONFLICT (installation_id, device_id, component) DO UPDATE
			SET label = excluded.label, position = excluded.position, kind = excluded.kind, has_level = excluded.has_level, seq = p_seq
			WHERE (w.label, w.position, w.kind, w.has_level)
				IS DISTINCT FROM (excluded.label, excluded.position, excluded.kind, excluded.has_level);
	RETURN v_deleted OR FOUND;
END $$;
COMMENT ON FUNCTION sync_put_switches IS 'Bring the switches of an installation to a device list';

-- A status without a credible time says what is true as of the sync.  On a tie the sync wins over what was stored
-- before it began.  It also wins over what was stored long before, whatever its time, and is then of when it began: else
-- a status whose time never moves could not correct a wrong state.
CREATE FUNCTION sync_stamp(p_status timestamptz, p_started timestamptz, p_at timestamptz, p_tick bigint,
	p_stored timestamptz)
RETURNS TABLE (at timestamptz, tick bigint, wins boolean, newer boolean)
LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN o.overrules THEN p_started ELSE c.at END,
		CASE WHEN NOT o.overrules THEN c.tick END,
		o.compared = 1 OR o.overrules OR (o.compared = 0 AND coalesce(p_stored < p_started, true)),
		o.compared = 1 OR o.overrules
	FROM (SELECT CASE WHEN stamp_is_credible(p_status) THEN p_status ELSE p_started END AS at,
			CASE WHEN stamp_is_credible(p_status) THEN stamp_tick(p_status) END AS tick) c,
		LATERAL (SELECT n.compared, coalesce(n.compared < 0 AND p_stored < p_started - policy_reading_prevails(), false) AS overrules
			FROM (SELECT stamp_compare(c.at, c.tick, p_at, p_tick) AS compared) n) o
$$;
COMMENT ON FUNCTION sync_stamp IS 'The time a status of a sync gets; does it win over what is stored, and is it newer';

-- States of the sync yield to events that are newer.  One that agrees moves the time: an event from before it is late.
CREATE FUNCTION sync_set_states(p_installation text, p_seq bigint, p_started timestamptz, p_devices jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE switch w SET state = n.state, state_at = n.at, state_tick = n.tick, state_stored_at = clock_timestamp(), seq = p_seq
	FROM (SELECT s.device, s.component, s.state, t.* FROM sync_switches(p_devices) s
		JOIN switch o ON o.installation_id = p_installation AND o.device_id = s.device AND o.component = s.component
		CROSS JOIN LATERAL sync_stamp(s.state_at, p_started, o.state_at, o.state_tick, o.state_stored_at) t) n
	WHERE w.installation_id = p_installation AND w.device_id = n.device AND w.component = n.component
		AND n.state IS NOT NULL AND CASE WHEN w.state = n.state THEN n.newer ELSE n.wins END;
	UPDATE switch w SET level = n.level, level_at = n.at, level_tick = n.tick, level_stored_at = clock_timestamp(), seq = p_seq
	FROM (SELECT s.device, s.component, s.level, t.* FROM sync_switches(p_devices) s
		JOIN switch o ON o.installation_id = p_installation AND o.device_id = s.device AND o.component = s.component
		CROSS JOIN LATERAL sync_stamp(s.level_at, p_started, o.level_at, o.level_tick, o.level_stored_at) t) n
	WHERE w.installation_id = p_installation AND w.device_id = n.device AND w.component = n.component
		AND n.level IS NOT NULL AND CASE WHEN w.level = n.level THEN n.newer ELSE n.wins END;
END $$;
COMMENT ON FUNCTION sync_set_states IS 'Set states and levels as a device list says, unless an event is newer';

-- The page shows no time of it: rows are marked only when it changed.  Offline since before the device itself was heard of
-- is no news.
CREATE FUNCTION sync_set_health(p_installation text, p_seq bigint, p_started timestamptz, p_devices jsonb)
RETURNS void LANGUAGE sql AS $$
	WITH stated AS (
		SELECT x.device, x.online, t.*, o.online IS DISTINCT FROM x.online AS differs
		FROM jsonb_to_recordset(p_devices) AS x (device text, online boolean, health_at timestamptz)
		JOIN device o ON o.installation_id = p_installation AND o.device_id = x.device
		CROSS JOIN LATERAL sync_stamp(x.health_at, p_started, o.health_at, o.health_tick, o.health_stored_at) t
		WHERE x.online IS NOT NULL
			AND (x.online OR x.health_at IS NULL OR NOT stamp_is_credible(x.health_at) OR coalesce(x.health_at >= o.heard_at, true))
			AND (x.online OR o.online IS FALSE OR x.health_at IS NULL OR NOT stamp_is_credible(x.health_at)
				OR event_heard_since(p_installation, x.device, x.health_at, stamp_tick(x.health_at)) IS NULL)),
	changed AS (
		UPDATE device d SET online = n.online, health_at = n.at, health_tick = n.tick, health_stored_at = clock_timestamp()
		FROM stated n
		WHERE d.installation_id = p_installation AND d.device_id = n.device
			AND CASE WHEN n.differs THEN n.wins ELSE n.newer END
		RETURNING d.device_id, n.differs)
	UPDATE switch w SET seq = p_seq FROM changed c
		WHERE w.installation_id = p_installation AND w.device_id = c.device_id AND c.differs
$$;
COMMENT ON FUNCTION sync_set_health IS 'Set whether devices are online as a device list says, unless an event is newer';

-- p_location_name and the rooms are null when they were not read.
CREATE FUNCTION sync_finish(p_installation text, p_seq bigint, p_started timestamptz, p_location text,
	p_location_name text, p_rooms_read boolean, p_found integer, p_structure boolean)
RETURNS void LANGUAGE sql AS $$
	UPDATE installation i SET seq = p_seq, sync_seq = p_seq, sync_state = 'done', sync_error = NULL,
		sync_found = p_found, synced_at = p_started,
		sync_pause = CASE WHEN i.synced_at > p_started - greatest(policy_sync_quiet(), 2 * i.sync_pause)
			THEN least(greatest(2 * i.sync_pause, policy_sync_pause_first()), policy_sync_pause_most()) ELSE interval '0' END,
		location_read_at = CASE WHEN p_location_name IS NULL THEN i.location_read_at ELSE now() END,
		rooms_read_at = CASE WHEN p_rooms_read THEN now() ELSE i.rooms_read_at END,
		location_id = coalesce(p_location, i.location_id), location_name = coalesce(p_location_name, i.location_name),
		structure_seq = CASE WHEN p_structure OR i.synced_at IS NULL
			OR i.location_name IS DISTINCT FROM coalesce(p_location_name, i.location_name)
			THEN p_seq ELSE i.structure_seq END,
		status_seq = CASE WHEN i.status = 'linking' THEN p_seq ELSE i.status_seq END,
		status = CASE WHEN i.status = 'linking' THEN 'active' ELSE i.status END
		WHERE i.installation_id = p_installation
$$;
COMMENT ON FUNCTION sync_finish IS 'Record on the installation that a sync is complete';

-- p_devices as smartthings/device.h describes them, p_rooms or null when they were not read.  Devices that are not in
-- the list, and were not in that of a sync before, disappear.
CREATE FUNCTION sync_apply(p_installation text, p_started timestamptz, p_location text, p_location_name text,
	p_rooms jsonb, p_devices jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_seq       bigint;
	v_structure boolean := false;
BEGIN
	SELECT i.seq + 1 INTO v_seq FROM installation i
		WHERE i.installation_id = p_installation AND i.status <> 'removed' FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF p_rooms IS NOT NULL THEN
		v_structure := sync_put_rooms(p_installation, p_started, p_rooms);
	END IF;
	v_structure := sync_put_devices(p_installation, p_started, p_devices) OR v_structure;
	v_structure := sync_put_switches(p_installation, v_seq, p_started, p_devices) OR v_structure;
	PERFORM sync_set_states(p_installation, v_seq, p_started, p_devices);
	PERFORM sync_set_health(p_installation, v_seq, p_started, p_devices);
	v_structure := event_apply_since(p_installation, v_seq, p_started) OR v_structure;
	PERFORM sync_finish(p_installation, v_seq, p_started, p_location, p_location_name, p_rooms IS NOT NULL,
		jsonb_array_length(p_devices), v_structure);
	RETURN true;
END $$;
COMMENT ON FUNCTION sync_apply IS 'Bring devices, rooms and states to what a complete sync read; false when the installation is gone';

GRANT EXECUTE ON FUNCTION sync_progress, sync_plan, sync_earliest, sync_lacks_rooms, sync_again, sync_switches, sync_put_rooms, sync_put_devices,
	sync_put_switches, sync_stamp, sync_set_states, sync_set_health, sync_finish, sync_apply TO switchboard_worker;
