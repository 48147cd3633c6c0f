-- The worker's queue of jobs.

CREATE FUNCTION job_put(p_installation text, p_kind text, p_delay interval DEFAULT '0')
RETURNS void LANGUAGE sql AS $$
	INSERT INTO job (installation_id, kind, run_at) VALUES (p_installation, p_kind, now() + p_delay)
	ON CONFLICT (installation_id, kind) DO UPDATE
		SET run_at = least(job.run_at, excluded.run_at), generation = job.generation + 1
$$;
COMMENT ON FUNCTION job_put IS 'Queue a job: one that is queued already runs no later, one that runs now runs again';

-- A lease, not a lock: when a worker dies its jobs come back.
CREATE FUNCTION job_claim(p_worker text, p_limit integer)
RETURNS TABLE (installation_id text, kind text, generation bigint, attempts integer, age_s bigint)
LANGUAGE sql AS $$
	WITH taken AS (
		SELECT j.installation_id, j.kind FROM job j
		JOIN installation i ON i.installation_id = j.installation_id
		WHERE j.run_at <= now() AND (j.claimed_until IS NULL OR j.claimed_until < now())
			AND (i.status IN ('linking', 'active') OR j.kind = 'uninstall')
			AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.installation_id = j.installation_id AND p.kind = j.kind
				AND p.ends_at > now())
		ORDER BY j.run_at LIMIT p_limit
		FOR UPDATE OF j SKIP LOCKED)
	UPDATE job j SET claimed_by = p_worker, claimed_until = now() + policy_lease()
	FROM taken t WHERE j.installation_id = t.installation_id AND j.kind = t.kind
	RETURNING j.installation_id, j.kind, j.generation, j.attempts, extract(epoch FROM now() - j.queued_at)::bigint
$$;
COMMENT ON FUNCTION job_claim IS 'Give a worker jobs to run';

CREATE FUNCTION job_keep(p_installation text, p_kind text, p_worker text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE job j SET claimed_until = now() + policy_lease()
		WHERE j.installation_id = p_installation AND j.kind = p_kind AND j.claimed_by = p_worker;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION job_keep IS 'Renew the claim of a job that runs; false when another worker has it, or the installation is gone';

CREATE FUNCTION job_done(p_installation text, p_kind text, p_worker text, p_generation bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM job j WHERE j.installation_id = p_installation AND j.kind = p_kind
		AND j.claimed_by = p_worker AND j.generation = p_generation;
	IF NOT FOUND THEN
		UPDATE job j SET claimed_by = NULL, claimed_until = NULL, attempts = 0, last_error = NULL
			WHERE j.installation_id = p_installation AND j.kind = p_kind AND j.claimed_by = p_worker;
	END IF;
END $$;
COMMENT ON FUNCTION job_done IS 'Take a finished job out of the queue, unless it was put again meanwhile';

CREATE FUNCTION job_failed(p_installation text, p_kind text, p_worker text, p_error text, p_delay_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE job j SET claimed_by = NULL, claimed_until = NULL, attempts = j.attempts + 1, last_error = p_error,
		run_at = now() + make_interval(secs => p_delay_ms / 1000.0)
		WHERE j.installation_id = p_installation AND j.kind = p_kind AND j.claimed_by = p_worker;
END $$;
COMMENT ON FUNCTION job_failed IS 'Put a job back for a later try';

-- Webhooks may be missed: once a day the devices and subscriptions of each installation are read again, spread over an
-- hour.  Each costs a handful of calls; more often would be polling.  In the order of the ids, as event_ingest() locks them.
CREATE FUNCTION job_reconcile()
RETURNS bigint LANGUAGE sql AS $$
	WITH stale AS MATERIALIZED (
		SELECT i.installation_id, random() * interval '1 hour' AS delay FROM installation i
		WHERE i.status = 'active' AND i.synced_at < now() - interval '1 day'
			AND NOT EXISTS (SELECT 1 FROM job j WHERE j.installation_id = i.installation_id)
		ORDER BY i.installation_id),
	queued AS (
		SELECT job_put(s.installation_id, 'subscription_sync', s.delay),
			job_put(s.installation_id, 'device_sync', s.delay) FROM stale s)
	SELECT count(*) FROM queued
$$;
COMMENT ON FUNCTION job_reconcile IS 'Queue the daily comparison with the platform; gives the number of installations';

GRANT EXECUTE ON FUNCTION job_put, job_claim, job_keep, job_done, job_failed, job_reconcile TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON job TO switchboard_worker;
