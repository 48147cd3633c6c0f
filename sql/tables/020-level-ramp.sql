-- A dimmer reports levels on its way to the one that was requested.

ALTER TABLE command ADD COLUMN rests_at timestamptz;
COMMENT ON COLUMN command.rests_at IS 'For setLevel, once another level than the requested one was reported: confirmed then, unless another one is';

CREATE INDEX command_moving ON command (rests_at) WHERE status = 'accepted';
COMMENT ON INDEX command_moving IS 'Levels that are on their way';
