-- Calls to the platform are counted: it charges by their number.

-- One call of each element.  The rows are taken in the order of their key, so that two workers do not wait for each other.
CREATE FUNCTION api_call_count_many(p_installations text[], p_endpoints text[], p_statuses integer[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_day   date := (now() AT TIME ZONE 'UTC')::date;
	v_month date := date_trunc('month', v_day)::date;
BEGIN
	INSERT INTO api_call AS c (installation_id, day, endpoint, status, calls)
		SELECT coalesce(n.installation, ''), v_day, n.endpoint, n.status, count(*)
		FROM unnest(p_installations, p_endpoints, p_statuses) AS n (installation, endpoint, status)
		GROUP BY 1, 3, 4 ORDER BY 1, 3, 4
	ON CONFLICT (installation_id, day, endpoint, status) DO UPDATE SET calls = c.calls + excluded.calls;
	-- A new month begins at nothing; a count of the old one that comes late belongs to no share any more.
	INSERT INTO api_call_installation AS s (installation_id, month, calls)
		SELECT n.installation, v_month, count(*) FROM unnest(p_installations) AS n (installation)
		WHERE n.installation <> '' GROUP BY 1 ORDER BY 1
	ON CONFLICT (installation_id) DO UPDATE SET month = excluded.month,
		calls = CASE WHEN s.month = excluded.month THEN s.calls ELSE 0 END + excluded.calls
		WHERE s.month <= excluded.month;
	-- Last: all processes count in one row of it.
	INSERT INTO api_call_total AS t (month, calls) VALUES (v_month, cardinality(p_endpoints))
	ON CONFLICT (month) DO UPDATE SET calls = t.calls + excluded.calls;
END $$;
COMMENT ON FUNCTION api_call_count_many IS 'Count calls to the platform';

CREATE FUNCTION api_call_count(p_installation text, p_endpoint text, p_status integer)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT api_call_count_many(ARRAY[p_installation], ARRAY[p_endpoint], ARRAY[p_status])
$$;
COMMENT ON FUNCTION api_call_count IS 'Count one call to the platform';

CREATE FUNCTION api_calls_this_month()
RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT coalesce((SELECT t.calls FROM api_call_total t
		WHERE t.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date), 0)
$$;
COMMENT ON FUNCTION api_calls_this_month IS 'Calls made to the platform since the month began (UTC), for the budget';

-- "paced" is the part of the budget that the days of the month so far amount to: as long as all together have used less,
-- what one leaves another may have.
CREATE FUNCTION api_call_budget(p_budget bigint)
RETURNS TABLE (used bigint, paced bigint, installations bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT api_calls_this_month(), floor(p_budget * extract(epoch FROM m.now - m.began)
			/ extract(epoch FROM m.began + interval '1 month' - m.began))::bigint,
		(SELECT count(*) FROM installation i WHERE i.status IN ('linking', 'active'))
	FROM (SELECT t.now, date_trunc('month', t.now) AS began FROM (SELECT now() AT TIME ZONE 'UTC') AS t (now)) m
$$;
COMMENT ON FUNCTION api_call_budget IS 'How much of the month''s calls was used, how much of the month has passed, and among how many installations they are shared';

CREATE FUNCTION api_call_used(p_installation text)
RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT coalesce((SELECT s.calls FROM api_call_installation s WHERE s.installation_id = p_installation
		AND s.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date), 0)
$$;
COMMENT ON FUNCTION api_call_used IS 'What an installation has used of the month''s calls';

-- Of a removed installation the sum goes with the month, and not before: linked again it begins where it was.
CREATE FUNCTION api_call_prune()
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
DECLARE
	v_gone integer;
	v_more integer;
BEGIN
	DELETE FROM api_call WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM api_call c
		WHERE c.day < (now() AT TIME ZONE 'UTC')::date - policy_api_call_days() ORDER BY c.day LIMIT 5000
		FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS v_gone = ROW_COUNT;
	DELETE FROM api_call_installation WHERE ctid = ANY (ARRAY(SELECT s.ctid FROM api_call_installation s
		WHERE s.month < date_trunc('month', now() AT TIME ZONE 'UTC')::date LIMIT 5000 FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS v_more = ROW_COUNT;
	RETURN v_gone + v_more;
END $$;
COMMENT ON FUNCTION api_call_prune IS 'Delete some of the detail, and of the sums of each installation, that are past their time; gives how many rows';

CREATE VIEW api_usage AS
	SELECT c.day, i.location_name AS location, c.endpoint, c.status, c.calls
	FROM api_call c LEFT JOIN installation i ON i.installation_id = c.installation_id
	ORDER BY c.day DESC, c.calls DESC;
COMMENT ON VIEW api_usage IS 'Calls made to the platform, by day';

GRANT EXECUTE ON FUNCTION api_call_count TO switchboard_oauth, switchboard_worker;
GRANT EXECUTE ON FUNCTION api_calls_this_month TO switchboard_dashboard, switchboard_worker;
GRANT EXECUTE ON FUNCTION api_call_count_many, api_call_budget, api_call_used, api_call_prune TO switchboard_worker;
GRANT SELECT ON api_usage, api_call_installation, api_call_total TO switchboard_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_call TO switchboard_worker;
