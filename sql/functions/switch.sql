-- Switches as users see them.

CREATE VIEW switch_page AS
	SELECT s.installation_id, s.device_id, s.component,
		CASE WHEN s.component = 'main' THEN d.name
			ELSE d.name || ' – ' || coalesce(nullif(s.label, ''), s.component) END AS label,
		r.name AS room, i.location_name AS location, s.state, s.has_level, s.level,
		coalesce(d.online, true) AS online,
		EXISTS (SELECT 1 FROM command c WHERE c.installation_id = s.installation_id
			AND c.device_id = s.device_id AND c.component = s.component
			AND c.status IN ('requested', 'sent', 'accepted')) AS pending,
		EXISTS (SELECT 1 FROM command c WHERE c.installation_id = s.installation_id
			AND c.device_id = s.device_id AND c.component = s.component
			AND c.status = 'requested' AND command_waits(c.status, c.attempts, c.requested_at)) AS waiting,
		-- LEAST passes over a null.
		CASE WHEN coalesce(s.state_at, s.level_at) IS NOT NULL THEN least(greatest(s.state_at, s.level_at), now()) END
			AS updated_at, s.seq, d.room_id, s.position,
		d.name AS device_name, s.kind
	FROM switch s
	JOIN device d ON d.installation_id = s.installation_id AND d.device_id = s.device_id
	JOIN installation i ON i.installation_id = s.installation_id
	LEFT JOIN room r ON r.installation_id = d.installation_id AND r.room_id = d.room_id
	WHERE i.status <> 'removed';
COMMENT ON VIEW switch_page IS 'Switches as the page shows them';

CREATE VIEW switch_states AS
	SELECT p.location, p.room, p.label, p.state, p.level, p.online, p.pending, p.updated_at, p.device_id, p.component,
		p.installation_id
	FROM switch_page p ORDER BY p.location, p.room NULLS LAST, p.label, p.position;
COMMENT ON VIEW switch_states IS 'Every switch and its state';

CREATE FUNCTION switch_history(p_user bigint, p_device text, p_component text, p_hours integer)
RETURNS TABLE (at text, attribute text, value text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT to_char(least(h.at, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), h.attribute, h.now_value
	FROM (
		SELECT t.at, e.event_tick, e.received_at, e.attribute, e.value #>> '{}' AS now_value,
			lag(e.value #>> '{}') OVER (PARTITION BY e.attribute
				ORDER BY t.at, e.event_tick NULLS FIRST, e.received_at) AS before_value
		FROM switch s
		JOIN access a ON a.installation_id = s.installation_id AND a.user_id = p_user
		JOIN installation i ON i.installation_id = s.installation_id AND i.status <> 'removed'
		CROSS JOIN LATERAL event_of_switch(s.installation_id, s.device_id, s.component,
			now() - make_interval(hours => p_hours)) AS e
		CROSS JOIN LATERAL (SELECT CASE WHEN stamp_is_credible(e.event_time, e.received_at) THEN e.event_time
			ELSE e.received_at END) AS t (at)
		WHERE s.device_id = p_device AND s.component = p_component
			AND t.at > now() - make_interval(hours => p_hours)) h
	WHERE h.now_value IS DISTINCT FROM h.before_value
	ORDER BY h.at, h.event_tick NULLS FIRST, h.received_at
$$;
COMMENT ON FUNCTION switch_history IS 'State and level changes among the newest events of one switch of this user, oldest first';

CREATE FUNCTION switch_is_of(p_user bigint, p_device text, p_component text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM access a JOIN switch_page s ON s.installation_id = a.installation_id
		WHERE a.user_id = p_user AND s.device_id = p_device
		AND s.component = p_component)
$$;
COMMENT ON FUNCTION switch_is_of IS 'May this user see this switch';

GRANT EXECUTE ON FUNCTION switch_history, switch_is_of TO switchboard_dashboard;
GRANT SELECT ON switch_page, room TO switchboard_dashboard;
GRANT SELECT ON switch_states TO switchboard_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON room, device, switch TO switchboard_worker;
