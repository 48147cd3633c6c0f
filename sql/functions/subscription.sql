-- Subscriptions at the platform.

-- As the platform listed them: [{"id","source","capability","attribute","name"}].  What happened before a new one was
-- there was sent by no webhook, so the devices are read again.
CREATE FUNCTION subscription_replace(p_installation text, p_subscriptions jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation AND i.status <> 'removed' FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF EXISTS (SELECT 1 FROM jsonb_array_elements(p_subscriptions) x WHERE x ->> 'id' NOT IN
		(SELECT s.subscription_id FROM subscription s WHERE s.installation_id = p_installation)) THEN
		PERFORM work_put(p_installation, 'device_sync', 1);
	END IF;
	DELETE FROM subscription s WHERE s.installation_id = p_installation
		AND s.subscription_id NOT IN (SELECT x ->> 'id' FROM jsonb_array_elements(p_subscriptions) x);
	INSERT INTO subscription (installation_id, subscription_id, source_type, capability, attribute, name)
		SELECT p_installation, x.id, coalesce(x.source, '?'), x.capability, x.attribute, x.name
		FROM jsonb_to_recordset(p_subscriptions) AS x (id text, source text, capability text, attribute text, name text)
		ON CONFLICT (installation_id, subscription_id) DO UPDATE SET source_type = excluded.source_type,
			capability = excluded.capability, attribute = excluded.attribute, name = excluded.name, seen_at = now();
END $$;
COMMENT ON FUNCTION subscription_replace IS 'Record the subscriptions the platform has for an installation; new ones queue a device sync';

CREATE VIEW subscriptions AS
	SELECT i.location_name AS location, s.source_type, s.capability, s.attribute, s.name, s.seen_at, s.subscription_id,
		s.installation_id
	FROM subscription s JOIN installation i ON i.installation_id = s.installation_id
	ORDER BY i.location_name, s.source_type, s.capability;
COMMENT ON VIEW subscriptions IS 'What the platform sends webhooks for';

GRANT EXECUTE ON FUNCTION subscription_replace TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON subscription TO switchboard_worker;
GRANT SELECT ON subscriptions TO switchboard_reader;
