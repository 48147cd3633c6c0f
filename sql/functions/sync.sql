-- Device sync: what the platform's lists say becomes rows.

CREATE FUNCTION sync_progress(p_installation text, p_state text, p_found integer, p_error text)
RETURNS void LANGUAGE sql AS $$
	UPDATE installation SET sync_state = p_state, sync_found = p_found, sync_error = p_error,
		seq = seq + 1, sync_seq = seq + 1
	WHERE installation_id = p_installation AND status <> 'removed'
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
		i.synced_at IS NULL OR i.rooms_read_at IS NULL OR i.rooms_read_at < now() - interval '2 minutes',
		clock_timestamp()::text,
		i.synced_at IS NULL AND i.linked_at > now() - interval '20 seconds'
			AND (i.location_id IS NULL OR EXISTS (SELECT 1 FROM job j WHERE j.installation_id = i.installation_id
				AND j.kind = 'subscription_sync' AND coalesce(j.last_error, 'not_found') = 'not_found'))
	FROM installation i WHERE i.installation_id = p_installation AND i.status <> 'removed'
$$;
COMMENT ON FUNCTION sync_plan IS 'What is known of an installation before a sync';

CREATE FUNCTION sync_lacks_rooms(p_installation text)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT EXISTS (SELECT 1 FROM device d WHERE d.installation_id = p_installation AND d.room_id IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM room r WHERE r.installation_id = d.installation_id AND r.room_id = d.room_id))
$$;
COMMENT ON FUNCTION sync_lacks_rooms IS 'Is a device in a room whose name is not known; then the rooms must be read again';

CREATE FUNCTION sync_switches(p_devices jsonb)
RETURNS TABLE (device text, component text, label text, "position" integer, has_level boolean, state text,
	state_at timestamptz, level integer, level_at timestamptz)
LANGUAGE sql STABLE AS $$
	SELECT DISTINCT ON (x ->> 'device', s ->> 'component') x ->> 'device', s ->> 'component', s ->> 'label', n::integer,
		coalesce((s ->> 'has_level')::boolean, false), s ->> 'state', (s ->> 'state_at')::timestamptz,
		(s ->> 'level')::integer, (s ->> 'level_at')::timestamptz
	FROM jsonb_array_elements(p_devices) x, jsonb_array_elements(x -> 'switches') WITH ORDINALITY AS y (s, n)
$$;
COMMENT ON FUNCTION sync_switches IS 'The switches in a device list, one row each';

