-- What only programs of the version before call, with the version that may delete it.

-- Until 0.2: webhook.fcgi that does not say where a webhook came from, and keeps no certificate for longer than a day: one
-- that could not be refreshed is a minute younger to it.
CREATE FUNCTION signing_key_claim(p_key text)
RETURNS TABLE (action text, certificate text, age_s integer)
LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT CASE f.action WHEN 'refresh' THEN 'fetch' ELSE f.action END, f.certificate, least(f.age_s, 24 * 3600 - 60) FROM signing_key_find(p_key, '') f
$$;
COMMENT ON FUNCTION signing_key_claim IS 'signing_key_find() for a webhook from anywhere';
GRANT EXECUTE ON FUNCTION signing_key_claim TO switchboard_webhook;
