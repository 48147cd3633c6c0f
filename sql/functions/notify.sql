-- Wake-ups for the streamer and the worker.

-- In a transaction of its own that need not reach the disk: NOTIFY holds a database-wide lock until its commit is done.
CREATE FUNCTION wake(p_channel text, p_payload text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true), pg_notify(p_channel, p_payload);
END $$;
COMMENT ON FUNCTION wake IS 'NOTIFY with an asynchronous commit';

GRANT EXECUTE ON FUNCTION wake TO switchboard_oauth, switchboard_webhook, switchboard_dashboard, switchboard_worker;
