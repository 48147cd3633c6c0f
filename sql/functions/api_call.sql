-- Calls to the platform are counted: it charges by their number.

CREATE FUNCTION api_call_count(p_installation text, p_endpoint text, p_status integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
BEGIN
	INSERT INTO api_call AS c (installation_id, day, endpoint, status, calls)
		VALUES (coalesce(p_installation, ''), (now() AT TIME ZONE 'UTC')::date, p_endpoint, p_status, 1)
	ON CONFLICT (installation_id, day, endpoint, status) DO UPDATE SET calls = c.calls + 1;
END $$;
COMMENT ON FUNCTION api_call_count IS 'Count one call to the platform';

CREATE FUNCTION api_calls_this_month()
RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT coalesce(sum(calls), 0)::bigint FROM api_call
		WHERE day >= date_trunc('month', now() AT TIME ZONE 'UTC')::date
$$;
COMMENT ON FUNCTION api_calls_this_month IS 'Calls made to the platform since the month began (UTC), for the budget';

CREATE VIEW api_usage AS
	SELECT c.day, i.location_name AS location, c.endpoint, c.status, c.calls
	FROM api_call c LEFT JOIN installation i ON i.installation_id = c.installation_id
	ORDER BY c.day DESC, c.calls DESC;
COMMENT ON VIEW api_usage IS 'Calls made to the platform, by day';

GRANT EXECUTE ON FUNCTION api_call_count TO switchboard_oauth, switchboard_worker;
GRANT EXECUTE ON FUNCTION api_calls_this_month TO switchboard_dashboard, switchboard_worker;
GRANT SELECT ON api_usage TO switchboard_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_call TO switchboard_worker;
