-- Signed-in browsers.

-- renewed: its end has moved, and the browser's cookie should last as long.
CREATE FUNCTION session_load(p_session bytea)
RETURNS TABLE (user_id bigint, renewed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_seen timestamptz;
BEGIN
	SELECT s.user_id, s.expires_at < now() + policy_session_life() - interval '1 day', s.seen_at
		INTO user_id, renewed, v_seen
		FROM session s WHERE s.session_hash = p_session AND s.expires_at > now();
	IF NOT FOUND THEN
		RETURN;
	END IF;
	-- The end moves once a day, so that the other writes touch no index.
	IF renewed OR v_seen < now() - policy_session_precision() THEN
		UPDATE session s SET seen_at = now(),
			expires_at = CASE WHEN renewed THEN now() + policy_session_life() ELSE s.expires_at END
			WHERE s.session_hash = p_session;
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION session_load IS 'Who is signed in with this session; no row when nobody';

CREATE FUNCTION session_end(p_session bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM session WHERE session_hash = p_session;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION session_end IS 'Sign a browser out';

CREATE FUNCTION session_list(p_user bigint, p_session bytea)
RETURNS TABLE (public_id uuid, user_agent text, created_at text, seen_at text, is_this boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT s.public_id, s.user_agent,
		to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		to_char(s.seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), s.session_hash = p_session
	FROM session s WHERE s.user_id = p_user AND s.expires_at > now()
	ORDER BY s.session_hash = p_session DESC, s.seen_at DESC, s.public_id LIMIT 100
$$;
COMMENT ON FUNCTION session_list IS 'The browsers in which a user is signed in: this one first, then the last used first';

CREATE FUNCTION session_end_one(p_user bigint, p_public uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM session s WHERE s.user_id = p_user AND s.public_id = p_public;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION session_end_one IS 'Sign another browser of a user out; false when no session of theirs has that number';

CREATE FUNCTION session_end_others(p_user bigint, p_session bytea)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	DELETE FROM session s WHERE s.user_id = p_user AND s.session_hash <> p_session
$$;
COMMENT ON FUNCTION session_end_others IS 'Sign all browsers of a user out but this one';

-- A session that is missing from the answer has ended.
CREATE FUNCTION session_reach(p_sessions bytea[])
RETURNS TABLE (session_hash bytea, installation_id text, user_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT s.session_hash, i.installation_id::text, s.user_id FROM session s
		JOIN access a ON a.user_id = s.user_id
		JOIN installation i ON i.installation_id = a.installation_id AND i.status <> 'removed'
		WHERE s.session_hash = ANY (p_sessions) AND s.expires_at > now()
		ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION session_reach IS 'Which of these sessions are alive, whose they are, and the installations each shows';

-- Rows that others have locked are left out: the next call gets them.
CREATE FUNCTION session_seen(p_sessions bytea[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	WITH old AS (
		SELECT s.session_hash FROM session s WHERE s.session_hash = ANY (p_sessions)
			AND s.seen_at < now() - policy_session_precision() AND s.expires_at > now() FOR UPDATE SKIP LOCKED)
	UPDATE session s SET seen_at = now() FROM old WHERE s.session_hash = old.session_hash
$$;
COMMENT ON FUNCTION session_seen IS 'Note that sessions are in use by open streams';

-- A new session for a user, instead of the old one of the browser.
CREATE FUNCTION session_open(p_user bigint, p_old_session bytea, p_new_session bytea, p_user_agent text)
RETURNS void LANGUAGE sql AS $$
	DELETE FROM session s WHERE s.session_hash = p_old_session;
	-- Those of others, some of which may be in somebody's hands.
	DELETE FROM session s USING (SELECT o.session_hash FROM session o WHERE o.expires_at < now() FOR UPDATE SKIP LOCKED) old
		WHERE s.session_hash = old.session_hash;
	INSERT INTO session (session_hash, user_id, user_agent, expires_at)
		VALUES (p_new_session, p_user, left(p_user_agent, 200), now() + policy_session_life());
$$;
COMMENT ON FUNCTION session_open IS 'Sign a browser in';

GRANT EXECUTE ON FUNCTION session_load TO switchboard_oauth, switchboard_dashboard;
GRANT EXECUTE ON FUNCTION session_end, session_list, session_end_one, session_end_others TO switchboard_dashboard;
GRANT EXECUTE ON FUNCTION session_reach, session_seen TO switchboard_events;
GRANT SELECT, INSERT, UPDATE, DELETE ON user_account, session TO switchboard_worker;
