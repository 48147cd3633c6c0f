-- What the page and the streamer read.  Functions that are called all the time are plpgsql: it keeps
-- the plan of a query, where LANGUAGE sql would make it anew at every call, which costs more than to
-- run it.  Arrays of ids have one generic plan, whatever their length.
SET LOCAL search_path = switchboard;

-- Everything of these installations that changed after their cursors, in one
-- snapshot.  Kinds: switch (a row of switch_page), command (failed), sync,
-- installation; and mark, whose seq is how far this answer reaches.
CREATE FUNCTION page_changes(p_installations text[], p_cursors bigint[])
RETURNS TABLE (installation_id text, seq bigint, kind text, device_id text, component text, label text,
	room text, location text, state text, level integer, online boolean, pending boolean, updated_at text,
	has_level boolean, code text, command_id text, detail text, found integer, structure boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH want AS MATERIALIZED (
		SELECT i.*, w.after FROM unnest(p_installations, p_cursors) AS w (id, after)
		JOIN installation i ON i.installation_id = w.id)
	SELECT s.installation_id::text, s.seq, 'switch', s.device_id::text, s.component::text, s.label, s.room, s.location,
		s.state, s.level, s.online, s.pending,
		to_char(s.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), s.has_level,
		NULL::text, NULL::text, NULL::text, NULL::integer, NULL::boolean
	FROM want w JOIN switch_page s ON s.installation_id = w.installation_id AND s.seq > w.after
	WHERE w.seq > w.after
	UNION ALL
	SELECT c.installation_id, c.seq, 'command', c.device_id, c.component, NULL, NULL, NULL, NULL, c.level, NULL, NULL,
		NULL, NULL, c.error, c.command_id::text, c.command, NULL, NULL
	FROM want w JOIN command c ON c.installation_id = w.installation_id AND c.seq > w.after AND c.status = 'failed'
		AND c.error <> 'superseded'
	WHERE w.seq > w.after AND c.finished_at > now() - interval '1 minute'
	UNION ALL
	SELECT w.installation_id, greatest(w.sync_seq, w.structure_seq), 'sync', NULL, NULL, NULL, NULL, w.location_name,
		w.sync_state, NULL, NULL, NULL, NULL, NULL, w.sync_error, NULL, NULL, w.sync_found, w.structure_seq > w.after
	FROM want w WHERE greatest(w.sync_seq, w.structure_seq) > w.after
	UNION ALL
	SELECT w.installation_id, w.status_seq, 'installation', NULL, NULL, NULL, NULL, w.location_name, w.status,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM want w WHERE w.status_seq > w.after
	UNION ALL
	SELECT w.installation_id, w.seq, 'mark', NULL, NULL, NULL, NULL, NULL, w.status,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM want w
	ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION page_changes IS 'What changed for the page after the given cursors';

-- Which of these sessions are alive, and what each may see.  A session that is missing has ended.
CREATE FUNCTION session_reach(p_sessions bytea[])
RETURNS TABLE (session_hash bytea, installation_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT s.session_hash, i.installation_id::text FROM session s
		JOIN installation i ON i.user_id = s.user_id AND i.status <> 'removed'
		WHERE s.session_hash = ANY (p_sessions) AND s.expires_at > now()
		ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION session_reach IS 'Sessions that are alive and the installations each shows';

-- These have a page open.  What others hold at this moment is not waited for: there is a next time.
CREATE FUNCTION session_seen(p_sessions bytea[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	WITH old AS (
		SELECT s.session_hash FROM session s WHERE s.session_hash = ANY (p_sessions)
			AND s.seen_at < now() - interval '5 minutes' AND s.expires_at > now() FOR UPDATE SKIP LOCKED)
	UPDATE session s SET seen_at = now() FROM old WHERE s.session_hash = old.session_hash;
END;
COMMENT ON FUNCTION session_seen IS 'Note that sessions are in use by open streams';

-- State changes of one switch, oldest first.
CREATE FUNCTION switch_history(p_user bigint, p_device text, p_component text, p_hours integer)
RETURNS TABLE (at text, attribute text, value text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT to_char(h.event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), h.attribute, h.now_value
	FROM (
		SELECT e.event_time, e.event_tick, e.received_at, e.attribute, e.value #>> '{}' AS now_value,
			lag(e.value #>> '{}') OVER (PARTITION BY e.attribute
				ORDER BY e.event_time, e.event_tick NULLS FIRST, e.received_at) AS before_value
		FROM switch s
		JOIN installation i ON i.installation_id = s.installation_id AND i.user_id = p_user AND i.status <> 'removed'
		JOIN event e ON e.installation_id = s.installation_id AND e.device_id = s.device_id AND e.component = s.component
		WHERE s.device_id = p_device AND s.component = p_component
			AND e.event_time > now() - make_interval(hours => p_hours) AND e.event_type = 'DEVICE_EVENT'
			AND ((e.capability = 'switch' AND e.attribute = 'switch')
				OR (e.capability = 'switchLevel' AND e.attribute = 'level'))) h
	WHERE h.now_value IS DISTINCT FROM h.before_value
	ORDER BY h.event_time, h.event_tick NULLS FIRST, h.received_at
	LIMIT 10000
$$;
COMMENT ON FUNCTION switch_history IS 'State and level changes of one switch of this user';

-- Is this switch one of this user's?
CREATE FUNCTION switch_is_of(p_user bigint, p_device text, p_component text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	SELECT EXISTS (SELECT 1 FROM switch_page s WHERE s.user_id = p_user AND s.device_id = p_device
		AND s.component = p_component);
END;
COMMENT ON FUNCTION switch_is_of IS 'May this user see this switch';

-- Is there such a room (name or id, '' for devices in no room; null: any), in this location (null: in any)
-- of this user?
CREATE FUNCTION place_is_of(p_user bigint, p_room text, p_installation text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	SELECT (p_room IS NULL AND p_installation IS NULL) OR EXISTS (SELECT 1 FROM installation i
		WHERE i.user_id = p_user AND i.status <> 'removed'
			AND (p_installation IS NULL OR i.installation_id = p_installation)
			AND (p_room IS NULL
				OR EXISTS (SELECT 1 FROM room r WHERE r.installation_id = i.installation_id
					AND p_room IN (r.name, r.room_id::text))
				OR (p_room = '' AND EXISTS (SELECT 1 FROM switch_page s
					WHERE s.installation_id = i.installation_id AND s.room IS NULL))));
END;
COMMENT ON FUNCTION place_is_of IS 'May this user switch everything in this room or location';

-- For GET /healthz, which anybody may ask often.
CREATE FUNCTION health()
RETURNS TABLE (schema integer, workers bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	SELECT (SELECT max(m.version) FROM schema_migration m),
		(SELECT count(*) FROM worker w WHERE w.seen_at > now() - interval '30 seconds');
END;
COMMENT ON FUNCTION health IS 'Version of the schema, and how many workers are alive';

-- Figures for GET /metrics: name, label (or ''), value.
CREATE FUNCTION metrics()
RETURNS TABLE (name text, label text, value double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT 'installations', s, count(i.status)::double precision
		FROM unnest(ARRAY['linking', 'active', 'needs_reauth', 'removed']) s
		LEFT JOIN installation i ON i.status = s GROUP BY s
	UNION ALL SELECT 'sessions', '', count(*) FROM session WHERE expires_at > now()
	UNION ALL SELECT 'switches', '', count(*) FROM switch
	UNION ALL SELECT 'commands_open', '', count(*) FROM command WHERE status IN ('requested', 'sent', 'accepted')
	UNION ALL SELECT 'commands_failed_1h', '', count(*) FROM command
		WHERE status = 'failed' AND error <> 'superseded' AND finished_at > now() - interval '1 hour'
	UNION ALL SELECT 'jobs', k, count(j.kind) FROM unnest(ARRAY['device_sync', 'subscription_sync', 'uninstall']) k
		LEFT JOIN job j ON j.kind = k GROUP BY k
	UNION ALL SELECT 'tokens_failing', '', count(*) FROM token WHERE failures > 0
	UNION ALL SELECT 'api_calls_month', '', api_calls_this_month()
	UNION ALL SELECT 'workers', '', count(*) FROM worker WHERE seen_at > now() - interval '30 seconds'
$$;
COMMENT ON FUNCTION metrics IS 'Figures for monitoring';
