-- What a webhook does: one call, one round trip, one commit, whatever number of events it carries.

CREATE VIEW event_all AS
	SELECT * FROM event
	UNION ALL
	SELECT * FROM event_stray;
COMMENT ON VIEW event_all IS 'Every event, with a partition of its day or without';

-- In no order.  The first condition is the index of sql/tables/015; the comparison, which no index serves, is for switches that
-- have the same hash.  Whatever the statistics say, nothing else is read: the rows come from the index newest first, and
-- reading ends with the last of them that is wanted.
CREATE FUNCTION event_of_switch(p_installation text, p_device text, p_component text, p_since timestamptz)
RETURNS TABLE (event_time timestamptz, event_tick bigint, received_at timestamptz, attribute text, value jsonb)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
	v_hash bigint := hashtextextended(p_component, hashtextextended(p_device, hashtextextended(p_installation, 0)));
BEGIN
	RETURN QUERY
	SELECT e.event_time, e.event_tick, e.received_at, e.attribute, e.value FROM event_all e
	WHERE hashtextextended(e.component COLLATE "C", hashtextextended(e.device_id COLLATE "C", hashtextextended(e.installation_id, 0)))
			= v_hash AND e.event_time > p_since
		AND (e.installation_id, e.device_id, e.component) IS NOT DISTINCT FROM (p_installation, p_device, p_component)
		AND e.event_type = 'DEVICE_EVENT'
		AND (e.capability, e.attribute) IN (('switch', 'switch'), ('switchLevel', 'level'))
	ORDER BY e.event_time DESC LIMIT policy_history_events();
END $$;
COMMENT ON FUNCTION event_of_switch IS 'The newest events of the state and level of a switch since a time, at most policy_history_events()';

CREATE FUNCTION event_kind(p_type text, p_capability text, p_attribute text, p_value jsonb)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE
		WHEN p_type <> 'DEVICE_EVENT' THEN 'other'
		WHEN p_capability = 'switch' AND p_attribute = 'switch' AND p_value IN ('"on"', '"off"') THEN 'switch'
		WHEN p_capability = 'switchLevel' AND p_attribute = 'level' AND jsonb_typeof(p_value) = 'number' THEN
			CASE WHEN p_value::numeric BETWEEN 0 AND 100 THEN 'level' ELSE 'none' END
		ELSE 'none'
	END
$$;
COMMENT ON FUNCTION event_kind IS 'What an event sets: see event_change.kind';

CREATE FUNCTION event_to_change(p_seq bigint, p_installation text, p_at timestamptz, p_id uuid, p_tick bigint, p_type text,
	p_device text, p_component text, p_capability text, p_attribute text, p_value jsonb, p_detail jsonb, p_understood boolean)
RETURNS event_change LANGUAGE sql STABLE AS $$
	SELECT (p_installation, p_seq, CASE WHEN p_understood THEN event_kind(p_type, p_capability, p_attribute, p_value) ELSE 'none' END,
		CASE WHEN p_understood THEN p_device END, p_component, p_value #>> '{}', CASE WHEN stamp_is_credible(p_at) THEN p_at ELSE now() END,
		CASE WHEN stamp_is_credible(p_at) THEN p_tick END, p_id, p_type, p_at, p_tick, p_detail)::event_change
$$;
COMMENT ON FUNCTION event_to_change IS 'An event of the table as it is applied, at this seq';

-- As event_store(), for those of days without a partition.
CREATE FUNCTION event_store_stray(p_installations text[], p_events jsonb, p_known text[], p_seqs bigint[])
RETURNS event_change[] LANGUAGE plpgsql AS $$
DECLARE
	v_changes event_change[];
