-- Known texts under each seal key: who has which key.

-- What a program that seals with p_key needs to know; p_sealed is its own known text under that key, kept when there is
-- none and no token could show that it is another key.  Keys that are not in use any more are forgotten.  Without a known
-- text (sealed is null): tokens of the version before are sealed with it.
CREATE FUNCTION seal_canary_check(p_key text, p_sealed bytea)
RETURNS TABLE (key_id text, sealed bytea, used boolean, unseen_s bigint, elsewhere boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
#variable_conflict use_column
BEGIN
	DELETE FROM seal_canary c WHERE c.seen_at < now() - CASE WHEN c.key_id = p_key THEN policy_seal_unused() ELSE interval '1 day' END
		AND NOT EXISTS (SELECT 1 FROM token t WHERE t.seal_key_id = c.key_id);
	INSERT INTO seal_canary (key_id, sealed) SELECT p_key, p_sealed
		WHERE NOT EXISTS (SELECT 1 FROM token t WHERE t.seal_key_id = p_key) ON CONFLICT DO NOTHING;
	-- From one key to the next by the index: there are as many tokens as installations.
	RETURN QUERY WITH RECURSIVE u (id) AS (
			SELECT min(t.seal_key_id) FROM token t
			UNION ALL SELECT (SELECT min(t.seal_key_id) FROM token t WHERE t.seal_key_id > u.id) FROM u WHERE u.id IS NOT NULL)
		SELECT coalesce(c.key_id, k.id), c.sealed, k.id IS NOT NULL, extract(epoch FROM now() - c.seen_at)::bigint,
			EXISTS (SELECT 1 FROM worker w WHERE w.worker_id = c.seen_by AND w.seen_at > now() - policy_worker_alive()
				AND w.lacks_key IS NULL)
		FROM seal_canary c FULL JOIN (SELECT u.id FROM u WHERE u.id IS NOT NULL) k ON k.id = c.key_id ORDER BY 1;
END $$;
COMMENT ON FUNCTION seal_canary_check IS 'The known text of each seal key, which keys tokens are sealed with, and whether a running worker that lacks none has them';

CREATE FUNCTION seal_canary_sample(p_key text)
RETURNS TABLE (installation_id text, access_sealed bytea)
LANGUAGE sql STABLE AS $$
	SELECT t.installation_id::text, t.access_sealed FROM token t WHERE t.seal_key_id = p_key LIMIT 8
$$;
COMMENT ON FUNCTION seal_canary_sample IS 'Some tokens that a key sealed of which there is no known text';

CREATE FUNCTION seal_canary_put(p_key text, p_sealed bytea)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO seal_canary (key_id, sealed) VALUES (p_key, p_sealed) ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION seal_canary_put IS 'Keep the known text of a key that has opened tokens';

-- Of two workers that each lack what the other has, none waits for the other.
CREATE FUNCTION seal_canary_seen(p_worker text, p_keys text[], p_missing text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE seal_canary SET seen_at = now(), seen_by = CASE WHEN p_missing IS NULL THEN p_worker ELSE seen_by END
		WHERE key_id = ANY (p_keys);
	UPDATE worker SET lacks_key = p_missing WHERE worker_id = p_worker AND lacks_key IS DISTINCT FROM p_missing;
END $$;
COMMENT ON FUNCTION seal_canary_seen IS 'Record which keys a worker has, and one that it lacks, or null';

GRANT EXECUTE ON FUNCTION seal_canary_check TO switchboard_oauth, switchboard_worker;
GRANT EXECUTE ON FUNCTION seal_canary_sample, seal_canary_put, seal_canary_seen TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON seal_canary TO switchboard_worker;
