-- Commands: from the page to the platform and back.

CREATE FUNCTION command_waits(p_status text, p_attempts integer, p_requested timestamptz)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT p_status = 'requested' AND p_attempts = 0 AND p_requested < now() - policy_command_soon()
$$;
COMMENT ON FUNCTION command_waits IS 'Was such a command never sent, for so long that the page says so';

CREATE VIEW command_pending AS
	SELECT c.installation_id, c.device_id, c.component, command_waits(c.status, c.attempts, c.requested_at) AS waiting
	FROM command c WHERE c.status IN ('requested', 'sent', 'accepted');
COMMENT ON VIEW command_pending IS 'Switches with a command that has no result yet';

-- The caller has locked the installation's row, whose next seq is p_seq.  An older command of the same kind that no worker
-- has taken yet is superseded.  p_wait_ms: it fails when it is not sent within this; how long it is tried then, see
-- command_claim().
CREATE FUNCTION command_put(p_user bigint, p_installation text, p_seq bigint, p_device text, p_component text,
	p_command text, p_level integer, p_wait_ms integer)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	v_id uuid;
BEGIN
	UPDATE command SET status = 'failed', error = 'superseded', finished_at = now(), seq = p_seq
		WHERE installation_id = p_installation AND device_id = p_device AND component = p_component
			AND status = 'requested' AND (command = 'setLevel') = (p_command = 'setLevel');
	INSERT INTO command (installation_id, device_id, component, command, level, user_id, deadline_at, seq)
		VALUES (p_installation, p_device, p_component, p_command, p_level, p_user,
			now() + make_interval(secs => p_wait_ms / 1000.0), p_seq)
		RETURNING command_id INTO v_id;
	UPDATE switch SET seq = p_seq WHERE installation_id = p_installation AND device_id = p_device
		AND component = p_component;
	UPDATE installation SET seq = p_seq WHERE installation_id = p_installation;
	RETURN v_id;
END $$;
COMMENT ON FUNCTION command_put IS 'Store one command; supersedes an older one that was not sent';