BEGIN
	WITH fresh AS (
		INSERT INTO event_stray AS e (installation_id, event_time, event_id, event_tick, event_type, device_id, component,
			capability, attribute, value, detail, understood, received_at)
		SELECT w.installation, n.at, n.id, n.tick, n.type, n.device, n.component, n.capability, n.attribute, n.value,
			n.detail, coalesce(n.understood, true), clock_timestamp()
		FROM unnest(p_installations) WITH ORDINALITY AS w (installation, position),
			jsonb_to_recordset(p_events -> (w.position::integer - 1)) AS n (at timestamptz, id uuid, tick bigint, type text,
				device text, component text, capability text, attribute text, value jsonb, detail jsonb, understood boolean)
		WHERE w.installation = ANY (p_known) AND NOT event_partition_takes(n.at)
		ON CONFLICT DO NOTHING
		RETURNING event_to_change(p_seqs[array_position(p_known, e.installation_id)], e.installation_id, e.event_time,
			e.event_id, e.event_tick, e.event_type, e.device_id, e.component, e.capability, e.attribute, e.value,
			e.detail, e.understood) AS change)
	SELECT coalesce(array_agg(f.change), '{}') INTO v_changes FROM fresh f;
	RETURN v_changes;
END $$;
COMMENT ON FUNCTION event_store_stray IS 'Store the events of webhooks that have no partition; gives those that were new';

-- p_events holds an array of events for each of p_installations.  Those of installations in p_known are stored, whose rows
-- the caller has locked; p_seqs are their seqs.  Gives what was new, in order of arrival.
CREATE FUNCTION event_store(p_installations text[], p_events jsonb, p_known text[], p_seqs bigint[])
RETURNS event_change[] LANGUAGE plpgsql AS $$
DECLARE
	v_changes event_change[];
BEGIN
	WITH fresh AS (
		INSERT INTO event AS e (installation_id, event_time, event_id, event_tick, event_type, device_id, component,
			capability, attribute, value, detail, understood, received_at)
		SELECT w.installation, n.at, n.id, n.tick, n.type, n.device, n.component, n.capability, n.attribute, n.value,
			n.detail, coalesce(n.understood, true), clock_timestamp() -- each has its own: event_apply_since() sorts by it
		FROM unnest(p_installations) WITH ORDINALITY AS w (installation, position),
			jsonb_to_recordset(p_events -> (w.position::integer - 1)) AS n (at timestamptz, id uuid, tick bigint, type text,
				device text, component text, capability text, attribute text, value jsonb, detail jsonb, understood boolean)
		WHERE w.installation = ANY (p_known) AND event_partition_takes(n.at)
		ON CONFLICT DO NOTHING
		RETURNING event_to_change(p_seqs[array_position(p_known, e.installation_id)], e.installation_id, e.event_time,
			e.event_id, e.event_tick, e.event_type, e.device_id, e.component, e.capability, e.attribute, e.value,
			e.detail, e.understood) AS change)
	SELECT coalesce(array_agg(f.change), '{}') INTO v_changes FROM fresh f;
	IF cardinality(v_changes) < (SELECT sum(jsonb_array_length(w.events)) FROM jsonb_array_elements(p_events) AS w (events)) THEN
		RETURN v_changes || event_store_stray(p_installations, p_events, p_known, p_seqs);
	END IF;
	RETURN v_changes;
END $$;
COMMENT ON FUNCTION event_store IS 'Store the events of webhooks; gives those that were new';

