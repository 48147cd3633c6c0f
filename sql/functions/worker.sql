-- Workers: their reports, and the claims of dead ones.

-- True: catch_up_some() has something to do.  No worker reports while the database is away either: then no webhook could
-- be stored, and the platform promises to send none again.
CREATE FUNCTION worker_seen(p_worker text, p_host text, p_pid integer)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_last timestamptz := (SELECT max(w.seen_at) FROM worker w);
BEGIN
	IF v_last IS NULL OR v_last < now() - policy_absence() THEN
		PERFORM catch_up_open(v_last);
	END IF;
	INSERT INTO worker (worker_id, host, pid) VALUES (p_worker, p_host, p_pid)
		ON CONFLICT (worker_id) DO UPDATE SET seen_at = now();
	DELETE FROM worker WHERE worker_id IN (SELECT w.worker_id FROM worker w WHERE w.seen_at < now() - interval '1 hour'
		FOR UPDATE SKIP LOCKED);
	RETURN EXISTS (SELECT 1 FROM catch_up);
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
-- (p_call_ms), then it is sent again before its deadline.  Rows that others have locked keep their lease.
CREATE FUNCTION worker_release(p_worker text, p_jobs boolean, p_refreshes boolean, p_commands boolean,
	p_confirmations boolean, p_dead boolean, p_call_ms integer)
RETURNS bigint LANGUAGE sql AS $$
	WITH held AS MATERIALIZED (
		SELECT w.installation_id, w.kind, w.subject FROM work w
		WHERE w.lease = p_worker AND CASE w.kind WHEN 'refresh' THEN p_refreshes WHEN 'confirmation' THEN p_confirmations
			ELSE p_jobs END FOR UPDATE SKIP LOCKED),
	claimed AS (
		UPDATE work w SET lease = NULL, claim = NULL, attempts = w.attempts + 1,
			run_at = greatest(now() + release_delay(w.attempts), work_pause_end(w.installation_id, w.kind))
		FROM held h WHERE w.installation_id = h.installation_id AND w.kind = h.kind AND w.subject = h.subject
		RETURNING w.installation_id, w.kind),
	failed AS MATERIALIZED (
		SELECT t.installation_id FROM token t JOIN claimed w ON w.kind = 'refresh' AND w.installation_id = t.installation_id
		FOR UPDATE OF t SKIP LOCKED),
	refreshes AS (
		UPDATE token t SET failures = t.failures + 1, last_error = coalesce(t.last_error, 'worker ended'),
			last_error_at = now()
		FROM failed f WHERE t.installation_id = f.installation_id),
	sent AS MATERIALIZED (
		SELECT c.installation_id, c.command_id FROM command c
		WHERE p_commands AND c.status = 'sent' AND c.claimed_by = p_worker AND c.claimed_until IS NOT NULL FOR UPDATE SKIP LOCKED),
	commands AS (
		UPDATE command c SET claimed_until = least(c.claimed_until, c.sent_at + make_interval(secs => p_call_ms / 1000.0))
		FROM sent s WHERE c.installation_id = s.installation_id AND c.command_id = s.command_id
		RETURNING c.installation_id, c.claimed_until),
	turns AS (
		UPDATE work w SET run_at = least(w.run_at, c.first)
		FROM (SELECT m.installation_id, min(m.claimed_until) AS first FROM commands m GROUP BY m.installation_id) c
		WHERE w.installation_id = c.installation_id AND w.kind = 'command'),
	forgotten AS (DELETE FROM worker w WHERE p_dead AND w.worker_id = p_worker)
	SELECT (SELECT count(*) FROM claimed) + (SELECT count(*) FROM commands)
$$;
COMMENT ON FUNCTION worker_release IS 'Give back the claims of a worker that does not work on them any more; gives their number';

GRANT EXECUTE ON FUNCTION worker_seen, release_delay, worker_release TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON worker TO switchboard_worker;