-- Who clicks waits: a refresh that lies in its back-off is tried.
CREATE FUNCTION command_ask(p_installation text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM work_put(p_installation, 'command', 0);
	PERFORM work_put_refresh(p_installation, 0, now()) FROM work w
		WHERE w.installation_id = p_installation AND w.kind = 'command' AND w.waits_for = 'token';
END $$;
COMMENT ON FUNCTION command_ask IS 'Ask for a turn in which the commands of an installation are sent';

-- No row: not one of this user's switches.  Outcomes: taken; no_level: it is no dimmer; reconnect: the platform would
-- refuse until its owner links the location again.
CREATE FUNCTION command_request(p_user bigint, p_device text, p_component text, p_command text, p_level integer,
	p_wait_ms integer)
RETURNS TABLE (command_id uuid, installation_id text, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_seq bigint;
BEGIN
	SELECT s.installation_id, CASE WHEN p_command = 'setLevel' AND NOT s.has_level THEN 'no_level'
			WHEN i.status = 'needs_reauth' THEN 'reconnect' ELSE 'taken' END INTO installation_id, outcome
		FROM switch s JOIN installation i ON i.installation_id = s.installation_id
		JOIN access a ON a.installation_id = s.installation_id
		WHERE a.user_id = p_user AND i.status <> 'removed' AND s.device_id = p_device AND s.component = p_component;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF outcome = 'taken' THEN
		SELECT i.seq + 1 INTO v_seq FROM installation i
			WHERE i.installation_id = command_request.installation_id AND i.status <> 'removed' FOR NO KEY UPDATE;
		IF NOT FOUND THEN
			RETURN;
		END IF;
		command_id := command_put(p_user, installation_id, v_seq, p_device, p_component, p_command, p_level, p_wait_ms);
		PERFORM command_ask(installation_id);
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION command_request IS 'Take a command for one switch of this user';

-- For command_request_many(), which has locked the installation's row, whose next seq is p_seq.  What command_put() does for
-- one switch, for all of a room ('' for devices in no room, null for any), in the order of the page.  All commands are
-- requested at slightly different times, for that is the order in which they are sent.
-- The plan must not depend on statistics, as for command_first(): with hash joins of what indexes give for one
-- installation, 4000 switches cost 4000 times as much as one, and not the square of it.
CREATE FUNCTION command_put_many(p_user bigint, p_installation text, p_seq bigint, p_room text, p_command text,
	p_wait_ms integer)
RETURNS SETOF uuid LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_nestloop = off AS $$
DECLARE
	v_at timestamptz := clock_timestamp();
BEGIN
	RETURN QUERY
	WITH chosen AS MATERIALIZED (
		SELECT w.device_id, w.component, row_number() OVER (ORDER BY w.device_id, w.position) AS n
		FROM switch w JOIN device d ON d.installation_id = w.installation_id AND d.device_id = w.device_id
		LEFT JOIN room r ON r.installation_id = d.installation_id AND r.room_id = d.room_id
		WHERE w.installation_id = p_installation
			AND (p_room IS NULL OR p_room IN (r.name, r.room_id::text) OR (p_room = '' AND r.room_id IS NULL))
			AND (w.state IS DISTINCT FROM p_command OR (w.device_id, w.component) IN (
				SELECT c.device_id, c.component FROM command_pending c WHERE c.installation_id = p_installation))),
	superseded AS (
		UPDATE command c SET status = 'failed', error = 'superseded', finished_at = now(), seq = p_seq
		FROM chosen o WHERE c.installation_id = p_installation AND c.device_id = o.device_id
			AND c.component = o.component AND c.status = 'requested' AND c.command <> 'setLevel'),
	stored AS (
		INSERT INTO command (installation_id, device_id, component, command, user_id, requested_at, deadline_at, seq)
			SELECT p_installation, o.device_id, o.component, p_command, p_user, v_at + o.n * interval '1 microsecond',
				now() + make_interval(secs => p_wait_ms / 1000.0), p_seq
			FROM chosen o ORDER BY o.n
			RETURNING command_id, requested_at),
	shown AS (
		UPDATE switch s SET seq = p_seq FROM chosen o
		WHERE s.installation_id = p_installation AND s.device_id = o.device_id AND s.component = o.component),
	counted AS (
		UPDATE installation i SET seq = p_seq WHERE i.installation_id = p_installation AND EXISTS (SELECT FROM chosen))
	SELECT s.command_id FROM stored s ORDER BY s.requested_at;
END $$;
COMMENT ON FUNCTION command_put_many IS 'Store a command for every switch of a room or a location, in one statement';

-- All on / all off, of a room (name or id, '' for devices in no room), of a location, or of everything.  Switches that are
-- in that state already, and have no command open, are left out, for each call costs; so are locations that wait to be
-- linked again.
CREATE FUNCTION command_request_many(p_user bigint, p_command text, p_room text, p_installation text, p_wait_ms integer)
RETURNS TABLE (command_id uuid, installation_id text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_installation text;
	v_seq          bigint;
BEGIN
	FOR v_installation, v_seq IN
		SELECT i.installation_id, i.seq + 1 FROM installation i
		WHERE i.installation_id IN (SELECT a.installation_id FROM access a WHERE a.user_id = p_user)
			AND i.status IN ('linking', 'active')
			AND (p_installation IS NULL OR i.installation_id = p_installation)
		ORDER BY i.installation_id FOR NO KEY UPDATE
	LOOP
		RETURN QUERY SELECT m.id, v_installation
			FROM command_put_many(p_user, v_installation, v_seq, p_room, p_command, p_wait_ms) WITH ORDINALITY AS m (id, n)
			ORDER BY m.n;
		PERFORM command_ask(v_installation);
	END LOOP;
END $$;
COMMENT ON FUNCTION command_request_many IS 'Take a command for every switch of a room, a location or a user';

-- Of each switch the oldest command that is not answered: the next one of it waits for that.  due: it may be sent now;
-- next_at: when to look at it again.
CREATE FUNCTION command_first(p_installation text)
RETURNS TABLE (command_id uuid, device_id text, requested_at timestamptz, due boolean, next_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 10 SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT f.command_id, f.device_id::text, f.requested_at, f.next_at <= now() AND f.deadline_at > now(), f.next_at
	FROM (SELECT DISTINCT ON (c.device_id, c.component) c.command_id, c.device_id, c.requested_at, c.deadline_at,
			greatest(c.run_at, c.claimed_until, (SELECT p.ends_at FROM pause p WHERE p.installation_id = c.installation_id
				AND p.kind = 'command' AND p.device_id = c.device_id)) AS next_at
		FROM command c WHERE c.installation_id = p_installation AND c.status IN ('requested', 'sent')
		ORDER BY c.device_id, c.component, c.requested_at, c.command_id) f;
END $$;
COMMENT ON FUNCTION command_first IS 'The next command of each switch of an installation';

-- The commands of few devices at a time (p_each, over all workers), oldest first, never two of one switch.  All that is
-- due of a device goes together: it shares a request, and the platform counts requests for each device.  A lease that ran
-- out (its worker died) is taken over: on, off and setLevel name the wanted state, so sending one again does no harm.
-- The deadline of a command counts from its first sending: until then it may wait longer (command_put()).
CREATE FUNCTION command_take(p_worker text, p_installation text, p_limit integer, p_each integer)
RETURNS TABLE (installation_id text, command_id uuid, device_id text, component text, command text, level integer,
	attempts integer, left_ms bigint)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH ranked AS MATERIALIZED (
		SELECT o.command_id, o.requested_at, dense_rank() OVER (ORDER BY o.first_at, o.device_id) AS position
		FROM (SELECT f.*, min(f.requested_at) OVER (PARTITION BY f.device_id) AS first_at
			FROM command_first(p_installation) f WHERE f.due) o),
	taken AS MATERIALIZED (
		SELECT c.command_id FROM ranked r
		JOIN command c ON c.installation_id = p_installation AND c.command_id = r.command_id
		WHERE r.position <= p_each - (SELECT count(DISTINCT b.device_id) FROM command b
				WHERE b.installation_id = p_installation AND b.claimed_until >= now())
			-- Still requested or sent, written so that the index of all open commands does not match.
			AND c.accepted_at IS NULL AND c.finished_at IS NULL AND (c.claimed_until IS NULL OR c.claimed_until < now())
		ORDER BY r.position, r.requested_at LIMIT p_limit
		FOR UPDATE OF c SKIP LOCKED)
	UPDATE command c SET status = 'sent', sent_at = now(), claimed_by = p_worker,
		claimed_until = now() + policy_command_lease(), attempts = c.attempts + 1, rests_at = NULL,
		deadline_at = CASE WHEN c.attempts = 0 THEN now() + policy_command_send() ELSE c.deadline_at END
	FROM taken t WHERE c.installation_id = p_installation AND c.command_id = t.command_id
	RETURNING c.installation_id::text, c.command_id, c.device_id::text, c.component::text, c.command, c.level,
		c.attempts, (extract(epoch FROM c.deadline_at - now()) * 1000)::bigint;
END $$;
COMMENT ON FUNCTION command_take IS 'Give a worker commands of one installation to send';

-- When something waits only for others of the installation to be answered, their answer calls for the next turn.
CREATE FUNCTION command_end_turn(p_installation text, p_each integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_next timestamptz;
BEGIN
	SELECT min(CASE WHEN f.due AND b.full THEN now() + policy_command_lease()
			WHEN f.due OR f.next_at > now() THEN greatest(f.next_at, now())
			ELSE now() + interval '5 seconds' END) INTO v_next -- its deadline has passed: command_fail_overdue() fails it
		FROM command_first(p_installation) f, (SELECT count(DISTINCT c.device_id) >= p_each AS full FROM command c
			WHERE c.installation_id = p_installation AND c.claimed_until >= now()) b;
	IF v_next IS NULL THEN
		DELETE FROM work w WHERE w.installation_id = p_installation AND w.kind = 'command';
	ELSE
		UPDATE work w SET run_at = v_next WHERE w.installation_id = p_installation AND w.kind = 'command';
	END IF;
END $$;
COMMENT ON FUNCTION command_end_turn IS 'Say when an installation has its next turn of sending commands, if it needs one';

-- Each installation has a turn, the longest due first; with more to send it goes to the end of the queue.  p_each: how
-- many devices of one have a command on its way at a time; p_alone: as long as no other has any.
CREATE FUNCTION command_claim(p_worker text, p_limit integer, p_each integer, p_alone integer)
RETURNS TABLE (installation_id text, command_id uuid, device_id text, component text, command text, level integer,
	attempts integer, left_ms bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	v_left  integer := p_limit;
	v_taken integer;
	v_each  integer := p_each;
	v_turns text[];
	v_id    text;
BEGIN
	v_turns := ARRAY(SELECT w.installation_id FROM work w WHERE w.waits_for IS NULL AND w.priority = 0
		AND w.kind = 'command' AND w.run_at <= now() ORDER BY w.run_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
	IF cardinality(v_turns) = 1 AND NOT EXISTS (SELECT 1 FROM command c WHERE c.claimed_until >= now()
		AND c.installation_id <> v_turns[1]) THEN
		v_each := p_alone;
	END IF;
	FOREACH v_id IN ARRAY v_turns LOOP
		EXIT WHEN v_left <= 0;
		RETURN QUERY SELECT * FROM command_take(p_worker, v_id, v_left, v_each);
		GET DIAGNOSTICS v_taken = ROW_COUNT;
		v_left := v_left - v_taken;
		PERFORM command_end_turn(v_id, v_each);
	END LOOP;
END $$;
COMMENT ON FUNCTION command_claim IS 'Give a worker commands to send';

-- Nothing when no command waits to be sent, as usual.
CREATE FUNCTION command_next_turn(p_installation text, p_at timestamptz)
RETURNS void LANGUAGE sql AS $$
	UPDATE work w SET run_at = p_at WHERE w.installation_id = p_installation AND w.kind = 'command' AND w.subject = ''
		AND w.run_at > p_at
		AND EXISTS (SELECT 1 FROM command c WHERE c.installation_id = p_installation AND c.status = 'requested')
$$;
COMMENT ON FUNCTION command_next_turn IS 'A command was answered: what waited for it may be sent then';

-- After an answer of the platform at p_seq; or, when an event had confirmed the command before, only the lease ends.
CREATE FUNCTION command_answered(p_installation text, p_command uuid, p_seq bigint, p_changed boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF NOT p_changed THEN
		UPDATE command c SET claimed_by = NULL, claimed_until = NULL WHERE c.installation_id = p_installation
			AND c.command_id = p_command AND c.status = 'confirmed';
		PERFORM command_next_turn(p_installation, now());
		RETURN;
	END IF;
	UPDATE switch s SET seq = p_seq FROM command c WHERE c.installation_id = p_installation
		AND c.command_id = p_command AND s.installation_id = c.installation_id
		AND s.device_id = c.device_id AND s.component = c.component;
	UPDATE installation SET seq = p_seq WHERE installation_id = p_installation;
	PERFORM command_next_turn(p_installation, now());
END $$;
COMMENT ON FUNCTION command_answered IS 'Show on the page that the status of a command changed';

-- When the switch is in that state already the platform sends no event: confirmed at once.  Not while the event of an
-- older command is awaited, which may change the state.
CREATE FUNCTION command_accepted(p_installation text, p_command uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_seq bigint;
BEGIN
	SELECT i.seq + 1 INTO v_seq FROM installation i WHERE i.installation_id = p_installation FOR NO KEY UPDATE;
	UPDATE command c SET accepted_at = now(), claimed_by = NULL, claimed_until = NULL,
		status = CASE WHEN there.yes THEN 'confirmed' ELSE 'accepted' END,
		finished_at = CASE WHEN there.yes THEN now() END, seq = v_seq
	FROM (SELECT o.command_id, EXISTS (SELECT 1 FROM switch s WHERE s.installation_id = o.installation_id
			AND s.device_id = o.device_id AND s.component = o.component
			AND CASE o.command WHEN 'setLevel' THEN s.level = o.level AND (s.state = 'on' OR o.level = 0)
				ELSE s.state = o.command END)
			AND NOT EXISTS (SELECT 1 FROM command b WHERE b.installation_id = o.installation_id AND b.device_id = o.device_id
				AND b.component = o.component AND b.status = 'accepted' AND b.requested_at < o.requested_at) AS yes
		FROM command o WHERE o.installation_id = p_installation AND o.command_id = p_command) there
	WHERE c.installation_id = p_installation AND c.command_id = p_command AND c.status = 'sent';
	PERFORM command_answered(p_installation, p_command, v_seq, FOUND);
END $$;
COMMENT ON FUNCTION command_accepted IS 'Record that the platform took a command';

CREATE FUNCTION command_failed(p_installation text, p_command uuid, p_error text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_seq bigint;
BEGIN
	SELECT i.seq + 1 INTO v_seq FROM installation i WHERE i.installation_id = p_installation FOR NO KEY UPDATE;
	UPDATE command c SET status = 'failed', error = p_error, finished_at = now(), claimed_by = NULL,
		claimed_until = NULL, seq = v_seq
		WHERE c.installation_id = p_installation AND c.command_id = p_command
			AND c.status IN ('requested', 'sent', 'accepted');
	PERFORM command_answered(p_installation, p_command, v_seq, FOUND);
END $$;
COMMENT ON FUNCTION command_failed IS 'Record that a command failed, and why';

-- After a refusal that passes, or no answer.  Only its worker's call counts: another may have taken it over by now.  When
-- there is a newer command of its kind it is superseded, for that one would have to wait behind it.
CREATE FUNCTION command_retry(p_installation text, p_command uuid, p_worker text, p_delay_ms integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	-- As command_request() does: a newer command that is being stored is waited for, and seen.
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation FOR NO KEY UPDATE;
	PERFORM command_failed(c.installation_id, c.command_id, 'superseded') FROM command c
		WHERE c.installation_id = p_installation AND c.command_id = p_command AND c.status = 'sent'
			AND c.claimed_by = p_worker AND EXISTS (SELECT 1 FROM command n
				WHERE n.installation_id = c.installation_id AND n.device_id = c.device_id
				AND n.component = c.component AND n.status = 'requested'
				AND (n.command = 'setLevel') = (c.command = 'setLevel') AND n.requested_at > c.requested_at);
	UPDATE command SET status = CASE status WHEN 'sent' THEN 'requested' ELSE status END, claimed_by = NULL,
		claimed_until = NULL, run_at = now() + make_interval(secs => p_delay_ms / 1000.0)
	WHERE installation_id = p_installation AND command_id = p_command AND status IN ('sent', 'confirmed')
		AND claimed_by = p_worker;
	PERFORM command_next_turn(p_installation, now() + make_interval(secs => p_delay_ms / 1000.0));
END $$;
COMMENT ON FUNCTION command_retry IS 'Put a command back for a later try';

-- Of on, off, on the first "on" is the answer to the first: the last one waits for its own.  For an event from before it
-- was sent only: that of the last one may overtake the others.
CREATE FUNCTION command_is_for_later(c command, p_value text)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT EXISTS (SELECT 1 FROM command b JOIN command a ON a.installation_id = b.installation_id
			AND a.device_id = b.device_id AND a.component = b.component AND a.requested_at < b.requested_at
		WHERE b.installation_id = c.installation_id AND b.device_id = c.device_id AND b.component = c.component
			AND b.requested_at < c.requested_at AND b.status IN ('sent', 'accepted')
			AND b.command NOT IN (p_value, 'setLevel')
			AND a.status IN ('sent', 'accepted') AND a.command = p_value)
$$;
COMMENT ON FUNCTION command_is_for_later IS 'Does an event on or off answer an older command than this one';

-- Does the level of its switch, as it is stored, answer a setLevel.
CREATE FUNCTION command_has_level(c command)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT EXISTS (SELECT 1 FROM switch s WHERE s.installation_id = c.installation_id AND s.device_id = c.device_id
		AND s.component = c.component AND abs(s.level - c.level) <= policy_level_rounding())
$$;
COMMENT ON FUNCTION command_has_level IS 'Has a switch the level that a command requested';

-- The state or level that a command requested.  "on" answers a setLevel to the level that the lamp had before: it reports
-- nothing else.  Another level is one on the way to it, or how the device rounds: see command_overdue().  p_at: the latest that
-- the time of the event can be.  p_late: its time, when a newer one had overtaken it; then only a command that was sent before it can be meant.
CREATE FUNCTION command_confirm(p_installation text, p_device text, p_component text,
	p_attribute text, p_value text, p_seq bigint, p_at timestamptz, p_late timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_level integer := CASE p_attribute WHEN 'level' THEN round(p_value::numeric) END;
BEGIN
	UPDATE command c SET status = 'confirmed', finished_at = now(), seq = p_seq
	WHERE c.installation_id = p_installation AND c.device_id = p_device AND c.component = p_component
		AND c.status IN ('sent', 'accepted')
		AND (p_late IS NULL OR date_trunc('second', c.sent_at AT TIME ZONE 'UTC') <= p_late AT TIME ZONE 'UTC')
		AND CASE
			WHEN p_attribute = 'level' THEN c.command = 'setLevel' AND c.level = v_level
			WHEN c.command <> 'setLevel' THEN c.command = p_value AND (p_at >= c.sent_at OR NOT command_is_for_later(c, p_value))
			WHEN p_value = 'off' THEN c.level = 0
			ELSE c.level > 0 AND command_has_level(c) END;
	IF NOT FOUND AND p_attribute = 'level' AND p_late IS NULL THEN
		UPDATE command c SET rests_at = now() + CASE WHEN abs(c.level - v_level) <= policy_level_rounding()
			THEN policy_ramp_pause() ELSE policy_ramp_rest() END
		WHERE c.installation_id = p_installation AND c.device_id = p_device AND c.component = p_component
			AND c.status IN ('sent', 'accepted') AND c.command = 'setLevel';
		RETURN false;
	END IF;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION command_confirm IS 'Mark the commands that an event answers as confirmed';

-- Accepted and no event within p_confirm_ms, or neither sent nor answered before its deadline.  No event comes for a command
-- that found its state there already; if a newer one has been confirmed since, the older is superseded and no failure to show.
-- The first of each installation, then the second of each, and so on: one whose row is locked takes no room from the others.
-- "obeyed" is no failure: the levels that a dimmer reported have come to rest, or its level is the requested one, rounded.
-- Plans as for command_first().
CREATE FUNCTION command_overdue(p_confirm_ms integer)
RETURNS TABLE (installation_id text, command_id uuid, error text)
LANGUAGE plpgsql STABLE ROWS 10 SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH answered AS MATERIALIZED (
		SELECT n.installation_id, n.device_id, n.component, n.command, n.requested_at, n.finished_at FROM command n
		WHERE n.status = 'confirmed'
			AND n.finished_at >= (SELECT min(o.requested_at) FROM command o WHERE o.status = 'accepted'))
	SELECT o.installation_id, o.command_id, o.error FROM (
		SELECT a.*, row_number() OVER (PARTITION BY a.installation_id ORDER BY a.error) AS turn FROM (
			SELECT x.installation_id::text, x.command_id, 'superseded' AS error
			FROM answered n JOIN command x ON x.installation_id = n.installation_id AND x.device_id = n.device_id
				AND x.component = n.component AND (x.command = 'setLevel') = (n.command = 'setLevel')
				AND x.requested_at < n.requested_at
			WHERE x.status = 'accepted' AND x.accepted_at < now() - interval '2 seconds'
			UNION ALL
			SELECT x.installation_id::text, x.command_id, CASE WHEN x.status <> 'accepted' THEN 'expired'
				WHEN x.rests_at IS NOT NULL OR (x.command = 'setLevel' AND command_has_level(x)) THEN 'obeyed'
				ELSE 'unconfirmed' END
			FROM command x
			WHERE (x.status = 'accepted' AND x.rests_at < now())
				OR (x.status = 'accepted' AND x.rests_at IS NULL
					AND x.accepted_at < now() - make_interval(secs => p_confirm_ms / 1000.0))
				OR (x.status IN ('requested', 'sent') AND x.deadline_at < now()
					AND (x.claimed_until IS NULL OR x.claimed_until < now()))) AS a) AS o
	ORDER BY o.turn, o.installation_id LIMIT 500;
END $$;
COMMENT ON FUNCTION command_overdue IS 'Commands that got no answer in time, and how each ended';

CREATE FUNCTION command_obeyed(p_installation text, p_command uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_seq bigint;
BEGIN
	SELECT i.seq + 1 INTO v_seq FROM installation i WHERE i.installation_id = p_installation FOR NO KEY UPDATE;
	UPDATE command c SET status = 'confirmed', finished_at = now(), seq = v_seq
		WHERE c.installation_id = p_installation AND c.command_id = p_command AND c.status = 'accepted';
	PERFORM command_answered(p_installation, p_command, v_seq, FOUND);
END $$;
COMMENT ON FUNCTION command_obeyed IS 'Confirm a command that no single event answers';

-- p_commands and p_errors are of command_overdue().  False, at once: somebody else has locked the installation's row; it is
-- for the next time, as is a command that is locked.
CREATE FUNCTION command_fail_overdue(p_installation text, p_commands uuid[], p_errors text[])
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	o record;
BEGIN
	PERFORM 1 FROM installation i WHERE i.installation_id = p_installation FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	FOR o IN
		SELECT c.command_id, n.error FROM unnest(p_commands, p_errors) WITH ORDINALITY AS n (command_id, error, position)
		JOIN command c ON c.installation_id = p_installation AND c.command_id = n.command_id
		WHERE (n.error = 'expired') = (c.status IN ('requested', 'sent'))
			-- Another level may have been reported since.
			AND (n.error NOT IN ('obeyed', 'unconfirmed') OR c.rests_at IS NULL OR c.rests_at < now())
		ORDER BY n.position FOR UPDATE OF c SKIP LOCKED
	LOOP
		IF o.error = 'obeyed' THEN
			PERFORM command_obeyed(p_installation, o.command_id);
		ELSE
			PERFORM command_failed(p_installation, o.command_id, o.error);
		END IF;
	END LOOP;
	RETURN true;
END $$;
COMMENT ON FUNCTION command_fail_overdue IS 'End the commands of an installation that got no answer in time, unless its row is locked';

CREATE FUNCTION command_prune()
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	v_gone integer;
BEGIN
	DELETE FROM command x USING (SELECT c.installation_id, c.command_id FROM command c
			WHERE c.finished_at < now() - interval '7 days' ORDER BY c.finished_at LIMIT 5000 FOR UPDATE SKIP LOCKED) old
		WHERE x.installation_id = old.installation_id AND x.command_id = old.command_id;
	GET DIAGNOSTICS v_gone = ROW_COUNT;
	RETURN v_gone;
END $$;
COMMENT ON FUNCTION command_prune IS 'Delete some of the commands that are past their time; gives how many';

CREATE VIEW command_latency AS
	SELECT c.requested_at, i.location_name AS location, coalesce(d.name, c.device_id) AS device, c.component, c.command,
		c.level, c.status, c.error, c.attempts,
		round(extract(epoch FROM c.sent_at - c.requested_at) * 1000) AS sent_ms,
		round(extract(epoch FROM c.accepted_at - c.requested_at) * 1000) AS accepted_ms,
		round(extract(epoch FROM c.finished_at - c.requested_at) * 1000) AS finished_ms
	FROM command c JOIN installation i ON i.installation_id = c.installation_id
	LEFT JOIN device d ON d.installation_id = c.installation_id AND d.device_id = c.device_id
	ORDER BY c.requested_at DESC;
COMMENT ON VIEW command_latency IS 'Commands and how long each step took, newest first';

GRANT EXECUTE ON FUNCTION command_request, command_request_many TO switchboard_dashboard;
GRANT EXECUTE ON FUNCTION command_waits TO switchboard_dashboard, switchboard_worker;
GRANT SELECT ON command_pending TO switchboard_dashboard;
GRANT EXECUTE ON FUNCTION command_first, command_take, command_end_turn, command_claim, command_next_turn, command_answered, command_accepted, command_failed, command_retry,
	command_confirm, command_is_for_later, command_has_level, command_obeyed, command_overdue, command_fail_overdue, command_prune TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON command TO switchboard_worker;
GRANT SELECT ON command_latency TO switchboard_reader;
