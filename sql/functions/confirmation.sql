-- Requests of the platform to confirm the webhook's address.

CREATE FUNCTION confirmation_put(p_hash bytea, p_app text, p_url text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	INSERT INTO confirmation (confirmation_hash, app_id, url) VALUES (p_hash, p_app, p_url)
		ON CONFLICT DO NOTHING;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION confirmation_put IS 'Queue the fetch of a confirmation address, once; true when it is new';

CREATE FUNCTION confirmation_claim(p_worker text, p_limit integer)
RETURNS TABLE (confirmation_hash bytea, url text, attempts integer)
LANGUAGE sql AS $$
	WITH taken AS (
		SELECT f.confirmation_hash FROM confirmation f WHERE f.confirmed_at IS NULL AND f.run_at <= now()
			AND (f.claimed_until IS NULL OR f.claimed_until < now())
		ORDER BY f.run_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
	UPDATE confirmation f SET claimed_by = p_worker, claimed_until = now() + policy_lease()
	FROM taken t WHERE f.confirmation_hash = t.confirmation_hash
	RETURNING f.confirmation_hash, f.url, f.attempts
$$;
COMMENT ON FUNCTION confirmation_claim IS 'Give a worker confirmation addresses to fetch';

-- Done when p_error is null; else tried again after the delay, and dropped after ten tries.
CREATE FUNCTION confirmation_finish(p_hash bytea, p_error text, p_delay_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF p_error IS NULL THEN
		UPDATE confirmation SET confirmed_at = now(), url = NULL, claimed_by = NULL, claimed_until = NULL, last_error = NULL
			WHERE confirmation_hash = p_hash;
	ELSE
		UPDATE confirmation SET attempts = attempts + 1, claimed_by = NULL, claimed_until = NULL, last_error = p_error,
			run_at = now() + make_interval(secs => p_delay_ms / 1000.0) WHERE confirmation_hash = p_hash;
		DELETE FROM confirmation WHERE confirmation_hash = p_hash AND attempts >= 10;
	END IF;
	DELETE FROM confirmation WHERE confirmed_at < now() - interval '30 days';
END $$;
COMMENT ON FUNCTION confirmation_finish IS 'Record the outcome of a confirmation fetch';

GRANT EXECUTE ON FUNCTION confirmation_put TO switchboard_webhook;
GRANT EXECUTE ON FUNCTION confirmation_claim, confirmation_finish TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON confirmation TO switchboard_worker;
