-- What only programs of versions before this one call, while they run beside it.

-- Of 0.1.0; 0.3.0 may delete it.
CREATE FUNCTION event_keep_partitions(p_days_kept integer DEFAULT 8)
RETURNS integer LANGUAGE sql AS $$ SELECT event_partition_make() $$;
COMMENT ON FUNCTION event_keep_partitions IS 'event_partition_make(), for workers of 0.1.0';

GRANT EXECUTE ON FUNCTION event_keep_partitions TO switchboard_worker;
