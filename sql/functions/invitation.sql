-- Invitations: who may make them, and whom they let in.

CREATE FUNCTION invitation_may_make(p_user bigint)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT EXISTS (SELECT 1 FROM access a WHERE a.user_id = p_user AND a.role = 'owner')
$$;
COMMENT ON FUNCTION invitation_may_make IS 'May this person invite others: do they own a location here';

-- The person's row is locked, so that two at once keep to the limit.
CREATE FUNCTION invitation_make(p_user bigint, p_code bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM invitation v USING (SELECT o.code_hash FROM invitation o WHERE o.expires_at < now() FOR UPDATE SKIP LOCKED) old
		WHERE v.code_hash = old.code_hash;
	PERFORM 1 FROM user_account u WHERE u.user_id = p_user FOR NO KEY UPDATE;
	IF NOT invitation_may_make(p_user) OR (SELECT count(*) FROM invitation v
		WHERE v.made_by = p_user AND v.used_at IS NULL AND v.expires_at > now()) >= policy_invitations_open() THEN
		RETURN false;
	END IF;
	INSERT INTO invitation (code_hash, made_by, expires_at) VALUES (p_code, p_user, now() + policy_invitation_life());
	RETURN true;
END $$;
COMMENT ON FUNCTION invitation_make IS 'Store a new invitation; false when this person may not invite, or has too many that are open';

CREATE FUNCTION invitation_list(p_user bigint)
RETURNS TABLE (public_id uuid, created_ms bigint, used_ms bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT v.public_id, floor(extract(epoch FROM v.created_at) * 1000)::bigint, floor(extract(epoch FROM v.used_at) * 1000)::bigint
	FROM invitation v WHERE v.made_by = p_user AND v.expires_at > now()
	ORDER BY v.used_at IS NOT NULL, v.created_at DESC, v.public_id LIMIT 100
$$;
COMMENT ON FUNCTION invitation_list IS 'The invitations of a person that have not expired: those that are open first, then the last made first';

-- What was used stays listed.
CREATE FUNCTION invitation_withdraw(p_user bigint, p_public uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM invitation v WHERE v.made_by = p_user AND v.public_id = p_public AND v.used_at IS NULL;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION invitation_withdraw IS 'Take an open invitation back; false when this person has none of that number';

CREATE FUNCTION invitation_is_open(p_code bytea)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM invitation v WHERE v.code_hash = p_code AND v.used_at IS NULL AND v.expires_at > now()
		AND invitation_may_make(v.made_by))
$$;
COMMENT ON FUNCTION invitation_is_open IS 'Would this invitation let somebody in';

-- Of two at once the second waits for the first to commit, and then finds it used.
CREATE FUNCTION invitation_take(p_code bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE invitation v SET used_at = now() WHERE v.code_hash = p_code AND v.used_at IS NULL AND v.expires_at > now()
		AND invitation_may_make(v.made_by);
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION invitation_take IS 'Use up an invitation: true once, before it expires; part of the transaction of installation_link_owner()';

GRANT EXECUTE ON FUNCTION invitation_may_make, invitation_make, invitation_list, invitation_withdraw, invitation_is_open
	TO switchboard_dashboard;
