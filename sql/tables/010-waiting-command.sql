-- The deadline of a command counts from its first sending.

COMMENT ON COLUMN command.deadline_at IS 'Not sent after this; until it was sent, how long it may wait for that, then how long it is tried';
