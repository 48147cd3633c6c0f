-- A host with another seal key than the others is recognised before it touches anything.

CREATE TABLE seal_canary (
	key_id  text COLLATE "C" PRIMARY KEY,
	sealed  bytea NOT NULL,
	made_at timestamptz NOT NULL DEFAULT now(),
	seen_at timestamptz NOT NULL DEFAULT now(),
	seen_by text
);
COMMENT ON TABLE seal_canary IS 'For each seal key a known text that it sealed: a program whose key of that id does not open it has another key';
COMMENT ON COLUMN seal_canary.key_id IS 'Id of the key in SWITCHBOARD_SEAL_KEYS';
COMMENT ON COLUMN seal_canary.sealed IS 'The known text, AES-256-GCM, bound to the id';
COMMENT ON COLUMN seal_canary.made_at IS 'When the first program sealed with this key';
COMMENT ON COLUMN seal_canary.seen_at IS 'When a worker that has the key last said so, which each does every minute';
COMMENT ON COLUMN seal_canary.seen_by IS 'The last worker that has it, and lacks no other key';

ALTER TABLE worker ADD COLUMN lacks_key text;
COMMENT ON COLUMN worker.lacks_key IS 'A seal key that tokens need and its SWITCHBOARD_SEAL_KEYS lacks; null: none';
