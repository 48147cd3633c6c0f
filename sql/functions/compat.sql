-- What only programs of versions before this one call, while they run beside it.  May be deleted after the first release.
-- Nothing for their workers: the queue is another one now, and they find no work in it.

-- An owner who is not named is not asked for here: then it is the one that is known already, or the link fails.
CREATE FUNCTION installation_link(p_installation text, p_owner text, p_scope text, p_access bytea,
	p_refresh bytea, p_seal_key text, p_expires_in integer, p_old_session bytea, p_new_session bytea,
	p_user_agent text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_user bigint;
BEGIN
	IF p_owner IS NULL THEN
		RAISE EXCEPTION 'whose installation % is has not been said', p_installation;
	END IF;
	SELECT l.user_id INTO v_user FROM installation_link_owner(p_installation, p_owner, p_scope, p_access, p_refresh, p_seal_key,
		p_expires_in, NULL, p_new_session, p_user_agent, NULL, 'open') l;
	DELETE FROM session s WHERE s.session_hash = p_old_session;
	RETURN v_user;
END $$;
COMMENT ON FUNCTION installation_link IS 'Of the version before, which cannot ask: signs in the owner';

GRANT EXECUTE ON FUNCTION installation_link TO switchboard_oauth;

-- For a webhook.fcgi that does not say where a webhook came from, and keeps no certificate for longer than a day: one
-- that could not be refreshed is a minute younger to it.
CREATE FUNCTION signing_key_claim(p_key text)
RETURNS TABLE (action text, certificate text, age_s integer)
LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT CASE f.action WHEN 'refresh' THEN 'fetch' ELSE f.action END, f.certificate, least(f.age_s, 24 * 3600 - 60) FROM signing_key_find(p_key, '') f
$$;
COMMENT ON FUNCTION signing_key_claim IS 'signing_key_find() for a webhook from anywhere';
GRANT EXECUTE ON FUNCTION signing_key_claim TO switchboard_webhook;
