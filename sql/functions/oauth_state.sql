-- Authorizations under way.

CREATE FUNCTION oauth_state_put(p_state bytea, p_browser bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM oauth_state s USING (SELECT o.state_hash FROM oauth_state o WHERE o.expires_at < now()
		FOR UPDATE SKIP LOCKED) old WHERE s.state_hash = old.state_hash;
	INSERT INTO oauth_state (state_hash, browser_hash, expires_at)
		VALUES (p_state, p_browser, now() + policy_oauth_state_life());
END $$;
COMMENT ON FUNCTION oauth_state_put IS 'Remember a state parameter until it expires';

CREATE FUNCTION oauth_state_take(p_state bytea, p_browser bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM oauth_state WHERE state_hash = p_state AND browser_hash = p_browser AND expires_at > now();
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION oauth_state_take IS 'Use up a state parameter: true once, before it expires, for the browser that began';

GRANT EXECUTE ON FUNCTION oauth_state_put, oauth_state_take TO switchboard_oauth;
