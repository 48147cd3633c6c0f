-- Requests of the platform to confirm the webhook's address.

CREATE FUNCTION confirmation_put(p_hash bytea, p_app text, p_url text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	INSERT INTO confirmation (confirmation_hash, app_id, url) VALUES (p_hash, p_app, p_url)
		ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	INSERT INTO work (installation_id, kind, subject, priority) VALUES ('', 'confirmation', encode(p_hash, 'hex'), 0)
		ON CONFLICT DO NOTHING;
	RETURN true;
END $$;
COMMENT ON FUNCTION confirmation_put IS 'Queue the fetch of a confirmation address, once; true when it is new';

-- p_subject: of its row in table work.
CREATE FUNCTION confirmation_url(p_subject text)
RETURNS text LANGUAGE sql STABLE AS $$
	SELECT f.url FROM confirmation f WHERE f.confirmation_hash = decode(p_subject, 'hex')
$$;
COMMENT ON FUNCTION confirmation_url IS 'The address to fetch; null when that is done';

-- Done when p_error is null; else tried again after the delay, and dropped after ten tries.
CREATE FUNCTION confirmation_finish(p_subject text, p_error text, p_delay_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_hash CONSTANT bytea := decode(p_subject, 'hex');
BEGIN
	IF p_error IS NULL THEN
		UPDATE confirmation SET confirmed_at = now(), url = NULL WHERE confirmation_hash = v_hash;
	ELSE
		UPDATE work SET attempts = attempts + 1, lease = NULL, claim = NULL, last_error = p_error,
			run_at = now() + make_interval(secs => p_delay_ms / 1000.0)
			WHERE installation_id = '' AND kind = 'confirmation' AND subject = p_subject;
		DELETE FROM confirmation f USING work w WHERE f.confirmation_hash = v_hash AND w.installation_id = ''
			AND w.kind = 'confirmation' AND w.subject = p_subject AND w.attempts >= 10;
		IF NOT FOUND THEN
			RETURN;
		END IF;
	END IF;
	DELETE FROM work WHERE installation_id = '' AND kind = 'confirmation' AND subject = p_subject;
	DELETE FROM confirmation WHERE confirmed_at < now() - interval '30 days';
END $$;
COMMENT ON FUNCTION confirmation_finish IS 'Record the outcome of a confirmation fetch';

GRANT EXECUTE ON FUNCTION confirmation_put TO switchboard_webhook;
GRANT EXECUTE ON FUNCTION confirmation_url, confirmation_finish TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON confirmation TO switchboard_worker;
