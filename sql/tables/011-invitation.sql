-- Links that let somebody in where SWITCHBOARD_SIGN_UP is "invite".
CREATE TABLE invitation (
	code_hash  bytea PRIMARY KEY CHECK (octet_length(code_hash) = 32),
	public_id  uuid NOT NULL DEFAULT gen_random_uuid(),
	made_by    bigint NOT NULL REFERENCES user_account ON DELETE CASCADE,
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz NOT NULL,
	used_at    timestamptz
);
CREATE UNIQUE INDEX invitation_by_maker ON invitation (made_by, public_id);
CREATE INDEX invitation_expiry ON invitation (expires_at);
COMMENT ON TABLE invitation IS 'Links that let one person sign in who could not otherwise: single use, one day';
COMMENT ON COLUMN invitation.code_hash IS 'SHA-256 of the random word in the link';
COMMENT ON COLUMN invitation.public_id IS 'Its name on the page: a random number that lets nobody in';
COMMENT ON COLUMN invitation.made_by IS 'Who invites; it is good only while they own a location here';
COMMENT ON COLUMN invitation.created_at IS 'When it was made';
COMMENT ON COLUMN invitation.expires_at IS 'Not accepted after this, and then deleted';
COMMENT ON COLUMN invitation.used_at IS 'When it let somebody in; null while it is open';
