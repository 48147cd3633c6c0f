-- Fetches of certificates, counted for each network that causes them.

CREATE TABLE signing_key_fetch (
	network    text COLLATE "C" NOT NULL,
	fetched_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX signing_key_fetch_time ON signing_key_fetch (fetched_at);
COMMENT ON TABLE signing_key_fetch IS 'Fetches in the last minute of certificates that were never there: what strangers can cause has a limit';
COMMENT ON COLUMN signing_key_fetch.network IS 'Where the webhook came from: /24, /64, or empty when that is not known';
COMMENT ON COLUMN signing_key_fetch.fetched_at IS 'When';

-- Rows without a certificate are counted no more.
DROP INDEX signing_key_first_seen;
