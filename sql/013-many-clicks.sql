-- When all switches of a large home were clicked at once, a plan made while nothing was waiting joined
-- the waiting commands with themselves, row by row: with 200 of them a claim took seconds, and half of them expired.
-- Each is looked at once now, whatever the statistics say.
SET LOCAL search_path = switchboard;

CREATE OR REPLACE FUNCTION command_claim(p_worker text, p_limit integer, p_each integer)
RETURNS TABLE (installation_id text, command_id uuid, device_id text, component text, command text, level integer,
	attempts integer, left_ms bigint)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH busy AS MATERIALIZED (
		SELECT c.installation_id, count(DISTINCT c.device_id) AS claims FROM command c
		WHERE c.claimed_until >= now() GROUP BY c.installation_id),
	-- Of one switch the oldest goes first, alone.
	first AS MATERIALIZED (
		SELECT DISTINCT ON (c.installation_id, c.device_id, c.component) c.installation_id, c.device_id, c.command_id,
			c.requested_at, c.run_at <= now() AND c.deadline_at > now()
				AND (c.claimed_until IS NULL OR c.claimed_until < now()) AS due
		FROM command c WHERE c.status IN ('requested', 'sent')
		ORDER BY c.installation_id, c.device_id, c.component, c.requested_at, c.command_id),
	ranked AS MATERIALIZED (
		SELECT o.installation_id, o.command_id, dense_rank() OVER (PARTITION BY o.installation_id
			ORDER BY o.first_at, o.device_id) AS place
		FROM (SELECT f.installation_id, f.command_id, f.device_id,
				min(f.requested_at) OVER (PARTITION BY f.installation_id, f.device_id) AS first_at
			FROM first f
			WHERE f.due AND EXISTS (SELECT 1 FROM installation i
					WHERE i.installation_id = f.installation_id AND i.status IN ('linking', 'active'))
				AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.installation_id = f.installation_id
					AND p.kind = 'command' AND p.device_id = f.device_id AND p.ends_at > now())) o),
	free AS MATERIALIZED (
		SELECT r.* FROM ranked r LEFT JOIN busy b ON b.installation_id = r.installation_id
		WHERE r.place + coalesce(b.claims, 0) <= p_each),
	taken AS (
		SELECT c.installation_id, c.command_id FROM free f
		JOIN command c ON c.installation_id = f.installation_id AND c.command_id = f.command_id
		-- Still requested or sent, in words that make nobody read the index of all that are.
		WHERE c.accepted_at IS NULL AND c.finished_at IS NULL AND (c.claimed_until IS NULL OR c.claimed_until < now())
		ORDER BY f.place, c.requested_at LIMIT p_limit
		FOR UPDATE OF c SKIP LOCKED)
	UPDATE command c SET status = 'sent', sent_at = now(), claimed_by = p_worker,
		claimed_until = now() + interval '20 seconds', attempts = c.attempts + 1
	FROM taken t WHERE c.installation_id = t.installation_id AND c.command_id = t.command_id
	RETURNING c.installation_id::text, c.command_id, c.device_id::text, c.component::text, c.command, c.level,
		c.attempts,
		(extract(epoch FROM c.deadline_at - now()) * 1000)::bigint;
END $$;

-- The index of those that are due was as small as that of the open ones, so that it was taken, and read
-- whole, where one switch was asked for.
DROP INDEX command_due;

CREATE OR REPLACE FUNCTION command_expire()
RETURNS SETOF text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
	c record;
BEGIN
	FOR c IN
		WITH answered AS MATERIALIZED (
			SELECT n.installation_id, n.device_id, n.component, n.command, n.requested_at, n.finished_at FROM command n
			WHERE n.status = 'confirmed'
				AND n.finished_at >= (SELECT min(o.requested_at) FROM command o WHERE o.status = 'accepted'))
		SELECT x.installation_id, x.command_id, 'superseded' AS error
		FROM answered n JOIN command x ON x.installation_id = n.installation_id AND x.device_id = n.device_id
			AND x.component = n.component AND (x.command = 'setLevel') = (n.command = 'setLevel')
			AND x.requested_at < n.requested_at
		WHERE x.status = 'accepted' AND x.accepted_at < now() - interval '2 seconds'
		UNION ALL
		SELECT x.installation_id, x.command_id,
			CASE WHEN x.status = 'accepted' THEN 'unconfirmed' ELSE 'expired' END
		FROM command x
		WHERE (x.status = 'accepted' AND x.accepted_at < now() - interval '10 seconds')
			OR (x.status IN ('requested', 'sent') AND x.deadline_at < now()
				AND (x.claimed_until IS NULL OR x.claimed_until < now()))
		ORDER BY installation_id, error LIMIT 500
	LOOP
		PERFORM command_failed(c.installation_id, c.command_id, c.error);
		RETURN NEXT c.installation_id;
	END LOOP;
	DELETE FROM command x WHERE x.finished_at < now() - interval '7 days';
END $$;
