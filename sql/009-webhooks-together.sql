-- Webhooks that come while another is being stored are stored together: one call and one commit
-- for all of them, so that they share what it costs to start statements and to reach the disk.
SET LOCAL search_path = switchboard;

CREATE TYPE event_news AS (
	installation_id text,
	seq             bigint,
	kind            text,
	device_id       text,
	component       text,
	value           text,
	at              timestamptz,
	tick            bigint,
	event_id        uuid,
	event_type      text,
	event_time      timestamptz,
	event_tick      bigint,
	detail          jsonb
);
COMMENT ON TYPE event_news IS 'An event that was new, on its way into switches and devices';
COMMENT ON COLUMN event_news.installation_id IS 'Whose event';
COMMENT ON COLUMN event_news.seq IS 'The seq that its installation gets';
COMMENT ON COLUMN event_news.kind IS 'switch or level: the attribute of a switch that it sets; other: to be looked at by itself; none: it changes nothing';
COMMENT ON COLUMN event_news.device_id IS 'The device it is about';
COMMENT ON COLUMN event_news.component IS 'The component it is about';
COMMENT ON COLUMN event_news.value IS 'The new value, as text';
COMMENT ON COLUMN event_news.at IS 'When it happened; an event of the future counts as now, so that it cannot freeze a switch';
COMMENT ON COLUMN event_news.tick IS 'Finer time of it, 100 ns units since 1970, when known';
COMMENT ON COLUMN event_news.event_id IS 'As in event';
COMMENT ON COLUMN event_news.event_type IS 'As in event';
COMMENT ON COLUMN event_news.event_time IS 'As in event';
COMMENT ON COLUMN event_news.event_tick IS 'As in event';
COMMENT ON COLUMN event_news.detail IS 'As in event';

CREATE FUNCTION event_kind(p_type text, p_capability text, p_attribute text, p_value jsonb)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN p_type <> 'DEVICE_EVENT' THEN 'other'
	WHEN p_capability = 'switch' AND p_attribute = 'switch' AND p_value IN ('"on"', '"off"') THEN 'switch'
	WHEN p_capability = 'switchLevel' AND p_attribute = 'level' AND jsonb_typeof(p_value) = 'number' THEN
		CASE WHEN p_value::numeric BETWEEN 0 AND 100 THEN 'level' ELSE 'none' END
	ELSE 'none'
END;
COMMENT ON FUNCTION event_kind IS 'What an event sets: see event_news.kind';

-- An event of the table as it is applied, at this seq.
CREATE FUNCTION event_to_news(p_seq bigint, p_installation text, p_at timestamptz, p_id uuid, p_tick bigint, p_type text,
	p_device text, p_component text, p_capability text, p_attribute text, p_value jsonb, p_detail jsonb)
RETURNS event_news LANGUAGE sql STABLE
RETURN (p_installation, p_seq, event_kind(p_type, p_capability, p_attribute, p_value), p_device, p_component,
	p_value #>> '{}', least(p_at, now()), CASE WHEN p_at <= now() THEN p_tick END, p_id, p_type, p_at, p_tick,
	p_detail)::event_news;
COMMENT ON FUNCTION event_to_news IS 'What applying an event needs to know of it';

-- Store the events of webhooks: p_events holds an array of them for each of p_installations.  Those of
-- installations in p_known are kept, whose rows the caller has locked; p_seqs are their seqs.  Gives what was
-- new, in order of arrival.
CREATE FUNCTION event_store(p_installations text[], p_events jsonb, p_known text[], p_seqs bigint[])
RETURNS event_news[] LANGUAGE plpgsql AS $$
DECLARE
	v_news event_news[];
BEGIN
	WITH fresh AS (
		INSERT INTO event AS e (installation_id, event_time, event_id, event_tick, event_type, device_id, component,
			capability, attribute, value, detail, received_at)
		SELECT w.installation, n.at, n.id, n.tick, n.type, n.device, n.component, n.capability, n.attribute, n.value,
			n.detail, clock_timestamp() -- each its own: they tell the order of arrival
		FROM unnest(p_installations) WITH ORDINALITY AS w (installation, place),
			jsonb_to_recordset(p_events -> (w.place::integer - 1)) AS n (at timestamptz, id uuid, tick bigint, type text,
				device text, component text, capability text, attribute text, value jsonb, detail jsonb)
		WHERE w.installation = ANY (p_known)
		ON CONFLICT DO NOTHING
		RETURNING event_to_news(p_seqs[array_position(p_known, e.installation_id)], e.installation_id, e.event_time,
			e.event_id, e.event_tick, e.event_type, e.device_id, e.component, e.capability, e.attribute, e.value,
			e.detail) AS news)
	SELECT coalesce(array_agg(f.news), '{}') INTO v_news FROM fresh f;
	RETURN v_news;
END $$;
COMMENT ON FUNCTION event_store IS 'Store the events of webhooks; gives those that were new';

