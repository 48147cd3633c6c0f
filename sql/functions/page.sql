-- What the page and the streamer read.  Functions that are called all the time are plpgsql, which keeps the plan of a
-- query, where LANGUAGE sql makes it anew at every call, and that costs more than to run it.  Arrays of ids have one
-- generic plan, whatever their length.

-- What changed after the given cursors, in one snapshot.  Kinds: switch (a row of switch_page), command (failed; waiting: it
-- was never sent), sync, installation; and mark, whose seq is how far this answer reaches.
-- Without sequential scans: with some hundred installations the generic plan read all of them, twice, though nearly every
-- call is for one.
CREATE FUNCTION page_changes(p_installations text[], p_cursors bigint[])
RETURNS TABLE (installation_id text, seq bigint, kind text, device_id text, component text, label text,
	room text, location text, state text, level integer, online boolean, pending boolean, waiting boolean, updated_at text,
	has_level boolean, code text, command_id text, detail text, found integer, structure boolean, switch_kind text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH want AS MATERIALIZED (
		SELECT i.*, w.after FROM unnest(p_installations, p_cursors) AS w (id, after)
		JOIN installation i ON i.installation_id = w.id)
	SELECT s.installation_id::text, s.seq, 'switch', s.device_id::text, s.component::text, s.label, s.room, s.location,
		s.state, s.level, s.online, s.pending, s.waiting,
		to_char(s.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), s.has_level,
		NULL::text, NULL::text, NULL::text, NULL::integer, NULL::boolean, s.kind::text
	FROM want w JOIN switch_page s ON s.installation_id = w.installation_id AND s.seq > w.after
	WHERE w.seq > w.after
	UNION ALL
	SELECT c.installation_id, c.seq, 'command', c.device_id, c.component, NULL, NULL, NULL, NULL, c.level, NULL, NULL,
		c.attempts = 0, NULL, NULL, c.error, c.command_id::text, c.command, NULL, NULL, NULL
	FROM want w JOIN command c ON c.installation_id = w.installation_id AND c.seq > w.after AND c.status = 'failed'
		AND c.error <> 'superseded'
	WHERE w.seq > w.after AND c.finished_at > now() - interval '1 minute'
	UNION ALL
	SELECT w.installation_id, greatest(w.sync_seq, w.structure_seq), 'sync', NULL, NULL, NULL, NULL, w.location_name,
		w.sync_state, NULL, NULL, NULL, NULL, NULL, NULL, w.sync_error, NULL, NULL, w.sync_found, w.structure_seq > w.after, NULL
	FROM want w WHERE greatest(w.sync_seq, w.structure_seq) > w.after
	UNION ALL
	SELECT w.installation_id, w.status_seq, 'installation', NULL, NULL, NULL, NULL, w.location_name, w.status,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM want w WHERE w.status_seq > w.after
	UNION ALL
	SELECT w.installation_id, w.seq, 'mark', NULL, NULL, NULL, NULL, NULL, w.status,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM want w
	ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION page_changes IS 'What changed for the page after the given cursors';

-- For an installation in which one switch changed and nothing else at that seq: its id, a space and the switch as
-- page_changes() gives it, so that the streamer need not query.  Longer than a notification may be: only the id.
-- Whoever may connect to the database can listen: no secret may be in it.
CREATE FUNCTION page_wakeup(p_installation text, p_device text, p_component text)
RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	v_text text;
BEGIN
	SELECT p.installation_id || ' ' || json_build_object('seq', p.seq, 'device_id', p.device_id, 'component', p.component,
		'label', p.label, 'room', p.room, 'location', p.location, 'state', p.state, 'level', p.level, 'online', p.online,
		'pending', p.pending, 'waiting', p.waiting, 'updated_at', to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
		'has_level', p.has_level, 'switch_kind', p.kind)
		INTO v_text FROM switch_page p
		WHERE p.installation_id = p_installation AND p.device_id = p_device AND p.component = p_component;
	RETURN CASE WHEN octet_length(v_text) < 8000 THEN v_text ELSE p_installation END;
END $$;
COMMENT ON FUNCTION page_wakeup IS 'A wake-up that carries what changed';

GRANT EXECUTE ON FUNCTION page_changes TO switchboard_events;
