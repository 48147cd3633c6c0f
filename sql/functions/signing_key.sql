-- Certificates that webhooks are signed with.

-- A sender can invent keyIds freely, so fetches of certificates that were never there are counted, whatever comes of them: 20 a
-- minute for a network, so that none of them can use up what all have.  Two that are counted at once do not see each other.
CREATE FUNCTION signing_key_spend(p_network text)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_since CONSTANT timestamptz := now() - interval '1 minute';
BEGIN
	IF (SELECT count(*) FROM signing_key_fetch f WHERE f.fetched_at > v_since) >= 400
		OR (SELECT count(*) FROM signing_key_fetch f WHERE f.fetched_at > v_since AND f.network = p_network) >= 20 THEN
		RETURN false;
	END IF;
	WITH past AS (SELECT f.ctid FROM signing_key_fetch f WHERE f.fetched_at <= v_since FOR UPDATE SKIP LOCKED)
	DELETE FROM signing_key_fetch f USING past p WHERE f.ctid = p.ctid;
	INSERT INTO signing_key_fetch (network) VALUES (p_network);
	RETURN true;
END $$;
COMMENT ON FUNCTION signing_key_spend IS 'Count a fetch that a network causes; false: it, or all together, had too many in this minute';

-- Keys that never existed leave no row for longer than their failure is remembered; and nothing is signed with an expired one
-- any more, whatever the clocks say.
CREATE FUNCTION signing_key_clean()
RETURNS void LANGUAGE sql AS $$
	WITH past AS (
		SELECT s.key_id FROM signing_key s WHERE s.not_after < now() - interval '1 hour'
			OR (s.certificate IS NULL AND coalesce(s.claimed_until, s.first_seen_at) < now()
				AND coalesce(s.failed_until, s.first_seen_at) < now())
		FOR UPDATE SKIP LOCKED)
	DELETE FROM signing_key s USING past p WHERE s.key_id = p.key_id;
$$;
COMMENT ON FUNCTION signing_key_clean IS 'Delete the rows of certificates that have ended, or were never there';

CREATE FUNCTION signing_key_claim_new(p_key text, p_network text)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM signing_key_clean();
	INSERT INTO signing_key (key_id, claimed_until) VALUES (p_key, now() + policy_signing_key_lease())
		ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RETURN 'wait';
	END IF;
	IF NOT signing_key_spend(p_network) THEN
		DELETE FROM signing_key s WHERE s.key_id = p_key;
		RETURN 'over_budget';
	END IF;
	RETURN 'fetch';
END $$;
COMMENT ON FUNCTION signing_key_claim_new IS 'Decide who fetches the certificate of a keyId that has no row';

-- cached: use it; refresh: use it and get it anew, which is for one process at a time, a minute apart when it fails; fetch:
-- get it; wait: another process does; refused, away: it failed lately; or over_budget.
CREATE FUNCTION signing_key_find(p_key text, p_network text)
RETURNS TABLE (action text, certificate text, age_s integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	k signing_key;
BEGIN
	SELECT * INTO k FROM signing_key s WHERE s.key_id = p_key FOR UPDATE;
	IF NOT FOUND THEN
		action := signing_key_claim_new(p_key, p_network);
		RETURN NEXT;
		RETURN;
	END IF;
	certificate := k.certificate;
	age_s := extract(epoch FROM now() - k.fetched_at)::integer;
	IF k.certificate IS NOT NULL AND (k.fetched_at > now() - interval '24 hours' OR k.failed_until > now()
		OR k.claimed_until > now()) THEN
		action := 'cached';
	ELSIF k.failed_until > now() THEN
		action := k.failure;
	ELSIF k.claimed_until > now() THEN
		action := 'wait';
	ELSIF k.certificate IS NULL AND NOT signing_key_spend(p_network) THEN
		action := 'over_budget';
	ELSE
		UPDATE signing_key s SET claimed_until = now() + policy_signing_key_lease() WHERE s.key_id = p_key;
		action := CASE WHEN k.certificate IS NULL THEN 'fetch' ELSE 'refresh' END;
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION signing_key_find IS 'Give a certificate, or decide who fetches it for a webhook from this network: cached, refresh, fetch, wait, refused, away or over_budget';

CREATE FUNCTION signing_key_put(p_key text, p_certificate text, p_not_after bigint, p_failure text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	INSERT INTO signing_key AS s (key_id, certificate, not_after, fetched_at, failed_until, failure)
		SELECT p_key, p_certificate, to_timestamp(p_not_after), CASE WHEN p_certificate IS NOT NULL THEN now() END,
			CASE WHEN p_failure IS NOT NULL THEN now() + interval '60 seconds' END, p_failure
		WHERE p_certificate IS NOT NULL OR p_failure IS NOT NULL
			OR EXISTS (SELECT 1 FROM signing_key k WHERE k.key_id = p_key)
		ON CONFLICT (key_id) DO UPDATE SET certificate = coalesce(excluded.certificate, s.certificate),
			not_after = coalesce(excluded.not_after, s.not_after), fetched_at = coalesce(excluded.fetched_at, s.fetched_at),
			failed_until = excluded.failed_until, failure = excluded.failure, claimed_until = NULL;
$$;
COMMENT ON FUNCTION signing_key_put IS 'Store the outcome of a fetch: a certificate that verified a signature, why there is none, or (all null) nothing worth keeping';

CREATE FUNCTION signing_key_forget(p_key text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	DELETE FROM signing_key s WHERE s.key_id = p_key
$$;
COMMENT ON FUNCTION signing_key_forget IS 'Delete a certificate for which the key server has another by now: that one has to verify a signature first';

GRANT EXECUTE ON FUNCTION signing_key_find, signing_key_put, signing_key_forget TO switchboard_webhook;
