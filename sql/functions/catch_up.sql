-- After an absence: installations that may have missed something are read again.

CREATE FUNCTION catch_up_open(p_since timestamptz)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO catch_up AS u (since, spread)
		SELECT p_since, least(count(*) * policy_catch_up_each(), policy_catch_up_most()) FROM installation i WHERE i.status = 'active'
		ON CONFLICT (is_open) DO UPDATE SET since = least(u.since, excluded.since), spread = excluded.spread, after = NULL
$$;
COMMENT ON FUNCTION catch_up_open IS 'Begin to look at all installations, which nobody heard of since then';

-- Not those that run, wait or were refused.
CREATE FUNCTION catch_up_plan(p_installations text[], p_priority integer, p_spread interval)
RETURNS void LANGUAGE sql AS $$
	WITH planned AS (
		SELECT w.installation_id FROM work w WHERE w.installation_id = ANY (p_installations) AND w.kind = 'device_sync'
			AND w.subject = '' AND w.lease IS NULL AND w.waits_for IS NULL AND w.last_error IS NULL FOR UPDATE SKIP LOCKED)
	UPDATE work w SET priority = least(w.priority, p_priority), run_at = least(w.run_at, now() + random() * p_spread)
		FROM planned p WHERE w.installation_id = p.installation_id AND w.kind = 'device_sync' AND w.subject = ''
$$;
COMMENT ON FUNCTION catch_up_plan IS 'Plan syncs of installations, within the spread';

-- First those whose pages are, or were, open; then the rest in the order of their ids.
CREATE FUNCTION catch_up_some(p_limit integer)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	u     catch_up;
	v_ids text[];
BEGIN
	SELECT * INTO u FROM catch_up FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF u.after IS NULL THEN
		v_ids := ARRAY(SELECT DISTINCT a.installation_id::text FROM session s JOIN access a ON a.user_id = s.user_id
			WHERE s.seen_at > coalesce(u.since, now()) - 2 * policy_session_precision());
		PERFORM catch_up_plan(v_ids, 1, '0');
		UPDATE catch_up SET after = '';
		RETURN true;
	END IF;
	v_ids := ARRAY(SELECT i.installation_id::text FROM installation i WHERE i.installation_id > u.after AND i.status = 'active'
		ORDER BY i.installation_id LIMIT p_limit);
	PERFORM catch_up_plan(v_ids, 2, u.spread);
	IF cardinality(v_ids) < p_limit THEN
		DELETE FROM catch_up;
	ELSE
		UPDATE catch_up SET after = v_ids[p_limit];
	END IF;
	RETURN cardinality(v_ids) = p_limit;
END $$;
COMMENT ON FUNCTION catch_up_some IS 'Plan the syncs of some installations after an absence; false when all are, or another worker does it';

GRANT EXECUTE ON FUNCTION catch_up_open, catch_up_plan, catch_up_some TO switchboard_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON catch_up TO switchboard_worker;
