-- When the health of a device became known: a reading begun long after that is newer.

ALTER TABLE device ADD COLUMN health_stored_at timestamptz;
COMMENT ON COLUMN device.health_stored_at IS 'When we learned of it';
COMMENT ON COLUMN event_change.at IS 'event_time, or now when that is too far in the future: such a time would make every later event look old';
