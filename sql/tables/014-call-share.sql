-- What each installation has used of the month's budget, without reading what it is made of.
CREATE TABLE api_call_installation (
	installation_id text COLLATE "C" PRIMARY KEY,
	month           date   NOT NULL,
	calls           bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE api_call_installation IS 'Calls made to the platform for an installation in the last month in which there was one; api_call has them in detail';
COMMENT ON COLUMN api_call_installation.installation_id IS 'For whom';
COMMENT ON COLUMN api_call_installation.month IS 'First day of that month (UTC)';
COMMENT ON COLUMN api_call_installation.calls IS 'How many in that month';

LOCK TABLE api_call IN SHARE MODE;
INSERT INTO api_call_installation (installation_id, month, calls)
	SELECT c.installation_id, m.month, sum(c.calls) FROM api_call c,
		(SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date AS month) m
	WHERE c.day >= m.month AND c.installation_id <> '' GROUP BY 1, 2;