-- Apply one event that sets nothing of a switch, and tell what follows from it: the page changed; so did the structure;
-- a sync of the devices is needed; the installation is gone; or null for nothing.
CREATE FUNCTION event_apply_other(e event_news)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CASE e.event_type
	WHEN 'DEVICE_HEALTH_EVENT' THEN
		UPDATE device d SET online = e.value = 'ONLINE', health_at = e.at, health_tick = e.tick
		WHERE d.installation_id = e.installation_id AND d.device_id = e.device_id
			AND e.value IN ('ONLINE', 'OFFLINE', 'UNHEALTHY')
			AND stamp_compare(e.at, e.tick, d.health_at, d.health_tick) >= 0;
		IF FOUND THEN
			UPDATE switch s SET seq = e.seq WHERE s.installation_id = e.installation_id AND s.device_id = e.device_id;
			RETURN 'page';
		END IF;
	WHEN 'DEVICE_LIFECYCLE_EVENT' THEN
		-- A delete is checked with the platform too: it may have come late, after the device came back.
		IF e.value IN ('DELETE', 'MOVE_FROM') AND NOT EXISTS (SELECT 1 FROM event o
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
COMMENT ON FUNCTION event_apply_other IS 'Apply one event that sets nothing of a switch';

-- Apply events of kinds switch and level (p_kinds: which of them), no two of the same switch.  p_asked: there
-- may be commands that they answer.  Gives the installations whose page changed, and those that sent news of
-- a switch we do not know.
CREATE FUNCTION event_apply_switches(p_news event_news[], p_kinds text[], p_asked boolean, OUT page text[], OUT strange text[])
LANGUAGE plpgsql AS $$
DECLARE
	e         event_news;
	v_done    integer := 0;
	v_more    integer;
	v_known   boolean;
	v_applied boolean;
BEGIN
	IF 'switch' = ANY (p_kinds) THEN
		UPDATE switch s SET state = n.value, state_at = n.at, state_tick = n.tick, state_stored_at = clock_timestamp(),
			seq = n.seq
		FROM unnest(p_news) AS n
		WHERE n.kind = 'switch' AND s.installation_id = n.installation_id AND s.device_id = n.device_id
			AND s.component = n.component AND stamp_compare(n.at, n.tick, s.state_at, s.state_tick) >= 0;
		GET DIAGNOSTICS v_done = ROW_COUNT;
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
			SELECT s.seq = e.seq AND v_done > 0 INTO v_applied FROM switch s
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
COMMENT ON FUNCTION event_apply_switches IS 'Apply new events of different switches';

-- How many events each webhook brought that were new.  One that two of them brought is the first one's.
CREATE FUNCTION event_count_new(p_installations text[], p_events jsonb, p_news event_news[])
RETURNS integer[] LANGUAGE sql STABLE
RETURN ARRAY(SELECT count(first.place)::integer
	FROM unnest(p_installations) WITH ORDINALITY AS w (installation, place)
	LEFT JOIN (SELECT min(b.place) AS place
		FROM unnest(p_installations) WITH ORDINALITY AS b (installation, place),
			jsonb_to_recordset(p_events -> (b.place::integer - 1)) AS n (at timestamptz, id uuid)
		JOIN unnest(p_news) AS f ON f.event_time = n.at AND f.event_id = n.id
		WHERE f.installation_id = b.installation
		GROUP BY f.installation_id, f.event_time, f.event_id) first ON first.place = w.place
	GROUP BY w.place ORDER BY w.place);
COMMENT ON FUNCTION event_count_new IS 'Of each webhook, how many of its events were new';

-- Webhooks, in order of arrival: p_installations says whose each is, p_events has an array of events for
-- each (event.h describes them).  All or nothing; a row for each.  known: is the installation linked here;
-- stored: events that were new; page: something to show changed; work: there is something for a worker;
-- removed: the installation is gone.  p_tell: wake those who show the page of the first, in
-- this transaction; until it is on disk all others who NOTIFY wait, so this is for when it is quiet.
CREATE FUNCTION event_ingest_many(p_installations text[], p_events jsonb, p_tell boolean DEFAULT false)
RETURNS TABLE (known boolean, stored integer, page boolean, work boolean, removed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	v_known     text[];
	v_seqs      bigint[];
	v_asked     boolean;
	v_news      event_news[];
	v_together  event_news[];
	v_apart     event_news[] := '{}';
	v_kinds     text[];
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
	e           event_news;
BEGIN
	IF cardinality(p_installations) > 1 THEN
		-- Nobody waits for long with the locks of others in hand; then each is tried alone.
		PERFORM set_config('lock_timeout', '300', true);
	END IF;
	-- The row locks put all changes of an installation in the order of their seq.  They are taken in the
	-- order of the index, whatever plan looks cheaper for a few homes: rows that are updated move about in
	-- their table, and two of these calls would come to wait for each other.
	WITH taken AS (
		UPDATE installation i SET seq = i.seq + 1 WHERE i.installation_id = ANY (p_installations) AND i.status <> 'removed'
		RETURNING i.installation_id::text AS id, i.seq, EXISTS (SELECT 1 FROM command c
			WHERE c.installation_id = i.installation_id AND c.status IN ('requested', 'sent', 'accepted')) AS asked)
	SELECT coalesce(array_agg(t.id), '{}'), array_agg(t.seq), coalesce(bool_or(t.asked), false)
		INTO v_known, v_seqs, v_asked FROM taken t;
	-- All are stored before the first is applied, which may look for a later one: a device that was deleted and
	-- made again by webhooks of one commit stays, and is read anew.
	v_news := event_store(p_installations, p_events, v_known, v_seqs);
	IF cardinality(v_news) = 1 THEN
		v_apart := v_news;
	ELSIF cardinality(v_news) > 1 THEN
		-- What concerns different switches of homes where nothing else happened is applied together.
		SELECT array_agg(o.n) FILTER (WHERE o.alone), array_agg(DISTINCT (o.n).kind) FILTER (WHERE o.alone),
			coalesce(array_agg(o.n ORDER BY o.place) FILTER (WHERE NOT o.alone), '{}')
		INTO v_together, v_kinds, v_apart
		FROM (SELECT m.n, m.place, bool_and((m.n).kind <> 'other') OVER (PARTITION BY (m.n).installation_id)
				AND count(*) OVER (PARTITION BY (m.n).installation_id, (m.n).device_id, (m.n).component) = 1 AS alone
			FROM (SELECT n, row_number() OVER () AS place FROM unnest(v_news) AS n) m WHERE (m.n).kind <> 'none') o;
		IF v_together IS NOT NULL THEN
			a := event_apply_switches(v_together, v_kinds, v_asked);
			v_page := a.page;
			v_strange := a.strange;
		END IF;
	END IF;
	FOREACH e IN ARRAY v_apart LOOP
		IF e.kind IN ('switch', 'level') THEN
			a := event_apply_switches(ARRAY[e], ARRAY[e.kind], v_asked);
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
	IF NOT v_known <@ v_page OR cardinality(v_structure) > 0 THEN
		-- Where nothing changed the seq stays.
		UPDATE installation i SET seq = CASE WHEN i.installation_id = ANY (v_page) THEN i.seq ELSE i.seq - 1 END,
			structure_seq = CASE WHEN i.installation_id = ANY (v_structure) THEN i.seq ELSE i.structure_seq END
			WHERE i.installation_id = ANY (v_known)
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
		v_sent := v_sent + CASE WHEN p_installations[n] = ANY (v_known) THEN jsonb_array_length(p_events -> n - 1) ELSE 0 END;
	END LOOP;
	IF v_sent <> cardinality(v_news) THEN
		v_new := event_count_new(p_installations, p_events, v_news);
	END IF;
	FOR n IN 1 .. cardinality(p_installations) LOOP
		v_id := p_installations[n];
		known := v_id = ANY (v_known);
		stored := CASE WHEN NOT known THEN 0 WHEN v_new IS NULL THEN jsonb_array_length(p_events -> n - 1) ELSE v_new[n] END;
		removed := v_id = ANY (v_gone);
		page := removed OR v_id = ANY (v_page);
		work := NOT removed AND v_id = ANY (v_sync || v_strange);
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION event_ingest_many IS 'Store and apply the events of webhooks; duplicates change nothing';

-- Programs of the version before call this until they are restarted.
CREATE OR REPLACE FUNCTION event_ingest(p_installation text, p_events jsonb,
	OUT known boolean, OUT stored integer, OUT page boolean, OUT work boolean, OUT removed boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp
BEGIN ATOMIC
	SELECT m.known, m.stored, m.page, m.work, m.removed
		FROM event_ingest_many(ARRAY[p_installation], jsonb_build_array(p_events)) AS m;
END;
COMMENT ON FUNCTION event_ingest IS 'Store and apply the events of one webhook';

-- sync_apply() applies again, one by one, what came while it read the devices.
CREATE OR REPLACE FUNCTION event_apply(p_installation text, p_seq bigint, p_type text, p_at timestamptz, p_tick bigint,
	p_device text, p_component text, p_capability text, p_attribute text, p_value jsonb, p_detail jsonb)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	e event_news := event_to_news(p_seq, p_installation, p_at, NULL, p_tick, p_type, p_device, p_component, p_capability,
		p_attribute, p_value, p_detail);
BEGIN
	IF e.kind = 'other' THEN
		PERFORM event_apply_other(e);
	ELSIF e.kind <> 'none' THEN
		PERFORM event_apply_switches(ARRAY[e], ARRAY[e.kind], true);
	END IF;
	RETURN 0;
END $$;
COMMENT ON FUNCTION event_apply IS 'Apply an event again; the answer has no meaning any more';

REVOKE ALL ON FUNCTION event_ingest, event_ingest_many, event_store, event_apply_switches, event_apply_other,
	event_count_new, event_kind, event_to_news FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event_ingest, event_ingest_many TO switchboard_webhook;
GRANT EXECUTE ON FUNCTION event_kind, event_to_news, event_apply_switches, event_apply_other TO switchboard_worker;
