-- Limits of the platform, shared by all workers and kept over their restarts.

-- Pauses that ended are deleted, unless another worker has locked them: two workers that delete each other's rows
-- would wait for each other.
CREATE FUNCTION pause_put(p_installation text, p_kind text, p_device text, p_delay_ms bigint)
RETURNS void LANGUAGE sql AS $$
	WITH ended AS (
		SELECT p.installation_id, p.kind, p.device_id FROM pause p
		WHERE p.installation_id = p_installation AND p.ends_at < now()
			AND (p.kind, p.device_id) <> (p_kind, coalesce(p_device, '')) FOR UPDATE SKIP LOCKED)
	DELETE FROM pause p USING ended e WHERE p.installation_id = e.installation_id AND p.kind = e.kind
		AND p.device_id = e.device_id;
	INSERT INTO pause AS p (installation_id, kind, device_id, ends_at)
		SELECT i.installation_id, p_kind, coalesce(p_device, ''), now() + make_interval(secs => p_delay_ms / 1000.0)
		FROM installation i WHERE i.installation_id = p_installation AND (i.status <> 'removed' OR p_kind IN ('uninstall', 'refresh'))
		ON CONFLICT (installation_id, kind, device_id) DO UPDATE SET ends_at = greatest(p.ends_at, excluded.ends_at);
$$;
COMMENT ON FUNCTION pause_put IS 'No such calls for an installation before the delay has passed; a longer pause stays';

-- p_limit calls in any p_window_ms, over all workers: 0, and the call is counted; else how many ms to wait.
CREATE FUNCTION pace_take(p_installation text, p_kind text, p_limit integer, p_window_ms integer)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	v_window CONSTANT interval := make_interval(secs => p_window_ms / 1000.0);
	v_now    timestamptz;
	v_made   timestamptz[];
BEGIN
	INSERT INTO call_pace (installation_id, kind) VALUES (p_installation, p_kind) ON CONFLICT DO NOTHING;
	SELECT c.made_at INTO v_made FROM call_pace c
		WHERE c.installation_id = p_installation AND c.kind = p_kind FOR UPDATE;
	v_now := clock_timestamp();
	-- Times ahead of the clock are dropped: after it was set back they would block calls for longer than the window.
	v_made := ARRAY(SELECT m FROM unnest(v_made) m WHERE m > v_now - v_window AND m <= v_now ORDER BY m);
	IF cardinality(v_made) >= p_limit THEN
		RETURN greatest(1, ceil(extract(epoch FROM v_made[cardinality(v_made) - p_limit + 1] + v_window - v_now) * 1000));
	END IF;
	UPDATE call_pace c SET made_at = v_made || v_now WHERE c.installation_id = p_installation AND c.kind = p_kind;
	RETURN 0;
END $$;
COMMENT ON FUNCTION pace_take IS 'Count a call that is limited, or give the ms to wait';

GRANT EXECUTE ON FUNCTION pause_put, pace_take TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON pause, call_pace TO switchboard_worker;
