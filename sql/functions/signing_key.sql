-- Certificates that webhooks are signed with.

-- A sender can invent keyIds freely: no more than 20 new ones a minute are fetched.
CREATE FUNCTION signing_key_is_over_budget()
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (SELECT count(*) FROM signing_key s WHERE s.certificate IS NULL
		AND s.first_seen_at > now() - interval '1 minute') >= 20;
END $$;
COMMENT ON FUNCTION signing_key_is_over_budget IS 'Must the certificate of a keyId without a row not be fetched now';

CREATE FUNCTION signing_key_claim_new(p_key text)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF signing_key_is_over_budget() THEN
		RETURN 'over_budget';
	END IF;
	-- Keys that never existed leave no row for longer than their failure is remembered; and nothing is signed with an
	-- expired one any more, whatever the clocks say.
	DELETE FROM signing_key s WHERE s.certificate IS NULL AND s.first_seen_at < now() - interval '10 minutes'
		OR s.not_after < now() - interval '1 hour';
	INSERT INTO signing_key (key_id, claimed_until) VALUES (p_key, now() + policy_signing_key_lease())
		ON CONFLICT DO NOTHING;
	RETURN CASE WHEN FOUND THEN 'fetch' ELSE 'wait' END;
END $$;
COMMENT ON FUNCTION signing_key_claim_new IS 'Decide who fetches the certificate of a keyId that has no row';

-- cached: use it; fetch: get it; wait: another process does; refused, away: it failed lately; or over_budget.
CREATE FUNCTION signing_key_claim(p_key text)
RETURNS TABLE (action text, certificate text, age_s integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	k signing_key;
BEGIN
	SELECT * INTO k FROM signing_key s WHERE s.key_id = p_key FOR UPDATE;
	IF NOT FOUND THEN
		action := signing_key_claim_new(p_key);
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
		UPDATE signing_key s SET claimed_until = now() + policy_signing_key_lease() WHERE s.key_id = p_key;
		action := 'fetch';
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION signing_key_claim IS 'Decide who fetches a certificate: cached, fetch, wait, refused, away or over_budget';

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

GRANT EXECUTE ON FUNCTION signing_key_claim, signing_key_put TO switchboard_webhook;
