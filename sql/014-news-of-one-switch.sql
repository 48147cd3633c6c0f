-- Nearly every webhook says that one switch went on or off.  That takes one statement for each of the three tables
-- that it changes, without lists of what is only one; and several of them together are tried in the same way.
-- 380 microseconds became 200 for one alone, 91 became 70 for each of fifteen.
SET LOCAL search_path = switchboard;

-- Set the switches that these events, no two of one switch, say are on or off now, and tell how many were: older news than
-- what is known sets nothing.
CREATE FUNCTION event_set_switches(p_news event_news[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	v_done integer;
BEGIN
	UPDATE switch s SET state = n.value, state_at = n.at, state_tick = n.tick, state_stored_at = clock_timestamp(),
		seq = n.seq
	FROM unnest(p_news) AS n
	WHERE n.kind = 'switch' AND s.installation_id = n.installation_id AND s.device_id = n.device_id
		AND s.component = n.component AND stamp_compare(n.at, n.tick, s.state_at, s.state_tick) >= 0;
	GET DIAGNOSTICS v_done = ROW_COUNT;
	RETURN v_done;
END $$;
COMMENT ON FUNCTION event_set_switches IS 'Set switches on or off as events say';

CREATE OR REPLACE FUNCTION event_apply_switches(p_news event_news[], p_kinds text[], p_asked boolean, OUT page text[],
	OUT strange text[])
LANGUAGE plpgsql AS $$
DECLARE
	e         event_news;
	v_done    integer := 0;
	v_more    integer;
	v_known   boolean;
	v_applied boolean;
BEGIN
	IF 'switch' = ANY (p_kinds) THEN
		v_done := event_set_switches(p_news);
	END IF;
	IF 'level' = ANY (p_kinds) THEN
		UPDATE switch s SET level = round(n.value::numeric), level_at = n.at, level_tick = n.tick,
			level_stored_at = clock_timestamp(), seq = n.seq
		FROM unnest(p_news) AS n
		WHERE n.kind = 'level' AND s.installation_id = n.installation_id AND s.device_id = n.device_id
			AND s.component = n.component AND stamp_compare(n.at, n.tick, s.level_at, s.level_tick) >= 0;
		GET DIAGNOSTICS v_more = ROW_COUNT;
		v_done := v_done + v_more;
	END IF;
	page := '{}';
	strange := '{}';
	FOREACH e IN ARRAY p_news LOOP
		v_known := true;
		v_applied := v_done = cardinality(p_news);
		IF NOT v_applied THEN
			-- Its seq alone may be that of another event in the same commit.
			SELECT s.seq = e.seq AND v_done > 0 AND CASE e.kind
				WHEN 'switch' THEN s.state_at = e.at AND s.state_tick IS NOT DISTINCT FROM e.tick
				ELSE s.level_at = e.at AND s.level_tick IS NOT DISTINCT FROM e.tick END
				INTO v_applied FROM switch s
				WHERE s.installation_id = e.installation_id AND s.device_id = e.device_id AND s.component = e.component;
			v_known := FOUND;
		END IF;
		IF v_applied THEN
			IF p_asked THEN
				PERFORM command_confirm(e.installation_id, e.device_id, e.component, e.kind, e.value, e.seq, NULL);
			END IF;
		-- Newer news overtook it, or its switch is gone, but a command may have been waiting for just this.
		ELSIF p_asked AND command_confirm(e.installation_id, e.device_id, e.component, e.kind, e.value, e.seq, e.at) THEN
			UPDATE switch s SET seq = e.seq
				WHERE s.installation_id = e.installation_id AND s.device_id = e.device_id AND s.component = e.component;
			v_applied := true;
		ELSIF NOT v_known AND e.installation_id <> ALL (strange) THEN
			strange := strange || e.installation_id;
		END IF;
		IF v_applied AND e.installation_id <> ALL (page) THEN
			page := page || e.installation_id;
		END IF;
	END LOOP;
END $$;

-- Apply news of any kind and answer for their webhooks: what event_ingest_many() does when it is not all about
-- switches of their own.  The seqs of homes in p_known were counted up; where nothing changed they go back.
CREATE FUNCTION event_apply_many(p_installations text[], p_events jsonb, p_tell boolean, p_known text[], p_asked boolean,
	p_news event_news[])
RETURNS TABLE (known boolean, stored integer, page boolean, work boolean, removed boolean)
LANGUAGE plpgsql AS $$
DECLARE
	v_apart     event_news[] := '{}';
	v_page      text[] := '{}';
	v_structure text[] := '{}';
	v_sync      text[] := '{}';
	v_strange   text[] := '{}';
	v_gone      text[] := '{}';
	v_sent      integer := 0;
	v_new       integer[];
	v_id        text;
	v_effect    text;
	a           record;
	r           record;
	e           event_news;
BEGIN
	IF cardinality(p_news) = 1 THEN
		v_apart := p_news;
	ELSIF cardinality(p_news) > 1 THEN
		-- What concerns switches of homes where nothing else happened is applied together: the first event of each, then
		-- the second of those that have one, and so on.  Round 0 is what happened elsewhere, one by one.
		FOR r IN
			SELECT CASE WHEN o.plain THEN o.round ELSE 0 END AS round, array_agg(o.n ORDER BY o.place) AS news,
				array_agg(DISTINCT (o.n).kind) AS kinds
			FROM (SELECT m.n, m.place, bool_and((m.n).kind <> 'other') OVER (PARTITION BY (m.n).installation_id) AS plain,
					row_number() OVER (PARTITION BY (m.n).installation_id, (m.n).device_id, (m.n).component
						ORDER BY m.place) AS round
				FROM (SELECT n, row_number() OVER () AS place FROM unnest(p_news) AS n) m WHERE (m.n).kind <> 'none') o
			GROUP BY 1 ORDER BY 1 LOOP
			IF r.round = 0 THEN
				v_apart := r.news;
			ELSE
				a := event_apply_switches(r.news, r.kinds, p_asked);
				v_page := v_page || a.page;
				v_strange := v_strange || a.strange;
			END IF;
		END LOOP;
	END IF;
	FOREACH e IN ARRAY v_apart LOOP
		IF e.kind IN ('switch', 'level') THEN
			a := event_apply_switches(ARRAY[e], ARRAY[e.kind], p_asked);
			v_effect := CASE WHEN cardinality(a.page) > 0 THEN 'page' WHEN cardinality(a.strange) > 0 THEN 'strange' END;
		ELSE
			v_effect := event_apply_other(e);
		END IF;
		IF v_effect IN ('page', 'structure') AND e.installation_id <> ALL (v_page) THEN
			v_page := v_page || e.installation_id;
		END IF;
		IF v_effect = 'structure' AND e.installation_id <> ALL (v_structure) THEN
			v_structure := v_structure || e.installation_id;
		ELSIF v_effect = 'sync' AND e.installation_id <> ALL (v_sync) THEN
			v_sync := v_sync || e.installation_id;
		ELSIF v_effect = 'strange' AND e.installation_id <> ALL (v_strange) THEN
			v_strange := v_strange || e.installation_id;
		ELSIF v_effect = 'gone' AND e.installation_id <> ALL (v_gone) THEN
			v_gone := v_gone || e.installation_id;
		END IF;
	END LOOP;
	IF NOT p_known <@ v_page OR cardinality(v_structure) > 0 THEN
		-- Where nothing changed the seq stays.
		UPDATE installation i SET seq = CASE WHEN i.installation_id = ANY (v_page) THEN i.seq ELSE i.seq - 1 END,
			structure_seq = CASE WHEN i.installation_id = ANY (v_structure) THEN i.seq ELSE i.structure_seq END
			WHERE i.installation_id = ANY (p_known)
				AND (i.installation_id <> ALL (v_page) OR i.installation_id = ANY (v_structure));
	END IF;
	IF p_tell AND p_installations[1] = ANY (v_page) THEN
		PERFORM pg_notify('switchboard_page', p_installations[1]);
	END IF;
	IF cardinality(v_gone) > 0 THEN
		PERFORM installation_erase(g.id, false) FROM unnest(v_gone) AS g (id);
	END IF;
	IF cardinality(v_sync || v_strange) > 0 THEN
		-- A second of patience: lifecycle events come in bunches.  A switch that we do not know may be
		-- one that we must not see: do not ask with every news of it.
		PERFORM job_put(i.installation_id, 'device_sync', CASE WHEN i.installation_id = ANY (v_sync) THEN '1 second'
				ELSE greatest('1 second', i.synced_at + interval '5 minutes' - now()) END)
			FROM installation i WHERE i.installation_id = ANY (v_sync || v_strange) AND i.installation_id <> ALL (v_gone);
	END IF;
	FOR n IN 1 .. cardinality(p_installations) LOOP
		v_sent := v_sent + CASE WHEN p_installations[n] = ANY (p_known) THEN jsonb_array_length(p_events -> n - 1) ELSE 0 END;
	END LOOP;
	IF v_sent <> cardinality(p_news) THEN
		v_new := event_count_new(p_installations, p_events, p_news);
	END IF;
	FOR n IN 1 .. cardinality(p_installations) LOOP
		v_id := p_installations[n];
		known := v_id = ANY (p_known);
		stored := CASE WHEN NOT known THEN 0 WHEN v_new IS NULL THEN jsonb_array_length(p_events -> n - 1) ELSE v_new[n] END;
		removed := v_id = ANY (v_gone);
		page := removed OR v_id = ANY (v_page);
		work := NOT removed AND v_id = ANY (v_sync || v_strange);
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION event_apply_many IS 'Apply new events of any kind, and answer for the webhooks that brought them';

-- The wake-up for those who show a home in which one switch changed and nothing else at that seq: the home's id, a space
-- and the switch as page_changes() gives it, so that they need not ask.  What is too long for a wake-up is asked for.
-- Whoever may connect to the database can hear it: our programs, of which none may hear a token this way.
CREATE FUNCTION page_wakeup(p_installation text, p_device text, p_component text)
RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	v_text text;
BEGIN
	SELECT p.installation_id || ' ' || json_build_object('seq', p.seq, 'device_id', p.device_id, 'component', p.component,
		'label', p.label, 'room', p.room, 'location', p.location, 'state', p.state, 'level', p.level, 'online', p.online,
		'pending', p.pending, 'updated_at', to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
		'has_level', p.has_level)
		INTO v_text FROM switch_page p
		WHERE p.installation_id = p_installation AND p.device_id = p_device AND p.component = p_component;
	RETURN CASE WHEN octet_length(v_text) < 8000 THEN v_text ELSE p_installation END;
END $$;
COMMENT ON FUNCTION page_wakeup IS 'A wake-up that tells what changed';

-- What it gives and promises is as before (009-webhooks-together.sql), but that p_tell may tell what changed.
CREATE OR REPLACE FUNCTION event_ingest_many(p_installations text[], p_events jsonb, p_tell boolean DEFAULT false)
RETURNS TABLE (known boolean, stored integer, page boolean, work boolean, removed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	v_known text[] := '{}';
	v_seqs  bigint[];
	v_seq   bigint;
	v_asked boolean;
	v_news  event_news[] := '{}';
	v_done  integer;
	e       event_news;
BEGIN
	-- What it is when it is as usual: every webhook brought nothing but news of switches.
	known := true;
	page := true;
	work := false;
	removed := false;
	-- The row locks put all changes of an installation in the order of their seq.
	IF cardinality(p_installations) = 1 AND jsonb_array_length(p_events -> 0) = 1 THEN
		UPDATE installation i SET seq = i.seq + 1 WHERE i.installation_id = p_installations[1] AND i.status <> 'removed'
			RETURNING i.seq, EXISTS (SELECT 1 FROM command c
				WHERE c.installation_id = i.installation_id AND c.status IN ('requested', 'sent', 'accepted'))
			INTO v_seq, v_asked;
		IF FOUND THEN
			INSERT INTO event AS o (installation_id, event_time, event_id, event_tick, event_type, device_id, component,
				capability, attribute, value, detail, received_at)
			SELECT p_installations[1], n.at, n.id, n.tick, n.type, n.device, n.component, n.capability, n.attribute,
				n.value, n.detail, clock_timestamp()
			FROM jsonb_to_recordset(p_events -> 0) AS n (at timestamptz, id uuid, tick bigint, type text, device text,
				component text, capability text, attribute text, value jsonb, detail jsonb)
			ON CONFLICT DO NOTHING
			RETURNING (event_to_news(v_seq, o.installation_id, o.event_time, o.event_id, o.event_tick, o.event_type,
				o.device_id, o.component, o.capability, o.attribute, o.value, o.detail)).* INTO e;
			IF e.kind = 'switch' AND NOT v_asked THEN
				UPDATE switch s SET state = e.value, state_at = e.at, state_tick = e.tick,
					state_stored_at = clock_timestamp(), seq = v_seq
				WHERE s.installation_id = e.installation_id AND s.device_id = e.device_id AND s.component = e.component
					AND stamp_compare(e.at, e.tick, s.state_at, s.state_tick) >= 0;
				IF FOUND THEN
					IF p_tell THEN
						PERFORM pg_notify('switchboard_page', page_wakeup(e.installation_id, e.device_id, e.component));
					END IF;
					stored := 1;
					RETURN NEXT;
					RETURN;
				END IF;
			END IF;
			v_known := p_installations;
			v_news := CASE WHEN e.kind IS NULL THEN '{}' ELSE ARRAY[e] END;
		END IF;
	ELSE
		IF cardinality(p_installations) > 1 THEN
			-- Nobody waits for long with the locks of others in hand; then each is tried alone.
			PERFORM set_config('lock_timeout', '300', true);
		END IF;
		-- The locks are taken in the order of the index, whatever plan looks cheaper for a few homes: rows that
		-- are updated move about in their table, and two of these calls would come to wait for each other.
		WITH taken AS (
			UPDATE installation i SET seq = i.seq + 1 WHERE i.installation_id = ANY (p_installations) AND i.status <> 'removed'
			RETURNING i.installation_id::text AS id, i.seq, EXISTS (SELECT 1 FROM command c
				WHERE c.installation_id = i.installation_id AND c.status IN ('requested', 'sent', 'accepted')) AS asked)
		SELECT coalesce(array_agg(t.id), '{}'), array_agg(t.seq), coalesce(bool_or(t.asked), false)
			INTO v_known, v_seqs, v_asked FROM taken t;
		-- All are stored before the first is applied, which may look for a later one: a device that was deleted and
		-- made again by webhooks of one commit stays, and is read anew.
		v_news := event_store(p_installations, p_events, v_known, v_seqs);
		IF NOT v_asked AND (SELECT bool_and(n.kind = 'switch') AND count(*) = count(DISTINCT (n.installation_id || ' ' || n.device_id
				|| ' ' || n.component) COLLATE "C") FROM unnest(v_news) AS n) THEN
			v_done := event_set_switches(v_news);
			-- As usual: each set its switch, and all that was sent was new.  If not, what was set already is set once more.
			IF v_done = cardinality(v_news) AND (SELECT sum(jsonb_array_length(w.events)) = v_done
					AND min(jsonb_array_length(w.events)) > 0 FROM jsonb_array_elements(p_events) AS w (events)) THEN
				IF p_tell THEN
					PERFORM pg_notify('switchboard_page', p_installations[1]);
				END IF;
				FOR n IN 1 .. cardinality(p_installations) LOOP
					stored := jsonb_array_length(p_events -> n - 1);
					RETURN NEXT;
				END LOOP;
				RETURN;
			END IF;
		END IF;
	END IF;
	RETURN QUERY SELECT * FROM event_apply_many(p_installations, p_events, p_tell, v_known, v_asked, v_news);
END $$;

REVOKE ALL ON FUNCTION event_set_switches, event_apply_many, page_wakeup FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event_set_switches TO switchboard_worker;
