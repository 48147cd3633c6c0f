-- Clicks: from the page to the platform and back.
SET LOCAL search_path = switchboard;

-- Take one command for a switch of this installation, whose row the caller
-- has locked.  An older one of the same kind that no worker has taken yet is
-- superseded: only the last wish matters.
CREATE FUNCTION command_put(p_user bigint, p_installation text, p_seq bigint, p_device text, p_component text,
	p_command text, p_level integer)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	v_id uuid;
BEGIN
	UPDATE command SET status = 'failed', error = 'superseded', finished_at = now(), seq = p_seq
		WHERE installation_id = p_installation AND device_id = p_device AND component = p_component
			AND status = 'requested' AND (command = 'setLevel') = (p_command = 'setLevel');
	INSERT INTO command (installation_id, device_id, component, command, level, user_id, seq)
		VALUES (p_installation, p_device, p_component, p_command, p_level, p_user, p_seq)
		RETURNING command_id INTO v_id;
	UPDATE switch SET seq = p_seq WHERE installation_id = p_installation AND device_id = p_device
		AND component = p_component;
	UPDATE installation SET seq = p_seq WHERE installation_id = p_installation;
	RETURN v_id;
END $$;
COMMENT ON FUNCTION command_put IS 'Store one command; supersedes an older one that was not sent';

-- A click on one switch.  No row: not one of this user's switches.  Outcomes: taken; no_level: it is
-- no dimmer; reconnect: the platform would refuse until its owner links the location again.
CREATE FUNCTION command_request(p_user bigint, p_device text, p_component text, p_command text, p_level integer)
RETURNS TABLE (command_id uuid, installation_id text, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_seq    bigint;
	v_level  boolean;
	v_status text;
BEGIN
	SELECT s.installation_id, s.has_level, i.status INTO installation_id, v_level, v_status
		FROM switch s JOIN installation i ON i.installation_id = s.installation_id
		WHERE i.user_id = p_user AND i.status <> 'removed' AND s.device_id = p_device AND s.component = p_component;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF p_command = 'setLevel' AND NOT v_level THEN
		outcome := 'no_level';
		RETURN NEXT;
		RETURN;
	END IF;
	IF v_status = 'needs_reauth' THEN
		outcome := 'reconnect';
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT i.seq + 1 INTO v_seq FROM installation i
		WHERE i.installation_id = command_request.installation_id AND i.status <> 'removed' FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	command_id := command_put(p_user, installation_id, v_seq, p_device, p_component, p_command, p_level);
	outcome := 'taken';
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION command_request IS 'Take a command for one switch of this user';

-- All on / all off, of a room (name or id, '' for devices in no room), of a
-- location, or of everything.  Switches that are in that state already, and
-- have nothing else waiting, are left alone: each call costs.  So are locations that wait to be linked again.
CREATE FUNCTION command_request_many(p_user bigint, p_command text, p_room text, p_installation text)
RETURNS TABLE (command_id uuid, installation_id text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_seq bigint;
	s     record;
BEGIN
	FOR installation_id, v_seq IN
		SELECT i.installation_id, i.seq + 1 FROM installation i
		WHERE i.user_id = p_user AND i.status IN ('linking', 'active')
			AND (p_installation IS NULL OR i.installation_id = p_installation)
		ORDER BY i.installation_id FOR NO KEY UPDATE
	LOOP
		FOR s IN
			SELECT w.device_id, w.component FROM switch w
			JOIN device d ON d.installation_id = w.installation_id AND d.device_id = w.device_id
			LEFT JOIN room r ON r.installation_id = d.installation_id AND r.room_id = d.room_id
			WHERE w.installation_id = command_request_many.installation_id
				AND (p_room IS NULL OR p_room IN (r.name, r.room_id::text) OR (p_room = '' AND r.room_id IS NULL))
				AND (w.state IS DISTINCT FROM p_command OR EXISTS (SELECT 1 FROM command c
					WHERE c.installation_id = w.installation_id AND c.device_id = w.device_id
					AND c.component = w.component AND c.status IN ('requested', 'sent', 'accepted')))
			ORDER BY w.device_id, w.position
		LOOP
			command_id := command_put(p_user, installation_id, v_seq, s.device_id, s.component, p_command, NULL);
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
COMMENT ON FUNCTION command_request_many IS 'Take a command for every switch of a room, a location or a user';

-- Hand commands to a worker: those of few devices of each installation on the wire at a time
-- (p_each, over all workers), oldest first, never two of one switch at once.  All that is due of a device goes
-- together: it shares a request, and the platform counts requests for each device.  An event may confirm a command
-- before the platform answers: it is on the wire until then.  A claim that ran out (its worker died) is taken
-- over: on, off and setLevel say the wanted state, so sending again does no harm.
CREATE FUNCTION command_claim(p_worker text, p_limit integer, p_each integer)
RETURNS TABLE (installation_id text, command_id uuid, device_id text, component text, command text, level integer,
	attempts integer, left_ms bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH busy AS MATERIALIZED (
		SELECT c.installation_id, count(DISTINCT c.device_id) AS claims FROM command c
		WHERE c.claimed_until >= now() GROUP BY c.installation_id),
	due AS (
		SELECT o.installation_id, o.command_id, dense_rank() OVER (PARTITION BY o.installation_id
			ORDER BY o.first_at, o.device_id) AS place
		FROM (SELECT c.installation_id, c.command_id, c.device_id,
			min(c.requested_at) OVER (PARTITION BY c.installation_id, c.device_id) AS first_at
		FROM command c
		JOIN installation i ON i.installation_id = c.installation_id AND i.status IN ('linking', 'active')
		WHERE c.status IN ('requested', 'sent') AND c.run_at <= now() AND c.deadline_at > now()
			AND (c.claimed_until IS NULL OR c.claimed_until < now())
			AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.installation_id = c.installation_id
				AND p.kind = 'command' AND p.device_id = c.device_id AND p.ends_at > now())
			AND NOT EXISTS (SELECT 1 FROM command o WHERE o.installation_id = c.installation_id
				AND o.device_id = c.device_id AND o.component = c.component
				AND o.status IN ('requested', 'sent') AND o.command_id <> c.command_id
				AND (o.requested_at, o.command_id) < (c.requested_at, c.command_id))) o),
	taken AS (
		SELECT c.installation_id, c.command_id FROM command c
		JOIN due d ON d.installation_id = c.installation_id AND d.command_id = c.command_id
		LEFT JOIN busy b ON b.installation_id = c.installation_id
		WHERE d.place + coalesce(b.claims, 0) <= p_each AND c.status IN ('requested', 'sent')
			AND (c.claimed_until IS NULL OR c.claimed_until < now())
		ORDER BY d.place, c.requested_at LIMIT p_limit
		FOR UPDATE OF c SKIP LOCKED)
	UPDATE command c SET status = 'sent', sent_at = now(), claimed_by = p_worker,
		claimed_until = now() + interval '20 seconds', attempts = c.attempts + 1
	FROM taken t WHERE c.installation_id = t.installation_id AND c.command_id = t.command_id
	RETURNING c.installation_id::text, c.command_id, c.device_id::text, c.component::text, c.command, c.level,
		c.attempts,
		(extract(epoch FROM c.deadline_at - now()) * 1000)::bigint;
END $$;
COMMENT ON FUNCTION command_claim IS 'Give a worker commands to send';

-- The platform took a command.  When the switch is there already no event will come: confirmed at once.
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
				ELSE s.state = o.command END) AS yes
		FROM command o WHERE o.installation_id = p_installation AND o.command_id = p_command) there
	WHERE c.installation_id = p_installation AND c.command_id = p_command AND c.status = 'sent';
	IF NOT FOUND THEN
		-- An event confirmed it before the platform answered.
		UPDATE command c SET claimed_by = NULL, claimed_until = NULL WHERE c.installation_id = p_installation
			AND c.command_id = p_command AND c.status = 'confirmed';
		RETURN;
	END IF;
	UPDATE switch s SET seq = v_seq FROM command c WHERE c.installation_id = p_installation
		AND c.command_id = p_command AND s.installation_id = c.installation_id
		AND s.device_id = c.device_id AND s.component = c.component;
	UPDATE installation SET seq = v_seq WHERE installation_id = p_installation;
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
	IF NOT FOUND THEN
		-- An event confirmed it before the platform answered.
		UPDATE command c SET claimed_by = NULL, claimed_until = NULL WHERE c.installation_id = p_installation
			AND c.command_id = p_command AND c.status = 'confirmed';
		RETURN;
	END IF;
	UPDATE switch s SET seq = v_seq FROM command c WHERE c.installation_id = p_installation
		AND c.command_id = p_command AND s.installation_id = c.installation_id
		AND s.device_id = c.device_id AND s.component = c.component;
	UPDATE installation SET seq = v_seq WHERE installation_id = p_installation;
