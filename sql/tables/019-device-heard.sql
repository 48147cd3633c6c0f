-- Health can say OFFLINE for a device that answers: an event of the device itself is the better witness.

ALTER TABLE device ADD COLUMN heard_at timestamptz;
COMMENT ON COLUMN device.heard_at IS 'Time of the last event of the device itself that showed it to be online against what was said of it';
CREATE INDEX device_offline ON device (installation_id, device_id) WHERE NOT online;
