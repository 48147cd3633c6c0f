-- Who may use the schema at all.  What each role may do with a table, a view or a function stands in the file of its noun:
-- only the worker reads tokens; oauth writes them through installation_link_owner() and reads none.
GRANT USAGE ON SCHEMA switchboard TO switchboard_oauth, switchboard_webhook, switchboard_dashboard,
	switchboard_events, switchboard_worker, switchboard_reader;
GRANT SELECT ON schema_migration TO switchboard_dashboard, switchboard_worker, switchboard_reader;
GRANT SELECT ON schema_functions TO switchboard_reader;

-- The first partitions of a fresh database, for which policy.sql is needed.
SELECT event_partition_make() WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'event'::regclass);