END $$;
COMMENT ON FUNCTION command_failed IS 'Record that a command failed, and why';

-- Not now: try again after the delay (a refusal that passes, or no answer).
-- A worker that says so late must not take the command from another that has it now.  When there is
-- a newer wish of its kind it is superseded: that one would have to wait behind it.
CREATE FUNCTION command_retry(p_installation text, p_command uuid, p_worker text, p_delay_ms integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
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
END $$;
COMMENT ON FUNCTION command_retry IS 'Put a command back for a later try';

-- Fail what took too long: accepted without an event for 10 s, not sent
-- within its deadline.  No event comes for a command that found its state
-- there already; if the switch has obeyed a newer one since, that is no
-- failure to report.  Gives the installations whose page changed.
CREATE FUNCTION command_expire()
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT x.installation_id, x.command_id, 'superseded' AS error
		FROM command x
		WHERE x.status = 'accepted' AND x.accepted_at < now() - interval '2 seconds'
			AND EXISTS (SELECT 1 FROM command n WHERE n.installation_id = x.installation_id
				AND n.device_id = x.device_id AND n.component = x.component
				AND (n.command = 'setLevel') = (x.command = 'setLevel') AND n.status = 'confirmed'
				AND n.finished_at >= x.requested_at AND n.requested_at > x.requested_at)
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
COMMENT ON FUNCTION command_expire IS 'Fail commands that got no answer in time';

-- What the page shows of a user's switches, in the order it shows them.
CREATE VIEW switch_page AS
	SELECT i.user_id, s.installation_id, s.device_id, s.component,
		CASE WHEN s.component = 'main' THEN d.name
			ELSE d.name || ' – ' || coalesce(nullif(s.label, ''), s.component) END AS label,
		r.name AS room, i.location_name AS location, s.state, s.has_level, s.level,
		coalesce(d.online, true) AS online,
		EXISTS (SELECT 1 FROM command c WHERE c.installation_id = s.installation_id
			AND c.device_id = s.device_id AND c.component = s.component
			AND c.status IN ('requested', 'sent', 'accepted')) AS pending,
		greatest(s.state_at, s.level_at) AS updated_at, s.seq, d.room_id, s.position,
		d.name AS device_name
	FROM switch s
	JOIN device d ON d.installation_id = s.installation_id AND d.device_id = s.device_id
	JOIN installation i ON i.installation_id = s.installation_id
	LEFT JOIN room r ON r.installation_id = d.installation_id AND r.room_id = d.room_id
	WHERE i.status <> 'removed';
COMMENT ON VIEW switch_page IS 'Switches as the page shows them';
