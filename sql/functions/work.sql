-- The worker's queue.  One index, on (priority, run_at), leads to what is due; what cannot be done whatever the time is
-- not in it, and comes back with the change that it waits for.  To claim a piece of work is to move it to the end of the
-- lease: when the worker dies it is due again then.

CREATE FUNCTION work_pause_end(p_installation text, p_kind text)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT max(p.ends_at) FROM pause p WHERE p.installation_id = p_installation AND p.kind = p_kind AND p.device_id = ''
		AND p.ends_at > now()
$$;
COMMENT ON FUNCTION work_pause_end IS 'Until when the platform wants no such calls; null: they may be made.  Commands are paused for each device (command_first)';

-- What runs now runs again afterwards.  What failed keeps its back-off, for asking again does not help the platform.
-- Nothing is done for an installation that was removed but its uninstall.
CREATE FUNCTION work_put(p_installation text, p_kind text, p_priority integer, p_delay interval DEFAULT '0')
RETURNS void LANGUAGE sql AS $$
	INSERT INTO work AS w (installation_id, kind, priority, run_at, waits_for)
	SELECT p_installation, p_kind, p_priority, greatest(now() + p_delay, work_pause_end(p_installation, p_kind)),
		CASE WHEN p_kind NOT IN ('uninstall', 'refresh') AND i.status = 'needs_reauth' THEN 'link' END
	FROM installation i WHERE i.installation_id = p_installation AND (i.status <> 'removed' OR p_kind = 'uninstall')
	ON CONFLICT (installation_id, kind, subject) DO UPDATE SET
		generation = w.generation + 1, priority = least(w.priority, excluded.priority),
		queued_at = CASE WHEN w.lease IS NULL AND w.last_error IS NULL AND w.run_at > now() THEN now() ELSE w.queued_at END,
		run_at = CASE WHEN w.lease IS NULL AND w.last_error IS NULL THEN least(w.run_at, excluded.run_at) ELSE w.run_at END
$$;
COMMENT ON FUNCTION work_put IS 'Ask for work; what is queued already runs no later, unless it failed, and no less urgently';

-- After a new link: whatever failed before may go well now.  What still runs was begun before it, and ends without effect.
CREATE FUNCTION work_begin(p_installation text, p_kind text)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO work AS w (installation_id, kind, priority, run_at)
	VALUES (p_installation, p_kind, 0, greatest(now(), work_pause_end(p_installation, p_kind)))
	ON CONFLICT (installation_id, kind, subject) DO UPDATE SET
		generation = w.generation + 1, priority = 0, attempts = 0, last_error = NULL, waits_for = NULL, queued_at = now(),
		lease = NULL, claim = NULL, run_at = excluded.run_at
$$;
COMMENT ON FUNCTION work_begin IS 'Ask for work for somebody who waits for it, as if it had never been tried';

