-- Who sees an installation.  installation.user_id stays for programs of the version before, which read it.
CREATE TABLE access (
	installation_id platform_id NOT NULL REFERENCES installation ON DELETE CASCADE,
	user_id         bigint NOT NULL REFERENCES user_account ON DELETE CASCADE,
	role            text NOT NULL CHECK (role IN ('owner', 'control')),
	granted_at      timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (installation_id, user_id)
);
CREATE INDEX access_by_user ON access (user_id);
COMMENT ON TABLE access IS 'What a person''s pages show: the installations they linked, and those that were shown to them';
COMMENT ON COLUMN access.installation_id IS 'The installation';
COMMENT ON COLUMN access.user_id IS 'The person';
COMMENT ON COLUMN access.role IS 'owner: linked it with their own Samsung account; control: its owner shows it to them';
COMMENT ON COLUMN access.granted_at IS 'Since when';

CREATE TABLE access_offer (
	offer_hash      bytea PRIMARY KEY CHECK (octet_length(offer_hash) = 32),
	session_hash    bytea NOT NULL REFERENCES session ON DELETE CASCADE,
	installation_id platform_id NOT NULL REFERENCES installation ON DELETE CASCADE,
	user_id         bigint NOT NULL REFERENCES user_account ON DELETE CASCADE,
	expires_at      timestamptz NOT NULL
);
COMMENT ON TABLE access_offer IS 'A location was linked while somebody else was signed in: the question who should see it, single use';
COMMENT ON COLUMN access_offer.offer_hash IS 'SHA-256 of the random word in the form';
COMMENT ON COLUMN access_offer.session_hash IS 'The browser that was asked, and who is signed in there';
COMMENT ON COLUMN access_offer.installation_id IS 'The installation that was linked';
COMMENT ON COLUMN access_offer.user_id IS 'Its owner';
COMMENT ON COLUMN access_offer.expires_at IS 'Not accepted after this';

COMMENT ON TABLE user_account IS 'A person: one Samsung account';
COMMENT ON COLUMN user_account.owner_id IS 'The Samsung account; null only in accounts of the version before';
COMMENT ON COLUMN installation.user_id IS 'Person who linked it first; only programs of the version before read it';

-- Before, whoever was signed in when a location was linked got it.  Now its owner does, and they see it.
INSERT INTO user_account (owner_id)
	SELECT DISTINCT i.owner_id FROM installation i WHERE i.owner_id IS NOT NULL AND i.status <> 'removed'
	ON CONFLICT (owner_id) DO NOTHING;
INSERT INTO access (installation_id, user_id, role)
	SELECT i.installation_id, u.user_id, CASE WHEN i.owner_id IS NULL OR i.owner_id = u.owner_id THEN 'owner' ELSE 'control' END
	FROM installation i JOIN user_account u ON u.user_id = i.user_id WHERE i.status <> 'removed';
INSERT INTO access (installation_id, user_id, role)
	SELECT i.installation_id, u.user_id, 'owner' FROM installation i JOIN user_account u ON u.owner_id = i.owner_id
	WHERE i.status <> 'removed' ON CONFLICT DO NOTHING;
