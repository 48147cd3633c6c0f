-- Who sees which installation.

-- The row is locked until the end of the transaction, so that installation_erase() cannot take it away meanwhile.
CREATE FUNCTION user_of_owner(p_owner text)
RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO user_account (owner_id) VALUES (p_owner)
	ON CONFLICT (owner_id) DO UPDATE SET owner_id = excluded.owner_id RETURNING user_id
$$;
COMMENT ON FUNCTION user_of_owner IS 'The person a Samsung account belongs to, made when there is none';

-- p_sign_up is SWITCHBOARD_SIGN_UP.  Whoever sees something here already may come in, and so may the first; only others use
-- up their invitation.
CREATE FUNCTION sign_up_allows(p_owner text, p_sign_up text, p_invitation bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_hash bytea := sha256(convert_to(p_owner, 'UTF8'));
BEGIN
	IF p_sign_up <> 'closed' THEN
		INSERT INTO first_owner (owner_hash) VALUES (v_hash) ON CONFLICT DO NOTHING;
	END IF;
	IF p_sign_up = 'open' OR EXISTS (SELECT 1 FROM first_owner f WHERE f.owner_hash = v_hash)
		OR EXISTS (SELECT 1 FROM user_account u JOIN access a ON a.user_id = u.user_id WHERE u.owner_id = p_owner) THEN
		RETURN true;
	ELSIF p_sign_up = 'closed' THEN
		RETURN false;
	END IF;
	RETURN invitation_take(p_invitation);
END $$;
COMMENT ON FUNCTION sign_up_allows IS 'May the person of this Samsung account use this Switchboard; an invitation that is needed is used up';

CREATE FUNCTION access_grant(p_installation text, p_user bigint, p_role text)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO access AS a (installation_id, user_id, role) VALUES (p_installation, p_user, p_role)
	ON CONFLICT (installation_id, user_id) DO UPDATE SET role = 'owner' WHERE excluded.role = 'owner' AND a.role <> 'owner'
$$;
COMMENT ON FUNCTION access_grant IS 'Let a person see an installation; an owner stays one';

CREATE FUNCTION access_names(p_user bigint)
RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(n.location_name, ', ') FROM (SELECT i.location_name FROM access a
		JOIN installation i ON i.installation_id = a.installation_id
		WHERE a.user_id = p_user AND a.role = 'owner' AND i.location_name IS NOT NULL
		ORDER BY i.location_name, i.installation_id LIMIT 3) n
$$;
COMMENT ON FUNCTION access_names IS 'What a person has linked, in words: up to three locations; null when no name is known';

-- Who sees nothing any more is forgotten, and so signed out.  The rows of the people are locked first: the query that looks for
-- what is left must see what a link has granted that was under way.
CREATE FUNCTION access_end(p_installation text, p_users bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM user_account u WHERE u.user_id = ANY (p_users) ORDER BY u.user_id FOR UPDATE;
	DELETE FROM access a WHERE a.installation_id = p_installation AND a.user_id = ANY (p_users);
	DELETE FROM user_account u WHERE u.user_id = ANY (p_users)
		AND NOT EXISTS (SELECT 1 FROM access a WHERE a.user_id = u.user_id);
END $$;
COMMENT ON FUNCTION access_end IS 'Take an installation from the pages of people, and forget those who see nothing else';

-- The answer to the question of installation_link_owner(): the person signed in here sees the location, or its owner is signed
-- in instead.  user_id is who was signed in here.  No row: no such offer, it is another browser's, or too old.
CREATE FUNCTION access_offer_take(p_offer bytea, p_session bytea, p_sign_in boolean, p_new_session bytea, p_user_agent text)
RETURNS TABLE (installation_id text, user_id bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_owner bigint;
BEGIN
	-- The installation's row first, as everywhere.
	PERFORM 1 FROM installation i JOIN access_offer o ON o.installation_id = i.installation_id
		WHERE o.offer_hash = p_offer AND o.session_hash = p_session AND i.status <> 'removed' FOR UPDATE OF i;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	DELETE FROM access_offer o USING session s WHERE o.offer_hash = p_offer AND o.session_hash = p_session
		AND s.session_hash = p_session AND s.expires_at > now() AND o.expires_at > now()
		RETURNING o.installation_id::text, o.user_id, s.user_id INTO access_offer_take.installation_id, v_owner,
			access_offer_take.user_id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF p_sign_in THEN
		PERFORM session_open(v_owner, p_session, p_new_session, p_user_agent);
	ELSE
		PERFORM access_grant(access_offer_take.installation_id, access_offer_take.user_id, 'control');
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION access_offer_take IS 'Show a location that was just linked to the person signed in, or sign in its owner';

GRANT EXECUTE ON FUNCTION access_offer_take TO switchboard_oauth;
GRANT SELECT ON access TO switchboard_dashboard;
GRANT SELECT, INSERT, UPDATE, DELETE ON access, access_offer TO switchboard_worker;
GRANT EXECUTE ON FUNCTION access_end TO switchboard_worker;
