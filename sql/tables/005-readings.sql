-- What a reading of the platform's lists says against what is there.

ALTER TABLE device ADD COLUMN health_stored_at timestamptz;
COMMENT ON COLUMN device.health_stored_at IS 'When we learned of it';
COMMENT ON COLUMN event_change.at IS 'event_time, or now when that is too far in the future: such a time would make every later event look old';

-- One list may be empty or short by mistake.
ALTER TABLE room ADD COLUMN missed_at timestamptz;
COMMENT ON COLUMN room.missed_at IS 'Start of the first sync that did not find it; another that does not either removes it';
ALTER TABLE device ADD COLUMN missed_at timestamptz;
COMMENT ON COLUMN device.missed_at IS 'As in room';
ALTER TABLE switch ADD COLUMN missed_at timestamptz;
COMMENT ON COLUMN switch.missed_at IS 'As in room';

-- A refresh token that the platform refuses is sent again, ever less often.  Those that were refused before are not.
ALTER TABLE token ADD COLUMN refusals integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN token.refusals IS 'How often in a row the platform refused the refresh token (invalid_grant)';
COMMENT ON COLUMN token.expires_at IS 'End of the access token, or of its use after a 401';
COMMENT ON COLUMN token.refresh_after IS 'When to refresh: about half of the access token''s life, now after a 401, infinity when it is refused for good';
UPDATE token t SET refresh_after = 'infinity' FROM installation i
	WHERE i.installation_id = t.installation_id AND i.status = 'needs_reauth' AND t.last_error IS DISTINCT FROM 'sealed';

-- Installations of one location.
CREATE INDEX installation_by_location ON installation (location_id);
