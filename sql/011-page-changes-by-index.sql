-- With some hundred homes the plan for any number of homes read the whole table of them, twice, where
-- nearly every call is for one: 2.1 million instructions became 0.9.
SET LOCAL search_path = switchboard;

ALTER FUNCTION page_changes(text[], bigint[]) SET enable_seqscan = off;
