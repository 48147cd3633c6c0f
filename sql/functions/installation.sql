-- Installations and their owners: linking, disconnecting, forgetting.

-- Who an installation that is linked belongs to: the user it had before; else the user of its owner; else who is
-- signed in; else a new user.
CREATE FUNCTION installation_find_user(p_installation text, p_owner text, p_session bytea)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	v_user bigint;
BEGIN
	SELECT i.user_id INTO v_user FROM installation i WHERE i.installation_id = p_installation FOR UPDATE;
	IF v_user IS NULL AND p_owner IS NOT NULL THEN
		SELECT u.user_id INTO v_user FROM user_account u WHERE u.owner_id = p_owner;
	END IF;
	IF v_user IS NULL THEN
		SELECT s.user_id INTO v_user FROM session s WHERE s.session_hash = p_session AND s.expires_at > now();
	END IF;
	IF v_user IS NULL THEN
		INSERT INTO user_account (owner_id) VALUES (p_owner) RETURNING user_id INTO v_user;
	ELSIF p_owner IS NOT NULL THEN
		UPDATE user_account u SET owner_id = p_owner WHERE u.user_id = v_user AND u.owner_id IS NULL
			AND NOT EXISTS (SELECT 1 FROM user_account o WHERE o.owner_id = p_owner);
	END IF;
	RETURN v_user;
END $$;
COMMENT ON FUNCTION installation_find_user IS 'The user an installation is linked for, made when there is none';

