-- Whose Switchboard it is: may always come in, also after they have disconnected everything.
CREATE TABLE first_owner (
	is_first   boolean PRIMARY KEY DEFAULT true CHECK (is_first),
	owner_hash bytea NOT NULL CHECK (octet_length(owner_hash) = 32)
);
COMMENT ON TABLE first_owner IS 'The person who signed in first, and so may always come in; delete the row to let the next one be the first';
COMMENT ON COLUMN first_owner.is_first IS 'Always true, for there is one';
COMMENT ON COLUMN first_owner.owner_hash IS 'SHA-256 of the Samsung account, so that it names nobody';

INSERT INTO first_owner (owner_hash)
	SELECT sha256(convert_to(u.owner_id, 'UTF8')) FROM user_account u JOIN access a ON a.user_id = u.user_id
	WHERE u.owner_id IS NOT NULL ORDER BY u.user_id LIMIT 1;
