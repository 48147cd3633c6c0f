-- What names a person or a place goes when the installation does, so that the row can stay for its events without it.
ALTER TABLE installation ALTER COLUMN user_id DROP NOT NULL, DROP CONSTRAINT installation_user_id_fkey,
	ADD CONSTRAINT installation_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_account ON DELETE SET NULL;
COMMENT ON COLUMN installation.user_id IS 'Person who linked it first, null once removed; only programs of the version before read it';
COMMENT ON COLUMN installation.owner_id IS 'Samsung account that owns it; null once removed';
COMMENT ON COLUMN installation.location_name IS 'Name of the location as its owner wrote it; null until the first sync, and once removed';
COMMENT ON COLUMN installation.removed_at IS 'When it was uninstalled; the row goes after its events have';
CREATE INDEX installation_removed ON installation (removed_at) WHERE removed_at IS NOT NULL;
-- Few events have a detail: those that say more than a state.
CREATE INDEX event_detail ON event (installation_id) WHERE detail IS NOT NULL;

-- Those that were removed before.
UPDATE installation SET user_id = NULL, owner_id = NULL, location_id = NULL, location_name = NULL WHERE status = 'removed';
UPDATE event e SET detail = NULL FROM installation i
	WHERE i.installation_id = e.installation_id AND i.status = 'removed' AND e.detail IS NOT NULL;
DELETE FROM user_account u WHERE NOT EXISTS (SELECT 1 FROM access a WHERE a.user_id = u.user_id);
