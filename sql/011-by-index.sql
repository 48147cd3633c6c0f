-- With some hundred homes the plan for any number of homes read the whole table of them, twice, where
-- nearly every call is for one: 2.1 million instructions became 0.9.  And the worker read all of them
-- each time it looked for what is due next, to join them with the few that have jobs.
SET LOCAL search_path = switchboard;

ALTER FUNCTION page_changes(text[], bigint[]) SET enable_seqscan = off;
ALTER FUNCTION work_next_ms() SET enable_hashjoin = off SET enable_mergejoin = off;