-- The sync_put_ functions make the rows those of the lists; true when a device, a name or a room changed.
CREATE FUNCTION sync_put_rooms(p_installation text, p_rooms jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_deleted boolean;
BEGIN
	DELETE FROM room r WHERE r.installation_id = p_installation
		AND r.room_id NOT IN (SELECT x ->> 'room' FROM jsonb_array_elements(p_rooms) x);
	v_deleted := FOUND;
	INSERT INTO room AS r (installation_id, room_id, name)
		SELECT DISTINCT ON (x ->> 'room') p_installation, x ->> 'room', x ->> 'name' FROM jsonb_array_elements(p_rooms) x
		ON CONFLICT (installation_id, room_id) DO UPDATE SET name = excluded.name WHERE r.name <> excluded.name;
	RETURN v_deleted OR FOUND;
END $$;
COMMENT ON FUNCTION sync_put_rooms IS 'Bring the rooms of an installation to a list';

CREATE FUNCTION sync_put_devices(p_installation text, p_devices jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_deleted boolean;
BEGIN
	DELETE FROM device d WHERE d.installation_id = p_installation
		AND d.device_id NOT IN (SELECT x ->> 'device' FROM jsonb_array_elements(p_devices) x);
	v_deleted := FOUND;
	INSERT INTO device AS d (installation_id, device_id, name, room_id, online, health_at, health_tick)
		SELECT DISTINCT ON (x.device) p_installation, x.device, x.name, x.room, x.online, x.health_at, stamp_tick(x.health_at)
		FROM jsonb_to_recordset(p_devices) AS x (device text, name text, room text, online boolean, health_at timestamptz)
		ON CONFLICT (installation_id, device_id) DO UPDATE SET name = excluded.name, room_id = excluded.room_id
			WHERE (d.name, d.room_id) IS DISTINCT FROM (excluded.name, excluded.room_id);
	RETURN v_deleted OR FOUND;
END $$;
COMMENT ON FUNCTION sync_put_devices IS 'Bring the devices of an installation to a list';

CREATE FUNCTION sync_put_switches(p_installation text, p_seq bigint, p_devices jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_deleted boolean;
BEGIN
	DELETE FROM switch w WHERE w.installation_id = p_installation AND NOT EXISTS (SELECT 1 FROM sync_switches(p_devices) s
		WHERE s.device = w.device_id AND s.component = w.component);
	v_deleted := FOUND;
	INSERT INTO switch AS w (installation_id, device_id, component, label, position, has_level, seq)
		SELECT p_installation, s.device, s.component, s.label, s.position, s.has_level, p_seq FROM sync_switches(p_devices) s
		ON CONFLICT (installation_id, device_id, component) DO UPDATE
			SET label = excluded.label, position = excluded.position, has_level = excluded.has_level, seq = p_seq
			WHERE (w.label, w.position, w.has_level) IS DISTINCT FROM (excluded.label, excluded.position, excluded.has_level);
	RETURN v_deleted OR FOUND;
END $$;
COMMENT ON FUNCTION sync_put_switches IS 'Bring the switches of an installation to a device list';

-- States of the sync yield to events that are newer.  A status without a time says what is true as of the sync.  On a tie
-- the sync wins over what was stored before it began.
CREATE FUNCTION sync_set_states(p_installation text, p_seq bigint, p_started timestamptz, p_devices jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE switch w SET state = s.state, state_at = coalesce(s.state_at, p_started), state_tick = stamp_tick(s.state_at),
		state_stored_at = clock_timestamp(), seq = p_seq
	FROM sync_switches(p_devices) s
	WHERE w.installation_id = p_installation AND w.device_id = s.device AND w.component = s.component
		AND s.state IS NOT NULL AND (w.state IS DISTINCT FROM s.state OR w.state_at IS NULL)
		AND CASE stamp_compare(coalesce(s.state_at, p_started), stamp_tick(s.state_at), w.state_at, w.state_tick)
			WHEN 1 THEN true WHEN 0 THEN w.state_stored_at < p_started ELSE false END;
	UPDATE switch w SET level = s.level, level_at = coalesce(s.level_at, p_started), level_tick = stamp_tick(s.level_at),
		level_stored_at = clock_timestamp(), seq = p_seq
	FROM sync_switches(p_devices) s
	WHERE w.installation_id = p_installation AND w.device_id = s.device AND w.component = s.component
		AND s.level IS NOT NULL AND (w.level IS DISTINCT FROM s.level OR w.level_at IS NULL)
		AND CASE stamp_compare(coalesce(s.level_at, p_started), stamp_tick(s.level_at), w.level_at, w.level_tick)
			WHEN 1 THEN true WHEN 0 THEN w.level_stored_at < p_started ELSE false END;
END $$;
COMMENT ON FUNCTION sync_set_states IS 'Set states and levels as a device list says, unless an event is newer';

CREATE FUNCTION sync_set_health(p_installation text, p_seq bigint, p_started timestamptz, p_devices jsonb)
RETURNS void LANGUAGE sql AS $$
	WITH changed AS (
		UPDATE device d SET online = x.online, health_at = coalesce(x.health_at, p_started),
			health_tick = stamp_tick(x.health_at)
		FROM jsonb_to_recordset(p_devices) AS x (device text, online boolean, health_at timestamptz)
		WHERE d.installation_id = p_installation AND d.device_id = x.device AND x.online IS NOT NULL
			AND d.online IS DISTINCT FROM x.online
			AND stamp_compare(coalesce(x.health_at, p_started), stamp_tick(x.health_at), d.health_at, d.health_tick) >= 0
		RETURNING d.device_id)
	UPDATE switch w SET seq = p_seq FROM changed c WHERE w.installation_id = p_installation AND w.device_id = c.device_id
$$;
COMMENT ON FUNCTION sync_set_health IS 'Set whether devices are online as a device list says, unless an event is newer';

-- p_location_name and the rooms are null when they were not read.
CREATE FUNCTION sync_finish(p_installation text, p_seq bigint, p_started timestamptz, p_location text,
	p_location_name text, p_rooms_read boolean, p_found integer, p_structure boolean)
RETURNS void LANGUAGE sql AS $$
	UPDATE installation i SET seq = p_seq, sync_seq = p_seq, sync_state = 'done', sync_error = NULL,
		sync_found = p_found, synced_at = p_started,
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
-- the list disappear.
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
		v_structure := sync_put_rooms(p_installation, p_rooms);
	END IF;
	v_structure := sync_put_devices(p_installation, p_devices) OR v_structure;
	v_structure := sync_put_switches(p_installation, v_seq, p_devices) OR v_structure;
	PERFORM sync_set_states(p_installation, v_seq, p_started, p_devices);
	PERFORM sync_set_health(p_installation, v_seq, p_started, p_devices);
	PERFORM event_apply_since(p_installation, v_seq, p_started);
	PERFORM sync_finish(p_installation, v_seq, p_started, p_location, p_location_name, p_rooms IS NOT NULL,
		jsonb_array_length(p_devices), v_structure);
	RETURN true;
END $$;
COMMENT ON FUNCTION sync_apply IS 'Bring devices, rooms and states to what a complete sync read; false when the installation is gone';

GRANT EXECUTE ON FUNCTION sync_progress, sync_plan, sync_lacks_rooms, sync_switches, sync_put_rooms, sync_put_devices,
	sync_put_switches, sync_set_states, sync_set_health, sync_finish, sync_apply TO switchboard_worker;
