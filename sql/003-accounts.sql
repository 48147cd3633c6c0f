-- Signing in: states, sessions, and linking an installation.
SET LOCAL search_path = switchboard;

CREATE FUNCTION oauth_state_put(p_state bytea, p_browser bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM oauth_state WHERE expires_at < now();
	INSERT INTO oauth_state (state_hash, browser_hash, expires_at)
		VALUES (p_state, p_browser, now() + interval '10 minutes');
END $$;
COMMENT ON FUNCTION oauth_state_put IS 'Remember a state parameter for ten minutes';

-- True exactly once for a state that is young and belongs to this browser.
CREATE FUNCTION oauth_state_take(p_state bytea, p_browser bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM oauth_state WHERE state_hash = p_state AND browser_hash = p_browser AND expires_at > now();
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION oauth_state_take IS 'Use up a state parameter: true once, for the browser that began';

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

CREATE FUNCTION session_end(p_session bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM session WHERE session_hash = p_session;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION session_end IS 'Sign a browser out';

-- Where a user is signed in, this browser first, then as lately used.
CREATE FUNCTION session_list(p_user bigint, p_session bytea)
RETURNS TABLE (public_id uuid, user_agent text, created_at text, seen_at text, is_this boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	SELECT s.public_id, s.user_agent,
		to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		to_char(s.seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), s.session_hash = p_session
	FROM session s WHERE s.user_id = p_user AND s.expires_at > now()
	ORDER BY s.session_hash = p_session DESC, s.seen_at DESC, s.public_id LIMIT 100;
END;
COMMENT ON FUNCTION session_list IS 'The browsers in which a user is signed in';

-- False: no session of this user has that number.
CREATE FUNCTION session_end_one(p_user bigint, p_public uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	DELETE FROM session s WHERE s.user_id = p_user AND s.public_id = p_public;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION session_end_one IS 'Sign another browser of a user out';

CREATE FUNCTION session_end_others(p_user bigint, p_session bytea)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	DELETE FROM session s WHERE s.user_id = p_user AND s.session_hash <> p_session;
END;
COMMENT ON FUNCTION session_end_others IS 'Sign all browsers of a user out but this one';

-- When to refresh a token of this life: at half of it, give or take a tenth,
-- so that half a day of outage costs nothing and homes do not come all at once.
CREATE FUNCTION token_refresh_time(p_expires_in integer)
RETURNS timestamptz LANGUAGE sql VOLATILE
RETURN now() + make_interval(secs => p_expires_in * (0.4 + 0.2 * random()));
COMMENT ON FUNCTION token_refresh_time IS 'When to refresh an access token that lives this many seconds from now';

-- An authorization that succeeded: installation, tokens, work for the worker
-- and a new session, all or nothing.  Whose is it?  The user it belonged to
-- before; else the user of this owner; else who is signed in; else a new user.
CREATE FUNCTION installation_link(p_installation text, p_owner text, p_scope text, p_access bytea,
	p_refresh bytea, p_seal_key text, p_expires_in integer, p_old_session bytea, p_new_session bytea,
	p_user_agent text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_user bigint;
BEGIN
	-- One link of an installation at a time; a new row has nothing else to lock.
	PERFORM pg_advisory_xact_lock(hashtextextended('link ' || coalesce(p_owner, p_installation), 0));
	SELECT i.user_id INTO v_user FROM installation i WHERE i.installation_id = p_installation FOR UPDATE;
	IF v_user IS NULL AND p_owner IS NOT NULL THEN
		SELECT u.user_id INTO v_user FROM user_account u WHERE u.owner_id = p_owner;
	END IF;
	IF v_user IS NULL THEN
		SELECT s.user_id INTO v_user FROM session s WHERE s.session_hash = p_old_session AND s.expires_at > now();
	END IF;
	IF v_user IS NULL THEN
		INSERT INTO user_account (owner_id) VALUES (p_owner) RETURNING user_id INTO v_user;
	ELSIF p_owner IS NOT NULL THEN
		UPDATE user_account u SET owner_id = p_owner WHERE u.user_id = v_user AND u.owner_id IS NULL
			AND NOT EXISTS (SELECT 1 FROM user_account o WHERE o.owner_id = p_owner);
	END IF;

	INSERT INTO installation AS i (installation_id, user_id, owner_id) VALUES (p_installation, v_user, p_owner)
	ON CONFLICT (installation_id) DO UPDATE SET
		owner_id = coalesce(excluded.owner_id, i.owner_id),
		status = CASE WHEN i.status = 'removed' OR i.synced_at IS NULL THEN 'linking' ELSE 'active' END,
		synced_at = CASE WHEN i.status = 'removed' THEN NULL ELSE i.synced_at END,
		sync_state = 'queued', sync_error = NULL, removed_at = NULL, linked_at = now(),
		seq = i.seq + 1, status_seq = i.seq + 1, sync_seq = i.seq + 1;
	INSERT INTO token AS t (installation_id, access_sealed, refresh_sealed, seal_key_id, scope, expires_at,
		refresh_after, refresh_expires_at)
	VALUES (p_installation, p_access, p_refresh, p_seal_key, p_scope, now() + make_interval(secs => p_expires_in),
		token_refresh_time(p_expires_in), now() + interval '30 days')
	ON CONFLICT (installation_id) DO UPDATE SET
		generation = t.generation + 1, access_sealed = excluded.access_sealed,
		refresh_sealed = excluded.refresh_sealed, seal_key_id = excluded.seal_key_id, scope = excluded.scope,
		obtained_at = now(), expires_at = excluded.expires_at, refresh_after = excluded.refresh_after,
		refresh_expires_at = excluded.refresh_expires_at, claimed_by = NULL, claimed_until = NULL,
		failures = 0, last_error = NULL, last_error_at = NULL;
	DELETE FROM job WHERE installation_id = p_installation AND kind = 'uninstall';
	PERFORM job_put(p_installation, 'device_sync');
	PERFORM job_put(p_installation, 'subscription_sync');

	DELETE FROM session s WHERE s.session_hash = p_old_session OR s.expires_at < now();
	INSERT INTO session (session_hash, user_id, user_agent, expires_at)
		VALUES (p_new_session, v_user, left(p_user_agent, 200), now() + interval '30 days');
	RETURN v_user;
END $$;
COMMENT ON FUNCTION installation_link IS 'Store a successful authorization and open a session for its user';

-- The platform told whose an installation is.  When its user was made without
-- knowing that, and the owner has a user already, the two become one.
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

-- The user wants it gone: nothing is shown any more, the worker tells the
-- platform with the token that is kept until then.  False: not theirs.
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
COMMENT ON FUNCTION installation_disconnect IS 'Hide an installation at once and queue its uninstall at the platform';

-- Count calls to the platform.
CREATE FUNCTION api_call_count(p_installation text, p_endpoint text, p_status integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	INSERT INTO api_call AS c (installation_id, day, endpoint, status, calls)
		VALUES (coalesce(p_installation, ''), (now() AT TIME ZONE 'UTC')::date, p_endpoint, p_status, 1)
	ON CONFLICT (installation_id, day, endpoint, status) DO UPDATE SET calls = c.calls + 1;
END $$;
COMMENT ON FUNCTION api_call_count IS 'Count one call to the platform';

-- What one process may do about the certificate of a keyId: use it (cached),
-- fetch it, wait for another process, or not now (refused or away: failed
-- lately; or too many unknown keyIds in this minute: a stranger can invent
-- them freely, and while the key server hangs a few of them are enough to
-- keep every process waiting).
CREATE FUNCTION signing_key_claim(p_key text)
RETURNS TABLE (action text, certificate text, age_s integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	k       signing_key;
	v_known boolean;
BEGIN
	SELECT * INTO k FROM signing_key s WHERE s.key_id = p_key FOR UPDATE;
	v_known := FOUND;
	IF k.certificate IS NULL AND coalesce(greatest(k.failed_until, k.claimed_until) < now(), true)
		AND (SELECT count(*) FROM signing_key s WHERE s.certificate IS NULL
			AND s.failure = 'away' AND s.failed_until > now()) >= 4 THEN
		action := 'over_budget';
		RETURN NEXT;
		RETURN;
	END IF;
	IF NOT v_known THEN
		-- Keys that never existed leave no trace for longer than their failure is remembered.
		DELETE FROM signing_key s WHERE s.certificate IS NULL AND s.first_seen_at < now() - interval '10 minutes';
		IF (SELECT count(*) FROM signing_key s WHERE s.certificate IS NULL
			AND s.first_seen_at > now() - interval '1 minute') >= 20 THEN
			action := 'over_budget';
			RETURN NEXT;
			RETURN;
		END IF;
		INSERT INTO signing_key (key_id, claimed_until) VALUES (p_key, now() + interval '5 seconds')
			ON CONFLICT DO NOTHING;
		action := CASE WHEN FOUND THEN 'fetch' ELSE 'wait' END;
		RETURN NEXT;
		RETURN;
	END IF;
	certificate := k.certificate;
	age_s := extract(epoch FROM now() - k.fetched_at)::integer;
	IF k.certificate IS NOT NULL AND k.fetched_at > now() - interval '24 hours' THEN
		action := 'cached';
	ELSIF k.failed_until > now() THEN
		action := k.failure;
	ELSIF k.claimed_until > now() THEN
		action := 'wait';
	ELSE
		UPDATE signing_key s SET claimed_until = now() + interval '5 seconds' WHERE s.key_id = p_key;
		action := 'fetch';
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION signing_key_claim IS 'Decide who fetches a certificate: cached, fetch, wait, refused, away or over_budget';

-- The outcome of a fetch: a certificate, or why there is none.
CREATE FUNCTION signing_key_put(p_key text, p_certificate text, p_not_after bigint, p_failure text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	UPDATE signing_key SET certificate = coalesce(p_certificate, certificate),
		not_after = coalesce(to_timestamp(p_not_after), not_after),
		fetched_at = CASE WHEN p_certificate IS NULL THEN fetched_at ELSE now() END,
		failed_until = CASE WHEN p_certificate IS NULL THEN now() + interval '60 seconds' END,
		failure = CASE WHEN p_certificate IS NULL THEN p_failure END,
		claimed_until = NULL
	WHERE key_id = p_key;
END;
COMMENT ON FUNCTION signing_key_put IS 'Store a fetched certificate, or that there was none';

CREATE FUNCTION confirmation_put(p_hash bytea, p_app text, p_url text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	INSERT INTO confirmation (confirmation_hash, app_id, url) VALUES (p_hash, p_app, p_url)
		ON CONFLICT DO NOTHING;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION confirmation_put IS 'Queue the fetch of a confirmation address, once; true when it is new';

-- Wake-ups go in a transaction of their own that need not reach the disk:
-- NOTIFY holds a database-wide lock until its commit is done.
CREATE FUNCTION wake(p_channel text, p_payload text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true), pg_notify(p_channel, p_payload);
END $$;
COMMENT ON FUNCTION wake IS 'NOTIFY with an asynchronous commit';
