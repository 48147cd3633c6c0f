-- Tokens and their refreshes, and a change of seal keys.

-- At half of its life, give or take a tenth: half a day of outage costs nothing, and refreshes of installations that
-- were linked together spread out.
CREATE FUNCTION token_refresh_time(p_expires_in integer)
RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
	SELECT now() + make_interval(secs => p_expires_in * (0.4 + 0.2 * random()))
$$;
COMMENT ON FUNCTION token_refresh_time IS 'When to refresh an access token that lives this many seconds from now';

-- In microseconds since 1970: higher than any before it, also when the row before it was erased, or is missing in a backup.
CREATE FUNCTION token_link_generation()
RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;
COMMENT ON FUNCTION token_link_generation IS 'The generation of the first pair of a link';

CREATE FUNCTION token_put(p_installation text, p_access bytea, p_refresh bytea, p_seal_key text, p_scope text,
	p_expires_in integer)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO token AS t (installation_id, generation, access_sealed, refresh_sealed, seal_key_id, scope, expires_at, refresh_expires_at)
	VALUES (p_installation, token_link_generation(), p_access, p_refresh, p_seal_key, p_scope, now() + make_interval(secs => p_expires_in),
		now() + policy_refresh_token_life())
	ON CONFLICT (installation_id) DO UPDATE SET
		generation = greatest(t.generation + 1, excluded.generation), access_sealed = excluded.access_sealed,
		refresh_sealed = excluded.refresh_sealed, seal_key_id = excluded.seal_key_id, scope = excluded.scope,
		obtained_at = now(), expires_at = excluded.expires_at, refresh_expires_at = excluded.refresh_expires_at,
		failures = 0, refusals = 0, refused_since = NULL, last_error = NULL, last_error_at = NULL;
	SELECT work_plan_refresh(p_installation, token_refresh_time(p_expires_in), NULL), work_resume(p_installation, 'token'),
		work_resume(p_installation, 'link');
$$;
COMMENT ON FUNCTION token_put IS 'Store the pair of tokens of a new link, over whatever was there';

CREATE FUNCTION token_load(p_installation text)
RETURNS TABLE (generation bigint, access_sealed bytea, expires_in_s bigint)
LANGUAGE sql STABLE AS $$
	SELECT t.generation, t.access_sealed, extract(epoch FROM t.expires_at - now())::bigint
		FROM token t WHERE t.installation_id = p_installation
$$;
COMMENT ON FUNCTION token_load IS 'The sealed access token of an installation';

CREATE FUNCTION token_to_refresh(p_installation text)
RETURNS TABLE (generation bigint, refresh_sealed bytea, failures integer)
LANGUAGE sql STABLE AS $$
	SELECT t.generation, t.refresh_sealed, t.failures FROM token t WHERE t.installation_id = p_installation
$$;
COMMENT ON FUNCTION token_to_refresh IS 'The sealed refresh token of an installation';

