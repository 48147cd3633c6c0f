-- What only programs of the version before call, with the version that may delete it.

-- Until 0.2: webhook.fcgi that does not say where a webhook came from.
CREATE FUNCTION signing_key_claim(p_key text)
RETURNS TABLE (action text, certificate text, age_s integer)
LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT f.action, f.certificate, f.age_s FROM signing_key_find(p_key, '') f
$$;
COMMENT ON FUNCTION signing_key_claim IS 'signing_key_find() for a webhook from anywhere';
GRANT EXECUTE ON FUNCTION signing_key_claim TO switchboard_webhook;
