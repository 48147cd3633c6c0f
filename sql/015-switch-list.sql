-- What a page of many switches needs: their commands under way all at once, not for each switch, and a
-- session without the cursor of its page, which is made of the list of locations.
SET LOCAL search_path = switchboard;

CREATE VIEW command_pending AS
	SELECT c.installation_id, c.device_id, c.component FROM command c
	WHERE c.status IN ('requested', 'sent', 'accepted');
COMMENT ON VIEW command_pending IS 'Switches with a command that has no result yet';
GRANT SELECT ON command_pending TO switchboard_dashboard;

DROP FUNCTION session_load(bytea);
-- renewed: its end has moved, and the browser's cookie should last as long.
CREATE FUNCTION session_load(p_session bytea)
RETURNS TABLE (user_id bigint, renewed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_seen timestamptz;
BEGIN
	SELECT s.user_id, s.expires_at < now() + interval '29 days', s.seen_at INTO user_id, renewed, v_seen
		FROM session s WHERE s.session_hash = p_session AND s.expires_at > now();
	IF NOT FOUND THEN
		RETURN;
	END IF;
	-- To five minutes, so that a page view is not a write; the end moves once a day, so that the write
	-- touches no index.
	IF renewed OR v_seen < now() - interval '5 minutes' THEN
		UPDATE session s SET seen_at = now(),
			expires_at = CASE WHEN renewed THEN now() + interval '30 days' ELSE s.expires_at END
			WHERE s.session_hash = p_session;
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION session_load IS 'Who is signed in with this session; no row when nobody';
REVOKE ALL ON FUNCTION session_load FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_load TO switchboard_oauth, switchboard_dashboard;
