-- Webhooks of several homes share a transaction now, which locks them in the order of their ids.  Whoever else
-- locks several does so in the same order, so that none of them waits for one that waits for it.
SET LOCAL search_path = switchboard;

CREATE OR REPLACE FUNCTION installation_set_owner(p_installation text, p_owner text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_user  bigint;
	v_known text;
	v_other bigint;
BEGIN
	IF p_owner IS NULL THEN
		RETURN;
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended('link ' || p_owner, 0));
	PERFORM 1 FROM installation i
		WHERE i.user_id = (SELECT o.user_id FROM installation o WHERE o.installation_id = p_installation)
		ORDER BY i.installation_id FOR NO KEY UPDATE;
	UPDATE installation SET owner_id = p_owner WHERE installation_id = p_installation
		RETURNING user_id INTO v_user;
	SELECT u.owner_id INTO v_known FROM user_account u WHERE u.user_id = v_user;
	IF NOT FOUND OR v_known IS NOT NULL THEN
		RETURN;
	END IF;
	SELECT u.user_id INTO v_other FROM user_account u WHERE u.owner_id = p_owner;
	IF NOT FOUND THEN
		UPDATE user_account SET owner_id = p_owner WHERE user_id = v_user;
		RETURN;
	END IF;
	UPDATE installation i SET user_id = v_other, seq = i.seq + 1, status_seq = i.seq + 1 WHERE i.user_id = v_user;
	UPDATE session SET user_id = v_other WHERE user_id = v_user;
	DELETE FROM user_account WHERE user_id = v_user;
END $$;

CREATE OR REPLACE FUNCTION job_reconcile()
RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
	WITH stale AS MATERIALIZED (
		SELECT i.installation_id, random() * interval '1 hour' AS delay FROM installation i
		WHERE i.status = 'active' AND i.synced_at < now() - interval '1 day'
			AND NOT EXISTS (SELECT 1 FROM job j WHERE j.installation_id = i.installation_id)
		ORDER BY i.installation_id),
	asked AS (
		SELECT job_put(s.installation_id, 'subscription_sync', s.delay),
			job_put(s.installation_id, 'device_sync', s.delay) FROM stale s)
	SELECT count(*) FROM asked;
END;
