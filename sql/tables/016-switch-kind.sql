-- What a switch is a part of.  Rows from before are switches until the next sync says more.
CREATE DOMAIN switch_kind AS text
	CHECK (VALUE IN ('light', 'switch', 'plug', 'fan', 'tv', 'appliance', 'camera', 'other'));
COMMENT ON DOMAIN switch_kind IS 'What a switch turns on and off';

ALTER TABLE switch ADD COLUMN kind switch_kind NOT NULL DEFAULT 'switch';
COMMENT ON COLUMN switch.kind IS 'What it is, from the categories of its component: those that its user chose before the manufacturer''s';