-- No two of the changes are of one switch.  One that is older than the switch's state sets nothing.
CREATE FUNCTION event_set_switches(p_changes event_change[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	v_done integer;
BEGIN
	UPDATE switch s SET state = n.value, state_at = n.at, state_tick = n.tick, state_stored_at = clock_timestamp(),
		seq = n.seq
	FROM unnest(p_changes) AS n
	WHERE n.kind = 'switch' AND s.installation_id = n.installation_id AND s.device_id = n.device_id
		AND s.component = n.component AND stamp_compare(n.at, n.tick, s.state_at, s.state_tick) >= 0;
	GET DIAGNOSTICS v_done = ROW_COUNT;
	RETURN v_done;
END $$;
COMMENT ON FUNCTION event_set_switches IS 'Set switches on or off as events say; gives how many';

CREATE FUNCTION event_set_levels(p_changes event_change[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	v_done integer;
BEGIN
	UPDATE switch s SET level = round(n.value::numeric), level_at = n.at, level_tick = n.tick,
		level_stored_at = clock_timestamp(), seq = n.seq
	FROM unnest(p_changes) AS n
	WHERE n.kind = 'level' AND s.installation_id = n.installation_id AND s.device_id = n.device_id
		AND s.component = n.component AND stamp_compare(n.at, n.tick, s.level_at, s.level_tick) >= 0;
	GET DIAGNOSTICS v_done = ROW_COUNT;
	RETURN v_done;
END $$;
COMMENT ON FUNCTION event_set_levels IS 'Set levels as events say; gives how many';

-- What follows from one change of kind switch or level after event_set_switches() and event_set_levels(): page; unknown,
-- when there is no such switch; or null.  p_applied: it certainly set its switch.
CREATE FUNCTION event_confirm(e event_change, p_applied boolean, p_pending boolean)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	-- Event times have whole seconds.
	v_at      CONSTANT timestamptz := CASE WHEN e.tick IS NULL THEN e.at + interval '999 milliseconds' ELSE stamp_time(e.at, e.tick) END;
	v_applied boolean := p_applied;
	v_known   boolean := true;
BEGIN
	IF NOT v_applied THEN
		-- The seq alone may be that of another event in the same commit.
		SELECT s.seq = e.seq AND CASE e.kind
			WHEN 'switch' THEN s.state_at = e.at AND s.state_tick IS NOT DISTINCT FROM e.tick
			ELSE s.level_at = e.at AND s.level_tick IS NOT DISTINCT FROM e.tick END
			INTO v_applied FROM switch s
			WHERE s.installation_id = e.installation_id AND s.device_id = e.device_id AND s.component = e.component;
		v_known := FOUND;
	END IF;
	IF v_applied THEN
		IF p_pending THEN
			PERFORM command_confirm(e.installation_id, e.device_id, e.component, e.kind, e.value, e.seq, v_at, NULL);
		END IF;
		RETURN 'page';
	END IF;
	-- A newer event overtook it, or its switch is gone, but a command may have been waiting for just this.
	IF p_pending AND command_confirm(e.installation_id, e.device_id, e.component, e.kind, e.value, e.seq, v_at, e.at) THEN
		UPDATE switch s SET seq = e.seq
			WHERE s.installation_id = e.installation_id AND s.device_id = e.device_id AND s.component = e.component;
		RETURN 'page';
	END IF;
	RETURN CASE WHEN NOT v_known THEN 'unknown' END;
END $$;
COMMENT ON FUNCTION event_confirm IS 'Confirm the commands that a change of a switch answers, and say what follows from it';

-- Changes of kinds switch and level, no two of one switch.  p_pending: there may be commands that they answer.
CREATE FUNCTION event_apply_switches(p_changes event_change[], p_pending boolean)
RETURNS TABLE (installation_id text, effect text) LANGUAGE plpgsql AS $$
DECLARE
	e      event_change;
	v_done integer := event_set_switches(p_changes) + event_set_levels(p_changes);
BEGIN
	FOREACH e IN ARRAY p_changes LOOP
		installation_id := e.installation_id;
		effect := event_confirm(e, v_done = cardinality(p_changes), p_pending);
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION event_apply_switches IS 'Apply changes of different switches; gives what follows from each (event_confirm)';

-- All events of a request are stored before the first is applied.
CREATE FUNCTION event_heard_since(p_installation text, p_device text, p_at timestamptz, p_tick bigint)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT max(stamp_time(o.event_time, o.event_tick)) FROM event o WHERE o.installation_id = p_installation
		AND o.event_time >= greatest(date_bin('1 second', p_at, '1970-01-01 00:00Z'), now() - interval '1 day')
		AND o.device_id = p_device AND o.event_type = 'DEVICE_EVENT' AND o.understood
		AND stamp_is_credible(o.event_time, o.received_at) AND stamp_compare(o.event_time, o.event_tick, p_at, p_tick) > 0
$$;
COMMENT ON FUNCTION event_heard_since IS 'When did the device itself report something after this, in the last day; null: it did not';

-- Whatever a device reports shows that it is online.  Its other switches change on the page too.  plpgsql, for it keeps the
-- plan: many installations have a device that is offline.
CREATE FUNCTION event_end_offline(p_changes event_change[])
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	v_shown text[];
BEGIN
	WITH heard AS (
		SELECT DISTINCT ON (n.installation_id, n.device_id) n.installation_id, n.device_id, n.seq, n.at, n.tick
		FROM unnest(p_changes) AS n WHERE n.event_type = 'DEVICE_EVENT'
		ORDER BY n.installation_id, n.device_id, n.at DESC, n.tick DESC NULLS LAST),
	back AS (
		UPDATE device d SET online = true, health_at = h.at, health_tick = h.tick, health_stored_at = clock_timestamp(),
			heard_at = stamp_time(h.at, h.tick)
		FROM heard h
		WHERE d.installation_id = h.installation_id AND d.device_id = h.device_id AND NOT d.online
			AND stamp_compare(h.at, h.tick, d.health_at, d.health_tick) >= 0
		RETURNING d.installation_id, d.device_id, h.seq),
	shown AS (
		UPDATE switch s SET seq = b.seq FROM back b
		WHERE s.installation_id = b.installation_id AND s.device_id = b.device_id
		RETURNING s.installation_id)
	SELECT coalesce(array_agg(DISTINCT s.installation_id::text), '{}') INTO v_shown FROM shown s;
	RETURN v_shown;
END $$;
COMMENT ON FUNCTION event_end_offline IS 'Devices that report something are not offline; gives the installations whose page changed';

-- page: what the page shows changed; structure: devices did; sync: a sync of the devices is needed; gone: the installation
-- was removed; null: nothing follows.
CREATE FUNCTION event_apply_other(e event_change)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_heard_at timestamptz;
BEGIN
	CASE e.event_type
	WHEN 'DEVICE_HEALTH_EVENT' THEN
		IF e.value <> 'ONLINE' THEN
			v_heard_at := event_heard_since(e.installation_id, e.device_id, e.at, e.tick);
		END IF;
		UPDATE device d SET online = e.value = 'ONLINE' OR v_heard_at IS NOT NULL, health_at = e.at, health_tick = e.tick,
			health_stored_at = clock_timestamp(), heard_at = coalesce(v_heard_at, d.heard_at)
		WHERE d.installation_id = e.installation_id AND d.device_id = e.device_id
			AND e.value IN ('ONLINE', 'OFFLINE', 'UNHEALTHY')
			AND stamp_compare(e.at, e.tick, d.health_at, d.health_tick) >= 0;
		IF FOUND THEN
			UPDATE switch s SET seq = e.seq WHERE s.installation_id = e.installation_id AND s.device_id = e.device_id;
			RETURN 'page';
		END IF;
	WHEN 'DEVICE_LIFECYCLE_EVENT' THEN
		-- Not when the device came back since: a delete may arrive late.
		IF e.value IN ('DELETE', 'MOVE_FROM') AND NOT EXISTS (SELECT 1 FROM event_all o
			WHERE o.installation_id = e.installation_id AND o.event_time >= e.event_time AND o.device_id = e.device_id
				AND o.event_type = e.event_type AND o.value #>> '{}' IN ('CREATE', 'MOVE_TO')
				AND stamp_compare(o.event_time, o.event_tick, e.event_time, e.event_tick) > 0) THEN
			DELETE FROM device d WHERE d.installation_id = e.installation_id AND d.device_id = e.device_id;
			RETURN CASE WHEN FOUND THEN 'structure' END;
		END IF;
		RETURN 'sync';
	WHEN 'LOCATION_LIFECYCLE_EVENT' THEN
		UPDATE installation i SET location_read_at = NULL WHERE i.installation_id = e.installation_id;
		RETURN 'sync';
	WHEN 'INSTALLED_APP_LIFECYCLE_EVENT' THEN
		RETURN CASE WHEN e.value = 'DELETE'
			AND coalesce(e.detail ->> 'installedAppId', e.installation_id) = e.installation_id THEN 'gone' END;
	ELSE
		NULL;
	END CASE;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION event_apply_other IS 'Apply one event that sets nothing of a switch; gives what follows from it';

CREATE FUNCTION event_apply_one(e event_change, p_pending boolean)
RETURNS TABLE (installation_id text, effect text) LANGUAGE plpgsql AS $$
BEGIN
	IF e.kind IN ('switch', 'level') THEN
		RETURN QUERY SELECT * FROM event_apply_switches(ARRAY[e], p_pending);
	ELSIF e.kind = 'other' THEN
		RETURN QUERY SELECT e.installation_id, event_apply_other(e);
	END IF;
END $$;
COMMENT ON FUNCTION event_apply_one IS 'Apply one change of any kind; gives what follows from it';

-- Changes of switches, of installations with nothing else, are applied together: the first of each switch, then the second
-- of those that have one, and so on.  Round 0 is the rest, one by one.
CREATE FUNCTION event_apply_all(p_changes event_change[], p_pending boolean)
RETURNS TABLE (installation_id text, effect text) LANGUAGE plpgsql AS $$
DECLARE
	r record;
	e event_change;
BEGIN
	IF cardinality(p_changes) = 1 THEN
		RETURN QUERY SELECT * FROM event_apply_one(p_changes[1], p_pending);
		RETURN;
	END IF;
	FOR r IN
		SELECT CASE WHEN o.plain THEN o.round ELSE 0 END AS round, array_agg(o.n ORDER BY o.position) AS changes
		FROM (SELECT m.n, m.position, bool_and((m.n).kind <> 'other') OVER (PARTITION BY (m.n).installation_id) AS plain,
				row_number() OVER (PARTITION BY (m.n).installation_id, (m.n).device_id, (m.n).component
					ORDER BY m.position) AS round
			FROM (SELECT n, row_number() OVER () AS position FROM unnest(p_changes) AS n) m WHERE (m.n).kind <> 'none') o
		GROUP BY 1 ORDER BY 1 LOOP
		IF r.round > 0 THEN
			RETURN QUERY SELECT * FROM event_apply_switches(r.changes, p_pending);
		ELSE
			FOREACH e IN ARRAY r.changes LOOP
				RETURN QUERY SELECT * FROM event_apply_one(e, p_pending);
			END LOOP;
		END IF;
	END LOOP;
END $$;
COMMENT ON FUNCTION event_apply_all IS 'Apply changes of any kind; gives what follows from each';

-- What came while a sync read its lists may have found no row to change, and a device deleted meanwhile may be in them.
-- Other lifecycle events have queued a sync.  A device that is in a list read after its deletion may have come back, or the
-- clocks differ: another sync shows which.
CREATE FUNCTION event_apply_since(p_installation text, p_seq bigint, p_since timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	e           record;
	v_change    event_change;
	v_effect    text;
	v_structure boolean := false;
BEGIN
	FOR e IN SELECT * FROM event_all v WHERE v.installation_id = p_installation AND v.received_at >= p_since
		AND (v.event_type IN ('DEVICE_EVENT', 'DEVICE_HEALTH_EVENT')
			OR (v.event_type = 'DEVICE_LIFECYCLE_EVENT' AND v.value #>> '{}' IN ('DELETE', 'MOVE_FROM')))
		AND v.event_time > p_since - interval '1 day' ORDER BY v.received_at, v.event_time, v.event_tick
	LOOP
		v_change := event_to_change(p_seq, e.installation_id, e.event_time, e.event_id, e.event_tick, e.event_type,
			e.device_id, e.component, e.capability, e.attribute, e.value, e.detail, e.understood);
		PERFORM event_end_offline(ARRAY[v_change]);
		SELECT a.effect INTO v_effect FROM event_apply_one(v_change, true) a;
		IF v_effect = 'structure' THEN
			v_structure := true;
			PERFORM work_put(p_installation, 'device_sync', 1) WHERE e.event_time < date_trunc('second', p_since);
		END IF;
	END LOOP;
	RETURN v_structure;
END $$;
COMMENT ON FUNCTION event_apply_since IS 'Apply the latest events of switches and devices again, in the order they came; true when a device went';

-- One that two of the webhooks brought is the first one's.
CREATE FUNCTION event_count_new(p_installations text[], p_events jsonb, p_known text[], p_changes event_change[])
RETURNS integer[] LANGUAGE plpgsql STABLE AS $$
DECLARE
	v_sent integer[];
BEGIN
	v_sent := ARRAY(SELECT CASE WHEN w.installation = ANY (p_known)
			THEN jsonb_array_length(p_events -> (w.position::integer - 1)) ELSE 0 END
		FROM unnest(p_installations) WITH ORDINALITY AS w (installation, position) ORDER BY w.position);
	IF (SELECT coalesce(sum(n), 0) FROM unnest(v_sent) AS n) = cardinality(p_changes) THEN
		RETURN v_sent;
	END IF;
	RETURN ARRAY(SELECT count(first.position)::integer
		FROM unnest(p_installations) WITH ORDINALITY AS w (installation, position)
		LEFT JOIN (SELECT min(b.position) AS position
			FROM unnest(p_installations) WITH ORDINALITY AS b (installation, position),
				jsonb_to_recordset(p_events -> (b.position::integer - 1)) AS n (at timestamptz, id uuid)
			JOIN unnest(p_changes) AS f ON f.event_time = n.at AND f.event_id = n.id
			WHERE f.installation_id = b.installation
			GROUP BY f.installation_id, f.event_time, f.event_id) first ON first.position = w.position
		GROUP BY w.position ORDER BY w.position);
END $$;
COMMENT ON FUNCTION event_count_new IS 'Of each webhook, how many of its events were new';

-- The seqs of all installations in p_known were counted up by event_ingest(): where nothing changed they go back.
CREATE FUNCTION event_finish(p_known text[], p_page text[], p_structure text[], p_sync text[], p_unknown text[], p_gone text[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE installation i SET seq = CASE WHEN i.installation_id = ANY (p_page) THEN i.seq ELSE i.seq - 1 END,
		structure_seq = CASE WHEN i.installation_id = ANY (p_structure) THEN i.seq ELSE i.structure_seq END
		WHERE i.installation_id = ANY (p_known)
			AND (i.installation_id <> ALL (p_page) OR i.installation_id = ANY (p_structure));
	PERFORM installation_erase(g.id, false) FROM (SELECT DISTINCT unnest(p_gone)) AS g (id);
	PERFORM work_put(i.installation_id, 'device_sync', 1, greatest(sync_earliest(i.installation_id),
			CASE WHEN i.installation_id <> ALL (p_sync) THEN i.synced_at + policy_unknown_switch_pause() END) - now())
		FROM installation i WHERE i.installation_id = ANY (p_sync || p_unknown) AND i.installation_id <> ALL (p_gone);
END $$;
COMMENT ON FUNCTION event_finish IS 'Do for installations what follows from their events';

-- What event_ingest() does when it is not all about switches: p_changes are the new events, p_online the installations of
-- event_end_offline().
CREATE FUNCTION event_apply(p_installations text[], p_events jsonb, p_notify boolean, p_known text[], p_pending boolean,
	p_changes event_change[], p_online text[])
RETURNS TABLE (known boolean, stored integer, page boolean, work boolean, removed boolean)
LANGUAGE plpgsql AS $$
DECLARE
	v_page      text[];
	v_structure text[];
	v_sync      text[];
	v_unknown   text[];
	v_gone      text[];
	v_new       integer[];
BEGIN
	SELECT coalesce(array_agg(a.installation_id) FILTER (WHERE a.effect IN ('page', 'structure')), '{}'),
			coalesce(array_agg(a.installation_id) FILTER (WHERE a.effect = 'structure'), '{}'),
			coalesce(array_agg(a.installation_id) FILTER (WHERE a.effect = 'sync'), '{}'),
			coalesce(array_agg(a.installation_id) FILTER (WHERE a.effect = 'unknown'), '{}'),
			coalesce(array_agg(a.installation_id) FILTER (WHERE a.effect = 'gone'), '{}')
		INTO v_page, v_structure, v_sync, v_unknown, v_gone FROM event_apply_all(p_changes, p_pending) a;
	v_page := v_page || p_online;
	IF NOT p_known <@ v_page OR cardinality(v_structure || v_sync || v_unknown || v_gone) > 0 THEN
		PERFORM event_finish(p_known, v_page, v_structure, v_sync, v_unknown, v_gone);
	END IF;
	IF p_notify AND p_installations[1] = ANY (v_page) THEN
		PERFORM pg_notify('switchboard_page', p_installations[1]);
	END IF;
	v_new := event_count_new(p_installations, p_events, p_known, p_changes);
	RETURN QUERY SELECT w.id = ANY (p_known), v_new[w.position], w.id = ANY (v_page || v_gone),
			w.id = ANY (v_sync || v_unknown) AND w.id <> ALL (v_gone), w.id = ANY (v_gone)
		FROM unnest(p_installations) WITH ORDINALITY AS w (id, position) ORDER BY w.position;
END $$;
COMMENT ON FUNCTION event_apply IS 'Apply new events of any kind, and answer for the webhooks that brought them';

-- As usual: each new event set a switch of its own, and all that was sent was new.  If not, event_apply() does all of it,
-- and what was set already is set once more.
CREATE FUNCTION event_apply_plain(p_events jsonb, p_changes event_change[])
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF cardinality(p_changes) = 1 THEN
		RETURN (p_changes[1]).kind = 'switch' AND event_set_switches(p_changes) = 1
			AND jsonb_array_length(p_events) = 1 AND jsonb_array_length(p_events -> 0) = 1;
	END IF;
	RETURN (SELECT bool_and(n.kind = 'switch') AND count(*) = count(DISTINCT (n.installation_id || ' ' || n.device_id
			|| ' ' || n.component) COLLATE "C") FROM unnest(p_changes) AS n)
		AND event_set_switches(p_changes) = cardinality(p_changes)
		AND (SELECT sum(jsonb_array_length(w.events)) = cardinality(p_changes) AND min(jsonb_array_length(w.events)) > 0
			FROM jsonb_array_elements(p_events) AS w (events));
END $$;
COMMENT ON FUNCTION event_apply_plain IS 'Apply changes that only set different switches; true when that is all there was to do';

-- The row locks put all changes of an installation in the order of their seq.  Several are taken in the order of the index,
-- whatever plan looks cheaper for a few (the settings of event_ingest): updated rows move about in their table, and two
-- batches would come to wait for each other.
-- Most calls are for one, which needs no list.
CREATE FUNCTION event_lock(p_installations text[], OUT known text[], OUT seqs bigint[], OUT pending boolean, OUT offline boolean)
LANGUAGE plpgsql AS $$
BEGIN
	IF cardinality(p_installations) = 1 THEN
		UPDATE installation i SET seq = i.seq + 1 WHERE i.installation_id = p_installations[1] AND i.status <> 'removed'
			RETURNING p_installations, ARRAY[i.seq], EXISTS (SELECT 1 FROM command c
				WHERE c.installation_id = i.installation_id AND c.status IN ('requested', 'sent', 'accepted')),
				EXISTS (SELECT 1 FROM device d WHERE d.installation_id = i.installation_id AND NOT d.online)
			INTO known, seqs, pending, offline;
	ELSE
		WITH taken AS (
			UPDATE installation i SET seq = i.seq + 1
			WHERE i.installation_id = ANY (p_installations) AND i.status <> 'removed'
			RETURNING i.installation_id::text AS id, i.seq, EXISTS (SELECT 1 FROM command c
				WHERE c.installation_id = i.installation_id AND c.status IN ('requested', 'sent', 'accepted')) AS pending,
				EXISTS (SELECT 1 FROM device d WHERE d.installation_id = i.installation_id AND NOT d.online) AS offline)
		SELECT array_agg(t.id), array_agg(t.seq), bool_or(t.pending), bool_or(t.offline) INTO known, seqs, pending, offline
			FROM taken t;
	END IF;
	known := coalesce(known, '{}');
	pending := coalesce(pending, false);
	offline := coalesce(offline, false);
END $$;
COMMENT ON FUNCTION event_lock IS 'Lock the installations of webhooks and count up their seqs; pending: a command of theirs is open; offline: a device of theirs is';

-- Those that are not locked are locked until this is committed, which is at once and need not be on disk.
CREATE FUNCTION event_locked(p_installations text[])
RETURNS SETOF boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_free text[];
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	v_free := ARRAY(SELECT i.installation_id FROM installation i WHERE i.installation_id = ANY (p_installations)
		FOR NO KEY UPDATE SKIP LOCKED);
	RETURN QUERY SELECT i.installation_id IS NOT NULL AND w.id <> ALL (v_free)
		FROM unnest(p_installations) WITH ORDINALITY AS w (id, position)
		LEFT JOIN installation i ON i.installation_id = w.id ORDER BY w.position;
END $$;
COMMENT ON FUNCTION event_locked IS 'For each of these installations, whether somebody else has locked its row';

-- Webhooks, in order of arrival: p_installations says whose each is, p_events has an array of events for each
-- (smartthings/webhook_event.h describes them); one that was not understood is stored and changes nothing.  All or nothing; a row for each.  known: is the installation linked here;
-- stored: events that were new; page: something to show changed; work: there is something for a worker; removed: the
-- installation is gone.  The callers lock_timeout ends the wait for an installation whose row somebody else has; it then
-- leaves those of event_locked() out.  p_notify: notify the streamer of the first installation's page in this transaction; until it is
-- on disk all others that NOTIFY wait, so this is for times with few webhooks.
CREATE FUNCTION event_ingest(p_installations text[], p_events jsonb, p_notify boolean DEFAULT false)
RETURNS TABLE (known boolean, stored integer, page boolean, work boolean, removed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	i         record;
	v_changes event_change[];
	v_online  text[] := '{}';
BEGIN
	i := event_lock(p_installations);
	-- All are stored before the first is applied, which may look for a later one: a device that was deleted and made
	-- again by webhooks of one commit stays, and is read anew.
	v_changes := event_store(p_installations, p_events, i.known, i.seqs);
	IF i.offline THEN
		v_online := event_end_offline(v_changes);
	END IF;
	IF NOT i.pending AND v_online = '{}' AND event_apply_plain(p_events, v_changes) THEN
		IF p_notify THEN
			PERFORM pg_notify('switchboard_page', CASE WHEN cardinality(v_changes) = 1 THEN page_wakeup(
				(v_changes[1]).installation_id, (v_changes[1]).device_id, (v_changes[1]).component) ELSE p_installations[1] END);
		END IF;
		RETURN QUERY SELECT true, jsonb_array_length(w.events), true, false, false
			FROM jsonb_array_elements(p_events) AS w (events);
	ELSE
		RETURN QUERY SELECT * FROM event_apply(p_installations, p_events, p_notify, i.known, i.pending, v_changes, v_online);
	END IF;
END $$;
COMMENT ON FUNCTION event_ingest IS 'Store and apply the events of webhooks; duplicates change nothing';

CREATE VIEW recent_events AS
	SELECT e.event_time, i.location_name AS location, coalesce(d.name, e.device_id) AS device, e.component,
		e.event_type, e.understood, e.attribute, e.value #>> '{}' AS value, e.received_at - e.event_time AS delay, e.event_id
	FROM event_all e JOIN installation i ON i.installation_id = e.installation_id
	LEFT JOIN device d ON d.installation_id = e.installation_id AND d.device_id = e.device_id
	WHERE e.event_time > now() - interval '1 day'
	ORDER BY e.event_time DESC, e.event_tick DESC;
COMMENT ON VIEW recent_events IS 'Events of the last day, newest first';

GRANT EXECUTE ON FUNCTION event_ingest, event_locked TO switchboard_webhook;
GRANT EXECUTE ON FUNCTION event_kind, event_to_change, event_set_switches, event_set_levels, event_confirm,
	event_apply_switches, event_heard_since, event_end_offline, event_apply_other, event_apply_one, event_apply_since TO switchboard_worker;
GRANT SELECT ON event, event_all TO switchboard_worker;
GRANT SELECT ON recent_events TO switchboard_reader;
