-- The sum of a month without reading what it is made of.
CREATE TABLE api_call_total (
	month date   PRIMARY KEY,
	calls bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE api_call_total IS 'Calls made to the platform by month; api_call has them in detail, for 62 days';
COMMENT ON COLUMN api_call_total.month IS 'First day of the month (UTC)';
COMMENT ON COLUMN api_call_total.calls IS 'How many, for all installations';

LOCK TABLE api_call IN SHARE MODE;
INSERT INTO api_call_total (month, calls)
	SELECT date_trunc('month', day)::date, sum(calls) FROM api_call GROUP BY 1;
