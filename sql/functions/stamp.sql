-- Order of what is said about one thing.

-- 1 when a is newer, -1 when older, 0 when they cannot be ordered (then the later arrival wins).  Event times have
-- whole seconds; a tick (100 ns) breaks a tie.  A tick that is a multiple of 10000 came from a time with milliseconds
-- only: then both are compared in milliseconds, so that an event is not taken for older than a status of the same one.
CREATE FUNCTION stamp_compare(a_at timestamptz, a_tick bigint, b_at timestamptz, b_tick bigint)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE
		WHEN b_at IS NULL THEN 1
		WHEN a_at IS NULL THEN -1
		WHEN date_bin('1 second', a_at, '1970-01-01 00:00Z') > b_at THEN 1
		WHEN date_bin('1 second', b_at, '1970-01-01 00:00Z') > a_at THEN -1
		WHEN a_tick IS NULL OR b_tick IS NULL THEN 0
		WHEN a_tick % 10000 <> 0 AND b_tick % 10000 <> 0 THEN sign(a_tick - b_tick)::integer
		WHEN abs(a_tick - b_tick) > 10000000 THEN 0
		ELSE sign(a_tick / 10000 - b_tick / 10000)::integer
	END
$$;
COMMENT ON FUNCTION stamp_compare IS 'Which of two times is newer, at the coarser of their precisions: 1, 0 or -1';

CREATE FUNCTION stamp_tick(p_at timestamptz)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN date_trunc('second', p_at AT TIME ZONE 'UTC') = p_at AT TIME ZONE 'UTC' THEN NULL
		ELSE floor(extract(epoch FROM p_at) * 1000)::bigint * 10000 END
$$;
COMMENT ON FUNCTION stamp_tick IS '100 ns units since 1970 of a time that has milliseconds; null when it has none';

CREATE FUNCTION stamp_time(p_at timestamptz, p_tick bigint)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT coalesce('1970-01-01 00:00Z'::timestamptz + p_tick / 10 * interval '1 microsecond', p_at)
$$;
COMMENT ON FUNCTION stamp_time IS 'The time of a tick, else the one beside it';

-- A sender's clock may be ahead of ours: its own time is what orders what it says.  Far ahead it is wrong, and would make
-- everything that follows look old.
CREATE FUNCTION stamp_is_credible(p_at timestamptz, p_received timestamptz DEFAULT now())
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT p_at < p_received + policy_clocks_apart()
$$;
COMMENT ON FUNCTION stamp_is_credible IS 'Is this time of a sender, received then, no further ahead than clocks may differ; if not, the time of receipt counts';

GRANT EXECUTE ON FUNCTION stamp_compare, stamp_tick, stamp_time, stamp_is_credible TO switchboard_worker;