-- The answer of a refresh of "p_generation", received p_age_s ago.  Waits for nobody who has the row: the answer is on the
-- worker's disk, and is stored later.  False: a newer pair is there already (or the installation is gone) and this one is
-- dropped.  An older pair is there after a fail-over to a standby that lags, or from a backup.
CREATE FUNCTION token_store(p_installation text, p_generation bigint, p_access bytea, p_refresh bytea,
	p_seal_key text, p_scope text, p_expires_in integer, p_age_s bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation AND i.status = 'needs_reauth' FOR NO KEY UPDATE;
	PERFORM 1 FROM token t WHERE t.installation_id = p_installation FOR UPDATE NOWAIT;
	UPDATE token t SET generation = p_generation + 1, access_sealed = p_access, refresh_sealed = p_refresh,
		seal_key_id = p_seal_key, scope = coalesce(p_scope, t.scope),
		obtained_at = now() - make_interval(secs => p_age_s),
		expires_at = now() + make_interval(secs => p_expires_in - p_age_s),
		refresh_expires_at = now() + policy_refresh_token_life() - make_interval(secs => p_age_s),
		failures = 0, refusals = 0, refused_since = NULL, last_error = NULL, last_error_at = NULL
		WHERE t.installation_id = p_installation AND t.generation <= p_generation;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM work_plan_refresh(p_installation, token_refresh_time(p_expires_in) - make_interval(secs => p_age_s), NULL);
	PERFORM work_resume(p_installation, 'token');
	UPDATE installation i SET seq = i.seq + 1, status_seq = i.seq + 1,
		status = CASE WHEN i.synced_at IS NULL THEN 'linking' ELSE 'active' END
		WHERE i.installation_id = p_installation AND i.status = 'needs_reauth';
	IF FOUND THEN
		PERFORM work_resume(p_installation, 'link');
	END IF;
	RETURN true;
END $$;
COMMENT ON FUNCTION token_store IS 'Store a refreshed pair of tokens, unless a newer one is there';

-- Answers in a worker's spool, each of a refresh of its generation; only those are named that are not what is stored.
-- A database without any installation is not the one they are of: it says nothing.
CREATE FUNCTION token_spooled(p_installations text[], p_generations bigint[])
RETURNS TABLE ("position" integer, newer boolean)
LANGUAGE sql STABLE AS $$
	SELECT s.n::integer - 1, coalesce(g.generation <= s.generation, false)
		FROM unnest(p_installations, p_generations) WITH ORDINALITY AS s (installation, generation, n)
		-- One look into the index each, whatever the planner thinks of arrays.
		LEFT JOIN LATERAL (SELECT t.generation FROM token t WHERE t.installation_id = s.installation LIMIT 1) g ON true
		WHERE CASE WHEN g.generation IS NULL THEN EXISTS (SELECT 1 FROM installation) ELSE g.generation <> s.generation + 1 END
$$;
COMMENT ON FUNCTION token_spooled IS 'Which of these answers are newer than the pair that is stored, and which are older or of an installation that is gone';

-- After a 401, unless the token was refreshed meanwhile.  p_delay_ms: a fresh token that is refused is not refreshed again
-- at once.
CREATE FUNCTION token_refused(p_installation text, p_generation bigint, p_priority integer, p_delay_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE token t SET expires_at = least(t.expires_at, now())
		WHERE t.installation_id = p_installation AND t.generation = p_generation;
	IF FOUND THEN
		PERFORM work_put_refresh(p_installation, p_priority, now() + make_interval(secs => p_delay_ms / 1000.0));
	END IF;
END $$;
COMMENT ON FUNCTION token_refused IS 'Take an access token for expired, and ask for its refresh';

CREATE FUNCTION token_failed(p_installation text, p_generation bigint, p_error text, p_delay_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE token t SET failures = t.failures + 1,
		last_error = CASE t.last_error WHEN 'sealed' THEN t.last_error ELSE p_error END, last_error_at = now()
		WHERE t.installation_id = p_installation AND t.generation = p_generation;
	IF FOUND THEN
		PERFORM work_plan_refresh(p_installation, now() + make_interval(secs => p_delay_ms / 1000.0), p_error);
	END IF;
END $$;
COMMENT ON FUNCTION token_failed IS 'A refresh failed for now: try again after the delay';

-- A platform that is in trouble may refuse a good token.  Null: that it is refused is a fact.
CREATE FUNCTION token_ask_again(p_refusals integer)
RETURNS interval LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN p_refusals = 1 THEN interval '1 minute' WHEN p_refusals = 2 THEN interval '10 minutes'
		WHEN p_refusals < 10 THEN interval '1 day' END
$$;
COMMENT ON FUNCTION token_ask_again IS 'How long after so many refusals a refresh token is sent once more';

-- invalid_grant is asked about again.  Until the third the location stays linked as long as its access token is good,
-- unless a refresh before had no answer, which may have used the token up; then, and for any other reason, it must be
-- linked again; devices, history and sessions stay.  One whose uninstall is queued is erased, for nothing is left to call
-- the platform with.  One that was refused without invalid_grant is asked about daily for a week, in case it was a mistake.
CREATE FUNCTION token_dead(p_installation text, p_generation bigint, p_error text)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_stays boolean;
	v_again timestamptz;
BEGIN
	-- Before the token's, as when it is erased or linked.
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation FOR NO KEY UPDATE;
	UPDATE token t SET failures = t.failures + 1, last_error = p_error, last_error_at = now(),
		refusals = CASE p_error WHEN 'invalid_grant' THEN t.refusals + 1 ELSE 0 END
		WHERE t.installation_id = p_installation AND t.generation = p_generation
		RETURNING t.refusals BETWEEN 1 AND 2 AND t.failures = t.refusals AND t.expires_at > now(),
			coalesce(now() + CASE WHEN p_error = 'invalid_grant' THEN token_ask_again(t.refusals)
				WHEN p_error = 'refused' AND t.refused_since > now() - interval '8 days' THEN interval '1 day' END, 'infinity')
		INTO v_stays, v_again;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM work_plan_refresh(p_installation, v_again, p_error);
	IF EXISTS (SELECT 1 FROM installation i WHERE i.installation_id = p_installation AND i.status = 'removed') THEN
		PERFORM installation_erase(p_installation, false);
		RETURN true;
	END IF;
	IF v_stays THEN
		RETURN true;
	END IF;
	UPDATE installation i SET status = 'needs_reauth', seq = i.seq + 1, status_seq = i.seq + 1
		WHERE i.installation_id = p_installation AND i.status IN ('linking', 'active');
	PERFORM work_hold(p_installation);
	PERFORM command_failed(c.installation_id, c.command_id, 'reconnect') FROM command c
		WHERE c.installation_id = p_installation AND c.status IN ('requested', 'sent');
	RETURN true;
END $$;
COMMENT ON FUNCTION token_dead IS 'The platform refused the refresh token: needs_reauth, unless it may be a mistake and the access token is good';

-- What tells a dead token from client settings that the platform refuses: others that are refreshed, or linked, meanwhile.
-- A location that is alone has nobody to compare with.
CREATE FUNCTION token_refused_alone(p_installation text, p_since timestamptz)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT coalesce((SELECT max(t.obtained_at) FROM token t) > p_since, false)
		OR NOT EXISTS (SELECT FROM installation i WHERE i.installation_id <> p_installation AND i.status IN ('linking', 'active'))
$$;
COMMENT ON FUNCTION token_refused_alone IS 'Are others refreshed well while the refresh of this installation is refused since then';

-- A few of those refused since the last good refresh tell; with one, and others that were not tried since, it may be its
-- own token.
CREATE FUNCTION token_client_refused()
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT count(*) > 1 OR coalesce(bool_or(f.last_error = 'client'), false) OR (count(*) = 1 AND (SELECT count(*) FROM (
			SELECT FROM installation i WHERE i.status IN ('linking', 'active') LIMIT 2) AS one) = 1)
	FROM (SELECT t.last_error FROM token t JOIN installation i ON i.installation_id = t.installation_id
		WHERE t.refused_since > coalesce((SELECT max(o.obtained_at) FROM token o), '-infinity')
			AND i.status IN ('linking', 'active') ORDER BY t.refused_since DESC LIMIT 10) AS f
$$;
COMMENT ON FUNCTION token_client_refused IS 'Does the platform refuse every refresh: SWITCHBOARD_CLIENT_ID or SWITCHBOARD_CLIENT_SECRET are to be checked';

-- One that has not been tried since then is refreshed before its time.
CREATE FUNCTION token_compare(p_installation text, p_since timestamptz)
RETURNS void LANGUAGE sql AS $$
	SELECT work_put_refresh(o.installation_id, 2, now()) FROM (SELECT t.installation_id FROM token t
		JOIN installation i ON i.installation_id = t.installation_id AND i.status IN ('linking', 'active')
		WHERE t.installation_id <> p_installation AND t.obtained_at <= p_since AND t.refused_since IS NULL
			AND t.last_error IS NULL
		ORDER BY t.obtained_at LIMIT 1) AS o
$$;
COMMENT ON FUNCTION token_compare IS 'Refresh the token of another installation, to see whether it is refused too';

-- The answer to a refresh was a refusal that does not say invalid_grant; p_error: client, when it names the client's
-- credentials, else refused.  dead: the location must be linked again, for the token's 30 days are over, or it is refused
-- for hours while others are not; client: all are refused, and wait; again: it is tried again after the delay.
CREATE FUNCTION token_refresh_refused(p_installation text, p_generation bigint, p_error text, p_delay_ms bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t       record;
	v_alone boolean;
BEGIN
	-- Before the token's, as in token_dead().
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation FOR NO KEY UPDATE;
	UPDATE token o SET refused_since = coalesce(o.refused_since, now())
		WHERE o.installation_id = p_installation AND o.generation = p_generation
		RETURNING o.refused_since, o.refresh_expires_at INTO t;
	IF NOT FOUND THEN
		RETURN 'again';
	END IF;
	v_alone := token_refused_alone(p_installation, t.refused_since);
	IF t.refresh_expires_at <= now()
		OR (p_error <> 'client' AND v_alone AND t.refused_since <= now() - policy_refused_for())
		OR EXISTS (SELECT FROM installation i WHERE i.installation_id = p_installation AND i.status = 'needs_reauth') THEN
		PERFORM token_dead(p_installation, p_generation, 'refused');
		RETURN 'dead';
	END IF;
	PERFORM token_failed(p_installation, p_generation, p_error, p_delay_ms);
	IF NOT v_alone AND t.refused_since <= now() - policy_refused_doubt() THEN
		PERFORM token_compare(p_installation, t.refused_since);
	END IF;
	RETURN CASE WHEN token_client_refused() THEN 'client' ELSE 'again' END;
END $$;
COMMENT ON FUNCTION token_refresh_refused IS 'The platform refused a refresh without saying that the token is dead: says what follows';

-- Is a row sealed with another key than the one that seals now, or marked as one that no key opens?
-- Reads the two ends of an index, for it is called often.
CREATE FUNCTION token_seal_due(p_key text)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT coalesce((SELECT min(t.seal_key_id) FROM token t) <> p_key OR (SELECT max(t.seal_key_id) FROM token t) <> p_key, false)
		OR EXISTS (SELECT 1 FROM token t WHERE t.last_error = 'sealed')
$$;
COMMENT ON FUNCTION token_seal_due IS 'May a token have to be sealed anew, with this key';

-- In the order of their ids, after "p_after".
CREATE FUNCTION token_seal_next(p_key text, p_after text, p_limit integer)
RETURNS TABLE (installation_id text, generation bigint, seal_key_id text, access_sealed bytea,
	refresh_sealed bytea, marked boolean)
LANGUAGE sql STABLE AS $$
	SELECT t.installation_id::text, t.generation, t.seal_key_id, t.access_sealed, t.refresh_sealed,
		t.last_error IS NOT DISTINCT FROM 'sealed' FROM token t
		WHERE t.installation_id > p_after AND (t.seal_key_id <> p_key OR t.last_error = 'sealed')
		ORDER BY t.installation_id LIMIT p_limit
$$;
COMMENT ON FUNCTION token_seal_next IS 'Tokens to be sealed anew, with this key';

-- False: another pair is there by now, which must not be overwritten.  An installation that waits to be linked again only
-- because no key opened its tokens is active again.
CREATE FUNCTION token_reseal(p_installation text, p_generation bigint, p_old_refresh bytea, p_access bytea,
	p_refresh bytea, p_key text)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_error text;
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation AND i.status = 'needs_reauth' FOR NO KEY UPDATE;
	SELECT t.last_error INTO v_error FROM token t WHERE t.installation_id = p_installation
		AND t.generation = p_generation AND t.refresh_sealed = p_old_refresh FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE token t SET access_sealed = p_access, refresh_sealed = p_refresh, seal_key_id = p_key,
		last_error = nullif(t.last_error, 'sealed') WHERE t.installation_id = p_installation;
	IF v_error = 'sealed' THEN
		UPDATE installation i SET seq = i.seq + 1, status_seq = i.seq + 1,
			status = CASE WHEN i.synced_at IS NULL THEN 'linking' ELSE 'active' END
			WHERE i.installation_id = p_installation AND i.status = 'needs_reauth';
		-- When its refresh was due is not known any more: soon.
		PERFORM work_plan_refresh(p_installation, now(), NULL), work_resume(p_installation, 'link');
	END IF;
	RETURN true;
END $$;
COMMENT ON FUNCTION token_reseal IS 'Replace a sealed pair of tokens by the same pair under another key, unless a newer one is there';

-- The row stays as it is, for the key may come back.  True: the status has changed.
CREATE FUNCTION token_unopened(p_installation text, p_generation bigint, p_old_refresh bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation FOR NO KEY UPDATE;
	PERFORM 1 FROM token t WHERE t.installation_id = p_installation AND t.generation = p_generation
		AND t.refresh_sealed = p_old_refresh FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE installation i SET status = 'needs_reauth', seq = i.seq + 1, status_seq = i.seq + 1
		WHERE i.installation_id = p_installation AND i.status IN ('linking', 'active');
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE token t SET last_error = 'sealed', last_error_at = now() WHERE t.installation_id = p_installation;
	PERFORM work_plan_refresh(p_installation, 'infinity', 'sealed'), work_hold(p_installation);
	PERFORM command_failed(c.installation_id, c.command_id, 'reconnect') FROM command c
		WHERE c.installation_id = p_installation AND c.status IN ('requested', 'sent');
	RETURN true;
END $$;
COMMENT ON FUNCTION token_unopened IS 'No key opens these tokens: needs_reauth, until the key is back or the location linked again';

CREATE VIEW token_health AS
	SELECT i.location_name AS location, i.status, t.obtained_at, t.expires_at,
		CASE WHEN w.waits_for IS NULL THEN w.run_at ELSE 'infinity' END AS refresh_after, t.refresh_expires_at,
		t.expires_at > now() AS access_good, t.failures, t.last_error, t.last_error_at, t.seal_key_id, t.generation,
		t.installation_id
	FROM token t JOIN installation i ON i.installation_id = t.installation_id
	LEFT JOIN work w ON w.installation_id = t.installation_id AND w.kind = 'refresh' ORDER BY refresh_after;
COMMENT ON VIEW token_health IS 'How fresh the tokens are and when they are renewed; not the tokens';

GRANT EXECUTE ON FUNCTION token_refresh_time, token_load, token_spooled, token_ask_again, token_refused_alone, token_client_refused, token_compare,
	token_refresh_refused, token_to_refresh, token_store, token_refused, token_failed, token_dead,
	token_seal_due, token_seal_next, token_reseal, token_unopened TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON token TO switchboard_worker;
GRANT SELECT ON token_health TO switchboard_reader;
