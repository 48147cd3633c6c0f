-- Figures for supervisors and for monitoring.

CREATE FUNCTION health()
RETURNS TABLE (schema integer, workers bigint, event_days_ahead integer, workers_lacking_key bigint, client_refused boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT (SELECT max(m.version) FROM schema_migration m),
		(SELECT count(*) FROM worker w WHERE w.seen_at > now() - policy_worker_alive()),
		event_partition_days_ahead(),
		(SELECT count(*) FROM worker w WHERE w.seen_at > now() - policy_worker_alive() AND w.lacks_key IS NOT NULL),
		token_client_refused()
$$;
COMMENT ON FUNCTION health IS 'Version of the schema, the number of live workers and of those that lack a seal key, for how many days there are partitions of event, and whether the platform refuses every refresh';

CREATE FUNCTION metrics()
RETURNS TABLE (name text, label text, value double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = switchboard, pg_temp AS $$
	SELECT 'installations', s, count(i.status)::double precision
		FROM unnest(ARRAY['linking', 'active', 'needs_reauth', 'removed']) s
		LEFT JOIN installation i ON i.status = s GROUP BY s
	UNION ALL SELECT 'sessions', '', count(*) FROM session WHERE expires_at > now()
	UNION ALL SELECT 'switches', '', count(*) FROM switch
	UNION ALL SELECT 'commands_open', '', count(*) FROM command WHERE status IN ('requested', 'sent', 'accepted')
	UNION ALL SELECT 'commands_failed_1h', '', count(*) FROM command
		WHERE status = 'failed' AND error <> 'superseded' AND finished_at > now() - interval '1 hour'
	UNION ALL SELECT 'jobs', k, count(w.kind) FROM unnest(ARRAY['device_sync', 'subscription_sync', 'uninstall', 'refresh',
			'command', 'confirmation']) k
		LEFT JOIN work w ON w.kind = k AND w.waits_for IS NULL AND w.priority IN (0, 1, 2) AND w.run_at <= now() GROUP BY k
	UNION ALL SELECT 'tokens_failing', '', count(*) FROM token WHERE failures > 0
	UNION ALL SELECT 'api_calls_month', '', api_calls_this_month()
	UNION ALL SELECT v.name, '', v.value FROM health() h,
		LATERAL (VALUES ('workers', h.workers), ('workers_lacking_key', h.workers_lacking_key)) AS v (name, value)
$$;
COMMENT ON FUNCTION metrics IS 'Figures for GET /metrics: name, label (or empty), value';

GRANT EXECUTE ON FUNCTION health, metrics TO switchboard_dashboard;