-- An authorization that succeeded: installation, tokens, work for the worker and a new session, all or nothing.
CREATE FUNCTION installation_link(p_installation text, p_owner text, p_scope text, p_access bytea,
	p_refresh bytea, p_seal_key text, p_expires_in integer, p_old_session bytea, p_new_session bytea,
	p_user_agent text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_user bigint;
BEGIN
	-- One link of an installation at a time; a new row has nothing else to lock.
	PERFORM pg_advisory_xact_lock(hashtextextended('link ' || coalesce(p_owner, p_installation), 0));
	v_user := installation_find_user(p_installation, p_owner, p_old_session);
	INSERT INTO installation AS i (installation_id, user_id, owner_id) VALUES (p_installation, v_user, p_owner)
	ON CONFLICT (installation_id) DO UPDATE SET
		owner_id = coalesce(excluded.owner_id, i.owner_id),
		status = CASE WHEN i.status = 'removed' OR i.synced_at IS NULL THEN 'linking' ELSE 'active' END,
		synced_at = CASE WHEN i.status = 'removed' THEN NULL ELSE i.synced_at END,
		sync_state = 'queued', sync_error = NULL, removed_at = NULL, linked_at = now(),
		seq = i.seq + 1, status_seq = i.seq + 1, sync_seq = i.seq + 1;
	PERFORM token_put(p_installation, p_access, p_refresh, p_seal_key, p_scope, p_expires_in);
	DELETE FROM job WHERE installation_id = p_installation AND kind = 'uninstall';
	PERFORM job_put(p_installation, 'device_sync');
	-- A new one has no location yet: installation_set_location() queues it then.
	IF EXISTS (SELECT 1 FROM installation i WHERE i.installation_id = p_installation AND i.location_id IS NOT NULL) THEN
		PERFORM job_put(p_installation, 'subscription_sync');
	END IF;
	PERFORM session_open(v_user, p_old_session, p_new_session, p_user_agent);
	RETURN v_user;
END $$;
COMMENT ON FUNCTION installation_link IS 'Store a successful authorization and open a session for its user';

-- When its user was made without knowing the owner, and the owner has a user already, the two become one.
CREATE FUNCTION installation_set_owner(p_installation text, p_owner text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_user  bigint;
	v_known text;
	v_other bigint;
BEGIN
	IF p_owner IS NULL THEN
		RETURN;
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended('link ' || p_owner, 0));
	-- In the order of the ids, as event_ingest() locks them, so that the two cannot wait for each other.
	PERFORM 1 FROM installation i
		WHERE i.user_id = (SELECT o.user_id FROM installation o WHERE o.installation_id = p_installation)
		ORDER BY i.installation_id FOR NO KEY UPDATE;
	UPDATE installation SET owner_id = p_owner WHERE installation_id = p_installation
		RETURNING user_id INTO v_user;
	SELECT u.owner_id INTO v_known FROM user_account u WHERE u.user_id = v_user;
	IF NOT FOUND OR v_known IS NOT NULL THEN
		RETURN;
	END IF;
	SELECT u.user_id INTO v_other FROM user_account u WHERE u.owner_id = p_owner;
	IF NOT FOUND THEN
		UPDATE user_account SET owner_id = p_owner WHERE user_id = v_user;
		RETURN;
	END IF;
	UPDATE installation i SET user_id = v_other, seq = i.seq + 1, status_seq = i.seq + 1 WHERE i.user_id = v_user;
	UPDATE session SET user_id = v_other WHERE user_id = v_user;
	DELETE FROM user_account WHERE user_id = v_user;
END $$;
COMMENT ON FUNCTION installation_set_owner IS 'Record the owner of an installation; joins it to the user of that owner';

CREATE FUNCTION installation_set_location(p_installation text, p_location text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_known text;
BEGIN
	SELECT i.location_id INTO v_known FROM installation i
		WHERE i.installation_id = p_installation AND i.status <> 'removed' FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	UPDATE installation i SET location_id = p_location WHERE i.installation_id = p_installation;
	IF v_known IS NULL THEN
		PERFORM job_put(p_installation, 'subscription_sync');
	END IF;
END $$;
COMMENT ON FUNCTION installation_set_location IS 'Record the location of an installation; when it is the first time, queue the subscriptions, which need it';

-- Everything of an installation, except its events (they go with their partitions).  With p_keep_token the worker can
-- still uninstall it at the platform.  Sessions end when nothing is left for them to show.
CREATE FUNCTION installation_erase(p_installation text, p_keep_token boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_user bigint;
BEGIN
	UPDATE installation i SET status = 'removed', removed_at = coalesce(i.removed_at, now()), seq = i.seq + 1,
		status_seq = i.seq + 1, structure_seq = i.seq + 1
		WHERE i.installation_id = p_installation RETURNING i.user_id INTO v_user;
	IF NOT p_keep_token THEN
		DELETE FROM token WHERE installation_id = p_installation;
		DELETE FROM pause WHERE installation_id = p_installation;
		DELETE FROM call_pace WHERE installation_id = p_installation;
		DELETE FROM job WHERE installation_id = p_installation;
	ELSE
		DELETE FROM job WHERE installation_id = p_installation AND kind <> 'uninstall';
	END IF;
	DELETE FROM subscription WHERE installation_id = p_installation;
	DELETE FROM command WHERE installation_id = p_installation;
	DELETE FROM device WHERE installation_id = p_installation;
	DELETE FROM room WHERE installation_id = p_installation;
	DELETE FROM session s WHERE s.user_id = v_user
		AND NOT EXISTS (SELECT 1 FROM installation i WHERE i.user_id = v_user AND i.status <> 'removed');
END $$;
COMMENT ON FUNCTION installation_erase IS 'Erase what an uninstalled location had: tokens (unless needed for the uninstall), devices, sessions …';

CREATE FUNCTION installation_disconnect(p_user bigint, p_installation text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation AND i.user_id = p_user
		AND i.status <> 'removed' FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM job_put(p_installation, 'uninstall');
	PERFORM installation_erase(p_installation, true);
	RETURN true;
END $$;
COMMENT ON FUNCTION installation_disconnect IS 'Hide an installation at once and queue its uninstall at the platform; false when it is not this user''s';

-- A room by name or id, '' for devices in no room, null for any; an installation, or null for any.
CREATE FUNCTION location_is_of(p_user bigint, p_room text, p_installation text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT (p_room IS NULL AND p_installation IS NULL) OR EXISTS (SELECT 1 FROM installation i
		WHERE i.user_id = p_user AND i.status <> 'removed'
			AND (p_installation IS NULL OR i.installation_id = p_installation)
			AND (p_room IS NULL
				OR EXISTS (SELECT 1 FROM room r WHERE r.installation_id = i.installation_id
					AND p_room IN (r.name, r.room_id::text))
				OR (p_room = '' AND EXISTS (SELECT 1 FROM switch_page s
					WHERE s.installation_id = i.installation_id AND s.room IS NULL))))
$$;
COMMENT ON FUNCTION location_is_of IS 'May this user switch everything in this room or location';

CREATE VIEW installations AS
	SELECT i.location_name AS location, i.status, i.sync_state AS sync, count(DISTINCT d.device_id) AS devices,
		i.linked_at, i.synced_at, i.user_id, i.installation_id, i.seq
	FROM installation i LEFT JOIN device d ON d.installation_id = i.installation_id
	GROUP BY i.installation_id ORDER BY i.linked_at;
COMMENT ON VIEW installations IS 'Linked locations and their status';

GRANT EXECUTE ON FUNCTION installation_link TO switchboard_oauth;
GRANT EXECUTE ON FUNCTION installation_disconnect, location_is_of TO switchboard_dashboard;
GRANT EXECUTE ON FUNCTION installation_set_owner, installation_set_location, installation_erase TO switchboard_worker;
GRANT SELECT ON installation TO switchboard_dashboard;
GRANT SELECT (installation_id, seq) ON installation TO switchboard_events;
GRANT SELECT, INSERT, UPDATE, DELETE ON installation TO switchboard_worker;
GRANT SELECT ON installations TO switchboard_reader;
