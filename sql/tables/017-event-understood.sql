-- One odd event never costs its webhook: it is stored as it came, and changes nothing.

ALTER TABLE event ADD COLUMN understood boolean NOT NULL DEFAULT true;
ALTER TABLE event_stray ADD COLUMN understood boolean NOT NULL DEFAULT true;
DO $$
DECLARE
	t regclass;
BEGIN
	FOREACH t IN ARRAY ARRAY['event', 'event_stray']::regclass[] LOOP
		EXECUTE format('COMMENT ON COLUMN %s.understood IS %L', t,
			'False: a member of it is not what it should be; it changes nothing, and detail is all of it, as it came');
		EXECUTE format('COMMENT ON COLUMN %s.detail IS %L', t,
			'Everything the platform said, for types other than DEVICE_EVENT and for what was not understood (as text where jsonb cannot hold it)');
	END LOOP;
END $$;
COMMENT ON COLUMN event_change.kind IS 'switch or level: the attribute of a switch that it sets; other: event_apply_other() decides; none: it changes nothing, or was not understood';
