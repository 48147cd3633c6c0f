-- Who is signed in, and how far each of their locations is, in one round trip: a page that was
-- written for the same cursor need not be written again.
SET LOCAL search_path = switchboard;

DROP FUNCTION session_load(bytea);
-- renewed: its end has moved, and the browser's cookie should last as long.  page_cursor: the cursor of
-- live updates (cursor.h), locations in the order of the page.  page_version: changes with the cursor, and
-- when a location's row is mended by hand.
CREATE FUNCTION session_load(p_session bytea)
RETURNS TABLE (user_id bigint, renewed boolean, page_cursor text, page_version text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_seen timestamptz;
BEGIN
	SELECT s.user_id, s.expires_at < now() + interval '29 days', s.seen_at, coalesce(p.cursor, ''), coalesce(p.version, '')
		INTO user_id, renewed, v_seen, page_cursor, page_version
		FROM session s, LATERAL (SELECT string_agg(i.installation_id || ':' || i.seq, ',') AS cursor,
				string_agg(i.installation_id || ':' || i.seq || ':' || i.version, ',') AS version
			FROM (SELECT o.installation_id, o.seq, o.xmin AS version FROM installation o
				WHERE o.user_id = s.user_id AND o.status <> 'removed'
				ORDER BY o.location_name NULLS LAST, o.installation_id) i) p
		WHERE s.session_hash = p_session AND s.expires_at > now();
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
COMMENT ON FUNCTION session_load IS 'Who is signed in with this session, and the cursor of their page; no row when nobody';
REVOKE ALL ON FUNCTION session_load FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_load TO switchboard_oauth, switchboard_dashboard;
