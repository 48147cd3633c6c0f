-- Installations and their owners: linking, disconnecting, forgetting.

-- The row and its first work.  Whose it was first it stays: another owner of the same location meets it under the same id.
CREATE FUNCTION installation_put(p_installation text, p_owner text, p_user bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO installation AS i (installation_id, user_id, owner_id) VALUES (p_installation, p_user, p_owner)
	ON CONFLICT (installation_id) DO UPDATE SET
		user_id = CASE WHEN i.status = 'removed' OR i.owner_id IS NULL THEN excluded.user_id ELSE i.user_id END,
		owner_id = CASE WHEN i.status = 'removed' THEN excluded.owner_id ELSE coalesce(i.owner_id, excluded.owner_id) END,
		status = CASE WHEN i.status = 'removed' OR i.synced_at IS NULL THEN 'linking' ELSE 'active' END,
		synced_at = CASE WHEN i.status = 'removed' THEN NULL ELSE i.synced_at END,
		sync_state = 'queued', sync_error = NULL, removed_at = NULL, linked_at = now(),
		seq = i.seq + 1, status_seq = i.seq + 1, sync_seq = i.seq + 1;
	DELETE FROM work WHERE installation_id = p_installation AND kind = 'uninstall';
	PERFORM work_begin(p_installation, 'device_sync');
	-- A new one has no location yet: installation_set_location() queues it then.
	IF EXISTS (SELECT 1 FROM installation i WHERE i.installation_id = p_installation AND i.location_id IS NOT NULL) THEN
		PERFORM work_begin(p_installation, 'subscription_sync');
	END IF;
END $$;
COMMENT ON FUNCTION installation_put IS 'Store that an installation was linked, and queue its first sync';

-- The platform has one installed app for a location and gives it a new id when it is linked after an uninstall, of which
-- we may not have heard.  Another owner's is left alone.
CREATE FUNCTION installation_replace(p_installation text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_dead text[];
BEGIN
	v_dead := ARRAY(SELECT o.installation_id FROM installation n
		JOIN installation o ON o.location_id = n.location_id AND o.owner_id = n.owner_id AND o.linked_at < n.linked_at
		WHERE n.installation_id = p_installation AND n.status <> 'removed' AND o.status <> 'removed');
	IF cardinality(v_dead) > 0 THEN
		-- In the order of the ids, as event_ingest() locks them.
		PERFORM 1 FROM installation i WHERE i.installation_id = ANY (v_dead || p_installation)
			ORDER BY i.installation_id FOR NO KEY UPDATE;
		-- Whoever the location was shared with goes on seeing it.
		INSERT INTO access (installation_id, user_id, role)
			SELECT DISTINCT p_installation, a.user_id, 'control' FROM access a WHERE a.installation_id = ANY (v_dead)
			ON CONFLICT DO NOTHING;
		PERFORM installation_erase(d, false) FROM unnest(v_dead) AS d;
	END IF;
END $$;
COMMENT ON FUNCTION installation_replace IS 'Erase the earlier installations of the same location and owner';

-- An authorization that succeeded: installation, tokens, work for the worker and a session, all or nothing.  The session
-- is the owner's and nobody else's.  Outcomes: signed_in; kept: somebody else is signed in, who sees the installation
-- already; asked: somebody else is signed in, and access_offer_take() waits for the answer who should see it; refused:
-- the owner may not sign up here, and nothing was stored; others: the same, but other people have linked this
-- installation.  When asked, "here" names what is linked by who is signed in, "location" what was linked now, if known.
-- p_invitation: the hash of the code that this browser has accepted; programs of the version before have none.
CREATE FUNCTION installation_link_owner(p_installation text, p_owner text, p_scope text, p_access bytea,
	p_refresh bytea, p_seal_key text, p_expires_in integer, p_old_session bytea, p_new_session bytea,
	p_user_agent text, p_offer bytea, p_sign_up text, p_invitation bytea DEFAULT NULL)
RETURNS TABLE (user_id bigint, outcome text, here text, location text, owner bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_status text;
	v_here   boolean;
	v_owner  bigint;
	v_other  bigint;
BEGIN
	-- One link of an installation at a time; a new row has nothing else to lock.
	PERFORM pg_advisory_xact_lock(hashtextextended('link ' || p_installation, 0));
	SELECT i.status INTO v_status FROM installation i WHERE i.installation_id = p_installation FOR UPDATE;
	v_here := FOUND AND v_status <> 'removed';
	IF NOT sign_up_allows(p_owner, p_sign_up, p_invitation) THEN
		RETURN QUERY SELECT NULL::bigint, CASE WHEN v_here THEN 'others' ELSE 'refused' END, NULL, NULL,
			NULL::bigint;
		RETURN;
	END IF;
	v_owner := user_of_owner(p_owner);
	PERFORM installation_put(p_installation, p_owner, v_owner);
	PERFORM token_put(p_installation, p_access, p_refresh, p_seal_key, p_scope, p_expires_in);
	PERFORM access_grant(p_installation, v_owner, 'owner');
	SELECT s.user_id INTO v_other FROM session s
		WHERE s.session_hash = p_old_session AND s.expires_at > now() AND s.user_id <> v_owner;
	IF NOT FOUND THEN
		PERFORM session_open(v_owner, p_old_session, p_new_session, p_user_agent);
		RETURN QUERY SELECT v_owner, 'signed_in', NULL, NULL, v_owner;
	ELSIF EXISTS (SELECT 1 FROM access a WHERE a.installation_id = p_installation AND a.user_id = v_other) THEN
		RETURN QUERY SELECT v_other, 'kept', NULL, NULL, v_owner;
	ELSE
		DELETE FROM access_offer o USING (SELECT e.offer_hash FROM access_offer e WHERE e.expires_at < now()
			FOR UPDATE SKIP LOCKED) old WHERE o.offer_hash = old.offer_hash;
		-- There already when an earlier try of this link got no answer.
		INSERT INTO access_offer (offer_hash, session_hash, installation_id, user_id, expires_at)
			VALUES (p_offer, p_old_session, p_installation, v_owner, now() + policy_oauth_state_life())
			ON CONFLICT DO NOTHING;
		RETURN QUERY SELECT v_other, 'asked', access_names(v_other),
			(SELECT i.location_name FROM installation i WHERE i.installation_id = p_installation), v_owner;
	END IF;
END $$;
COMMENT ON FUNCTION installation_link_owner IS 'Store a successful authorization and open a session for its owner';

-- No person's access is merged with another's by what a sync learns.
CREATE FUNCTION installation_set_owner(p_installation text, p_owner text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE installation SET owner_id = p_owner WHERE installation_id = p_installation AND owner_id IS NULL
		AND status <> 'removed';
	PERFORM installation_replace(p_installation);
END $$;
COMMENT ON FUNCTION installation_set_owner IS 'Record the owner of an installation that was linked without one; it takes the place of an earlier one of the same location';

CREATE FUNCTION installation_set_location(p_installation text, p_location text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_known text;
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation OR i.location_id = p_location
		ORDER BY i.installation_id FOR NO KEY UPDATE;
	SELECT i.location_id INTO v_known FROM installation i WHERE i.installation_id = p_installation AND i.status <> 'removed';
	IF NOT FOUND THEN
		RETURN;
	END IF;
	UPDATE installation i SET location_id = p_location WHERE i.installation_id = p_installation;
	IF v_known IS NULL THEN
		PERFORM work_begin(p_installation, 'subscription_sync');
	END IF;
	PERFORM installation_replace(p_installation);
END $$;
COMMENT ON FUNCTION installation_set_location IS 'Record the location of an installation; when it is the first time, queue the subscriptions, which need it; it takes the place of an earlier one there';

-- Everything of an installation, and whatever names a person or a place, except its events (they go with their partitions,
-- and the row then with installation_forget()) and the calls that were made for it.  With p_keep_token the worker can
-- still uninstall it at the platform.
CREATE FUNCTION installation_erase(p_installation text, p_keep_token boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	UPDATE installation i SET status = 'removed', removed_at = coalesce(i.removed_at, now()), seq = i.seq + 1,
		status_seq = i.seq + 1, structure_seq = i.seq + 1, user_id = NULL, owner_id = NULL, location_id = NULL,
		location_name = NULL, sync_error = NULL
		WHERE i.installation_id = p_installation;
	UPDATE event SET detail = NULL WHERE installation_id = p_installation AND detail IS NOT NULL;
	UPDATE event_stray SET detail = NULL WHERE installation_id = p_installation AND detail IS NOT NULL;
	IF NOT p_keep_token THEN
		DELETE FROM token WHERE installation_id = p_installation;
		DELETE FROM pause WHERE installation_id = p_installation;
		DELETE FROM call_pace WHERE installation_id = p_installation;
		DELETE FROM work WHERE installation_id = p_installation;
	ELSE
		DELETE FROM work WHERE installation_id = p_installation AND kind NOT IN ('uninstall', 'refresh');
	END IF;
	DELETE FROM subscription WHERE installation_id = p_installation;
	DELETE FROM command WHERE installation_id = p_installation;
	DELETE FROM device WHERE installation_id = p_installation;
	DELETE FROM room WHERE installation_id = p_installation;
	DELETE FROM access_offer WHERE installation_id = p_installation;
	PERFORM access_end(p_installation, ARRAY(SELECT a.user_id FROM access a WHERE a.installation_id = p_installation));
END $$;
COMMENT ON FUNCTION installation_erase IS 'Erase what an uninstalled location had: tokens (unless needed for the uninstall), devices, sessions …';

-- A link that came meanwhile took the uninstall out of the queue.  Its row lock is taken first: what it commits while this waits
-- is seen by what follows.
CREATE FUNCTION installation_uninstalled(p_installation text, p_claim bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation FOR UPDATE;
	PERFORM 1 FROM work w WHERE w.installation_id = p_installation AND w.kind = 'uninstall' AND w.claim = p_claim
		FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM installation_erase(p_installation, false);
	RETURN true;
END $$;
COMMENT ON FUNCTION installation_uninstalled IS 'Erase what a worker has uninstalled; false, and nothing is erased, when that claim has ended';

-- Whoever it is only shown to leaves it.
CREATE FUNCTION installation_disconnect(p_user bigint, p_installation text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_role text;
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation AND i.status <> 'removed' FOR UPDATE;
	SELECT a.role INTO v_role FROM access a WHERE a.installation_id = p_installation AND a.user_id = p_user;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF v_role = 'owner' THEN
		PERFORM work_put(p_installation, 'uninstall', 1);
		-- A refresh token that was given up is asked about once more: if it is dead, nothing is left to uninstall with.
		UPDATE work SET waits_for = NULL, run_at = now() WHERE installation_id = p_installation AND kind = 'refresh'
			AND waits_for = 'link';
		PERFORM installation_erase(p_installation, true);
	ELSE
		PERFORM access_end(p_installation, ARRAY[p_user]);
	END IF;
	RETURN true;
END $$;
COMMENT ON FUNCTION installation_disconnect IS 'An owner''s: hide an installation at once and queue its uninstall at the platform; false when this user does not see it';

-- A room by name or id, '' for devices in no room, null for any; an installation, or null for any.
CREATE FUNCTION location_is_of(p_user bigint, p_room text, p_installation text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT (p_room IS NULL AND p_installation IS NULL) OR EXISTS (SELECT 1 FROM access a
		JOIN installation i ON i.installation_id = a.installation_id
		WHERE a.user_id = p_user AND i.status <> 'removed'
			AND (p_installation IS NULL OR i.installation_id = p_installation)
			AND (p_room IS NULL
				OR EXISTS (SELECT 1 FROM room r WHERE r.installation_id = i.installation_id
					AND p_room IN (r.name, r.room_id::text))
				OR (p_room = '' AND EXISTS (SELECT 1 FROM switch_page s
					WHERE s.installation_id = i.installation_id AND s.room IS NULL))))
$$;
COMMENT ON FUNCTION location_is_of IS 'May this user switch everything in this room or location';

-- Its events were kept for p_days.  Rows that others have locked are left for the next time.  What came after it was erased,
-- with an answer that was on its way, goes too.
CREATE FUNCTION installation_forget(p_days integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_ids text[];
BEGIN
	v_ids := ARRAY(SELECT i.installation_id::text FROM installation i
		WHERE i.removed_at < now() - make_interval(days => p_days + 1) AND i.status = 'removed'
			AND NOT EXISTS (SELECT 1 FROM token t WHERE t.installation_id = i.installation_id)
		ORDER BY i.removed_at LIMIT 1000 FOR UPDATE SKIP LOCKED);
	DELETE FROM pause WHERE installation_id = ANY (v_ids);
	DELETE FROM call_pace WHERE installation_id = ANY (v_ids);
	DELETE FROM subscription WHERE installation_id = ANY (v_ids);
	DELETE FROM work WHERE installation_id = ANY (v_ids);
	DELETE FROM installation WHERE installation_id = ANY (v_ids);
END $$;
COMMENT ON FUNCTION installation_forget IS 'Delete the rows of removed installations after their events have gone';

CREATE VIEW installations AS
	SELECT i.location_name AS location, i.status, i.sync_state AS sync, count(DISTINCT d.device_id) AS devices,
		i.linked_at, i.synced_at, i.user_id, i.installation_id, i.seq
	FROM installation i LEFT JOIN device d ON d.installation_id = i.installation_id
	GROUP BY i.installation_id ORDER BY i.linked_at;
COMMENT ON VIEW installations IS 'Linked locations and their status';

GRANT EXECUTE ON FUNCTION installation_link_owner TO switchboard_oauth;
GRANT EXECUTE ON FUNCTION installation_disconnect, location_is_of TO switchboard_dashboard;
GRANT EXECUTE ON FUNCTION installation_set_owner, installation_replace, installation_set_location, installation_erase, installation_uninstalled,
	installation_forget TO switchboard_worker;
GRANT SELECT ON installation TO switchboard_dashboard;
GRANT SELECT (installation_id, seq) ON installation TO switchboard_events;
GRANT SELECT, INSERT, UPDATE, DELETE ON installation TO switchboard_worker;
GRANT SELECT ON installations TO switchboard_reader;
