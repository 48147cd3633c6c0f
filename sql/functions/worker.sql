-- Workers: their reports, the claims of dead ones, and what they do next.

CREATE FUNCTION worker_seen(p_worker text, p_host text, p_pid integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO worker (worker_id, host, pid) VALUES (p_worker, p_host, p_pid)
		ON CONFLICT (worker_id) DO UPDATE SET seen_at = now();
	DELETE FROM worker WHERE seen_at < now() - interval '1 hour';
END $$;
COMMENT ON FUNCTION worker_seen IS 'Record that a worker runs';

-- Not at all the first time, then longer and longer: the work may be what ends the workers.
CREATE FUNCTION release_delay(p_attempts integer)
RETURNS interval LANGUAGE sql IMMUTABLE AS $$
	SELECT make_interval(secs => least(extract(epoch FROM policy_lease()), 2 ^ least(p_attempts, 6) - 1))
$$;
COMMENT ON FUNCTION release_delay IS 'How long work waits after its worker died, by the number of tries before';

-- Give back what a worker had claimed and certainly works on no more: it is dead (p_dead), or it gives up these kinds
-- itself after it lost the database.  A dead worker's refresh is repeated at once: if its answer was lost, waiting does
-- not bring it back.  A command may have arrived: its event has as long to confirm it as the call could have taken
-- (p_call_ms), then it is sent again before its deadline.
CREATE FUNCTION worker_release(p_worker text, p_jobs boolean, p_refreshes boolean, p_commands boolean,
	p_confirmations boolean, p_dead boolean, p_call_ms integer)
RETURNS bigint LANGUAGE sql AS $$
	WITH jobs AS (
		UPDATE job j SET claimed_by = NULL, claimed_until = NULL, attempts = j.attempts + 1,
			run_at = greatest(j.run_at, now() + release_delay(j.attempts))
		WHERE p_jobs AND j.claimed_by = p_worker RETURNING 1),
	refreshes AS (
		UPDATE token t SET claimed_by = NULL, claimed_until = NULL, failures = t.failures + 1,
			last_error = coalesce(t.last_error, 'worker ended'), last_error_at = now(),
			refresh_after = greatest(t.refresh_after, now() + release_delay(t.failures))
		WHERE p_refreshes AND t.claimed_by = p_worker RETURNING 1),
	commands AS (
		UPDATE command c SET claimed_until = least(c.claimed_until, c.sent_at + make_interval(secs => p_call_ms / 1000.0))
		WHERE p_commands AND c.status = 'sent' AND c.claimed_by = p_worker RETURNING 1),
	confirmations AS (
		UPDATE confirmation f SET claimed_by = NULL, claimed_until = NULL, attempts = f.attempts + 1,
			run_at = greatest(f.run_at, now() + release_delay(f.attempts))
		WHERE p_confirmations AND f.claimed_by = p_worker RETURNING 1),
	forgotten AS (DELETE FROM worker w WHERE p_dead AND w.worker_id = p_worker)
	SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM refreshes) + (SELECT count(*) FROM commands)
		+ (SELECT count(*) FROM confirmations)
$$;
COMMENT ON FUNCTION worker_release IS 'Give back the claims of a worker that does not work on them any more; gives their number';

-- Null: nothing is queued.  p_confirm_ms: how long an accepted command waits for its event.
-- plpgsql, for it keeps the plan, where LANGUAGE sql would make it anew at each of many calls; without hash and merge
-- joins, which read all installations to join them with the few that have jobs.
CREATE FUNCTION work_next_ms(p_confirm_ms integer)
RETURNS bigint LANGUAGE plpgsql STABLE SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
	RETURN (SELECT ceil(extract(epoch FROM min(due) - now()) * 1000)::bigint FROM (
		SELECT min(greatest(j.run_at, j.claimed_until, p.ends_at)) AS due FROM job j
			JOIN installation i ON i.installation_id = j.installation_id
			LEFT JOIN pause p ON p.installation_id = j.installation_id AND p.kind = j.kind
			WHERE i.status IN ('linking', 'active') OR j.kind = 'uninstall'
		-- Only the first 100 refreshes: there is a token for every installation.
		UNION ALL SELECT min(greatest(n.refresh_after, n.claimed_until, n.ends_at)) FROM (
			SELECT t.refresh_after, t.claimed_until, p.ends_at FROM token t
			JOIN installation i ON i.installation_id = t.installation_id
			LEFT JOIN pause p ON p.installation_id = t.installation_id AND p.kind = 'refresh'
			WHERE t.refresh_after < 'infinity' AND (i.status IN ('linking', 'active')
				OR (i.status = 'needs_reauth' AND t.refusals > 0 AND t.last_error <> 'sealed')
				OR EXISTS (SELECT 1 FROM job j WHERE j.installation_id = t.installation_id AND j.kind = 'uninstall'))
			ORDER BY t.refresh_after LIMIT 100) n
		UNION ALL SELECT min(greatest(c.run_at, c.claimed_until, p.ends_at)) FROM command c
			LEFT JOIN pause p ON p.installation_id = c.installation_id AND p.kind = 'command' AND p.device_id = c.device_id
			WHERE c.status IN ('requested', 'sent')
		UNION ALL SELECT min(c.accepted_at) + make_interval(secs => p_confirm_ms / 1000.0) FROM command c
			WHERE c.status = 'accepted'
		UNION ALL SELECT min(greatest(f.run_at, coalesce(f.claimed_until, f.run_at))) FROM confirmation f
			WHERE f.confirmed_at IS NULL
	) AS every (due));
END $$;
COMMENT ON FUNCTION work_next_ms IS 'Milliseconds until something in a queue is due';

GRANT EXECUTE ON FUNCTION worker_seen, release_delay, worker_release, work_next_ms TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON worker TO switchboard_worker;