-- Commands have a claim of their own (command_claim): one turn sends several.
CREATE FUNCTION work_claim(p_worker text, p_priority integer, p_limit integer)
RETURNS TABLE (installation_id text, kind text, subject text, claim bigint, generation bigint, attempts integer, age_s bigint)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH taken AS MATERIALIZED (
		SELECT w.installation_id, w.kind, w.subject FROM work w
		WHERE w.waits_for IS NULL AND w.priority = p_priority AND w.run_at <= now() AND w.kind <> 'command'
		ORDER BY w.run_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
	UPDATE work w SET lease = p_worker, claim = nextval('work_claims'), run_at = now() + policy_lease()
	FROM taken t WHERE w.installation_id = t.installation_id AND w.kind = t.kind AND w.subject = t.subject
	RETURNING w.installation_id, w.kind, w.subject, w.claim, w.generation, w.attempts, extract(epoch FROM now() - w.queued_at)::bigint;
END $$;
COMMENT ON FUNCTION work_claim IS 'Give a worker work of a priority that is due, the longest due first';

CREATE FUNCTION work_keep(p_installation text, p_kind text, p_claim bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE work w SET run_at = now() + policy_lease()
		WHERE w.installation_id = p_installation AND w.kind = p_kind AND w.subject = '' AND w.claim = p_claim;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION work_keep IS 'Renew a lease; false when the claim has ended, or the work is gone';

-- Webhooks may be missed: once a day the devices and subscriptions of each installation are read again, each at its own
-- time of the day.  That costs a handful of calls; more often would be polling.
CREATE FUNCTION work_daily(p_installation text)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT date_bin('1 day', now() + interval '12 hours' - o.after, '2000-01-01 00:00Z') + interval '1 day' + o.after
	FROM (SELECT ((hashtext(p_installation) + 2147483648) / 4294967296.0)::double precision * interval '1 day') AS o (after)
$$;
COMMENT ON FUNCTION work_daily IS 'When an installation is compared with the platform next: half a day to one and a half from now';

-- Syncs come back the next day, unless the installation was removed; when it was asked for again meanwhile, at once, or when
-- events may cause another.
CREATE FUNCTION work_done(p_installation text, p_kind text, p_claim bigint, p_generation bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF p_kind NOT IN ('device_sync', 'subscription_sync') OR NOT EXISTS (SELECT 1 FROM installation i
		WHERE i.installation_id = p_installation AND i.status <> 'removed') THEN
		DELETE FROM work w WHERE w.installation_id = p_installation AND w.kind = p_kind AND w.subject = ''
			AND w.claim = p_claim AND w.generation = p_generation;
		IF FOUND THEN
			RETURN;
		END IF;
	END IF;
	UPDATE work w SET lease = NULL, claim = NULL, attempts = 0, last_error = NULL,
		priority = CASE WHEN w.generation = p_generation THEN 2 ELSE greatest(w.priority, 1) END,
		run_at = CASE WHEN w.generation = p_generation THEN work_daily(p_installation)
			ELSE greatest(CASE p_kind WHEN 'device_sync' THEN sync_earliest(p_installation) ELSE now() END,
				work_pause_end(p_installation, p_kind)) END,
		queued_at = now()
		WHERE w.installation_id = p_installation AND w.kind = p_kind AND w.subject = '' AND w.claim = p_claim;
END $$;
COMMENT ON FUNCTION work_done IS 'End a piece of work, unless it was asked for again meanwhile';

-- p_error is null when nothing failed and it only waits.  A "limit" is no failure either: it says when to go on.
CREATE FUNCTION work_failed(p_installation text, p_kind text, p_claim bigint, p_error text, p_delay_ms bigint)
RETURNS void LANGUAGE sql AS $$
	UPDATE work w SET lease = NULL, claim = NULL, attempts = w.attempts + (coalesce(p_error, 'limit') <> 'limit')::integer,
		last_error = p_error,
		run_at = greatest(now() + make_interval(secs => p_delay_ms / 1000.0), work_pause_end(p_installation, p_kind))
		WHERE w.installation_id = p_installation AND w.kind = p_kind AND w.subject = '' AND w.claim = p_claim
$$;
COMMENT ON FUNCTION work_failed IS 'Put work back for a later try';

-- The token's row is locked first, as by token_store(), which ends the wait: a token that comes meanwhile is seen here.
CREATE FUNCTION work_wait_for_token(p_installation text, p_kind text, p_claim bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_lacks boolean;
BEGIN
	SELECT t.expires_at <= now() INTO v_lacks FROM token t WHERE t.installation_id = p_installation FOR SHARE;
	UPDATE work w SET lease = NULL, claim = NULL, run_at = now(), waits_for = CASE WHEN v_lacks THEN coalesce(w.waits_for, 'token') ELSE w.waits_for END
		WHERE w.installation_id = p_installation AND w.kind = p_kind AND w.subject = ''
			AND (w.claim = p_claim OR w.kind = 'command');
END $$;
COMMENT ON FUNCTION work_wait_for_token IS 'Put work back until the installation has a fresh access token; at once when it has one';

CREATE FUNCTION work_hold(p_installation text)
RETURNS void LANGUAGE sql AS $$
	UPDATE work w SET waits_for = 'link', lease = NULL, claim = NULL, run_at = now() WHERE w.installation_id = p_installation
		AND w.kind NOT IN ('uninstall', 'refresh') AND w.waits_for IS DISTINCT FROM 'link'
$$;
COMMENT ON FUNCTION work_hold IS 'Put all work aside until the location is linked again';

CREATE FUNCTION work_resume(p_installation text, p_waits_for text)
RETURNS void LANGUAGE sql AS $$
	UPDATE work w SET waits_for = NULL, run_at = greatest(now(), work_pause_end(w.installation_id, w.kind))
		WHERE w.installation_id = p_installation AND w.waits_for = p_waits_for AND w.kind <> 'refresh'
$$;
COMMENT ON FUNCTION work_resume IS 'Go on with what waited';

-- One that runs keeps its lease, and one that failed its back-off, unless a person waits; the platform is not asked about
-- a token it refused before the time that was planned for that.
CREATE FUNCTION work_put_refresh(p_installation text, p_priority integer, p_at timestamptz)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO work AS w (installation_id, kind, priority, run_at)
	VALUES (p_installation, 'refresh', p_priority, greatest(p_at, work_pause_end(p_installation, 'refresh')))
	ON CONFLICT (installation_id, kind, subject) DO UPDATE SET priority = least(w.priority, excluded.priority),
		run_at = CASE WHEN w.lease IS NULL AND (w.last_error IS NULL OR (p_priority = 0 AND w.last_error <> 'invalid_grant'))
			THEN least(w.run_at, excluded.run_at) ELSE w.run_at END
$$;
COMMENT ON FUNCTION work_put_refresh IS 'Ask for the refresh of a token, no later than it is planned';

-- What is planned next is no failure: asking for it earlier helps.  The failures of refreshes are counted in token, also those
-- of which the queue does not know (an answer that was lost); attempts serves release_delay() alone.
CREATE FUNCTION work_plan_refresh(p_installation text, p_at timestamptz, p_error text)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO work AS w (installation_id, kind, priority, run_at, waits_for, last_error)
	VALUES (p_installation, 'refresh', 2, p_at, CASE p_at WHEN 'infinity' THEN 'link' END, p_error)
	ON CONFLICT (installation_id, kind, subject) DO UPDATE SET lease = NULL, claim = NULL, last_error = p_error, waits_for = excluded.waits_for,
		priority = CASE WHEN p_error IS NULL THEN 2 ELSE w.priority END,
		attempts = CASE WHEN p_error IS NULL THEN 0 ELSE w.attempts + 1 END, run_at = excluded.run_at
$$;
COMMENT ON FUNCTION work_plan_refresh IS 'Plan the next refresh of a token after one has ended, well or (p_error) not; infinity: not before a new link';

-- p_free: for each priority, may a worker take more of it; p_commands: and more commands.  Null: nothing is queued.
CREATE FUNCTION work_next_ms(p_free boolean[], p_commands boolean)
RETURNS bigint LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
	RETURN (SELECT ceil(extract(epoch FROM min(f.run_at) - now()) * 1000)::bigint FROM (
		SELECT (SELECT w.run_at FROM work w WHERE w.waits_for IS NULL AND w.priority = p.position - 1
				AND CASE w.kind WHEN 'command' THEN p_commands ELSE p.free END ORDER BY w.run_at LIMIT 1)
		FROM unnest(p_free) WITH ORDINALITY AS p (free, position)
		WHERE p.free OR (p.position = 1 AND p_commands)) AS f (run_at));
END $$;
COMMENT ON FUNCTION work_next_ms IS 'Milliseconds until something in the queue is due';

GRANT EXECUTE ON FUNCTION work_pause_end, work_put, work_begin, work_claim, work_keep, work_daily, work_done, work_failed,
	work_wait_for_token, work_hold, work_resume, work_put_refresh, work_plan_refresh, work_next_ms TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON work TO switchboard_worker;
GRANT USAGE ON SEQUENCE work_claims TO switchboard_worker;
