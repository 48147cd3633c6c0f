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
