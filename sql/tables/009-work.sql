-- One queue instead of four: jobs, refreshes of tokens, commands and confirmations each found their next work in a way of
-- their own, which read what could not be done as well.
CREATE TABLE work (
	installation_id text COLLATE "C" NOT NULL,
	kind            text NOT NULL
		CHECK (kind IN ('device_sync', 'subscription_sync', 'uninstall', 'refresh', 'command', 'confirmation')),
	subject         text COLLATE "C" NOT NULL DEFAULT '',
	priority        smallint NOT NULL CHECK (priority BETWEEN 0 AND 2),
	run_at          timestamptz NOT NULL DEFAULT now(),
	lease           text,
	claim           bigint,
	waits_for       text CHECK (waits_for IN ('token', 'link')),
	generation      bigint NOT NULL DEFAULT 1,
	attempts        integer NOT NULL DEFAULT 0,
	last_error      text,
	queued_at       timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (installation_id, kind, subject)
) WITH (fillfactor = 70);
CREATE SEQUENCE work_claims;
CREATE INDEX work_due ON work (priority, run_at) WHERE waits_for IS NULL;
CREATE INDEX work_leased ON work (lease) WHERE lease IS NOT NULL;
COMMENT ON SEQUENCE work_claims IS 'Numbers of claims: work.claim';
COMMENT ON TABLE work IS 'The worker''s queue: at most one row of a kind per installation, and one for each confirmation';
COMMENT ON COLUMN work.installation_id IS 'For whom; empty for a confirmation, which is for the app';
COMMENT ON COLUMN work.kind IS 'device_sync: read devices, rooms and states; subscription_sync: bring subscriptions right; uninstall: delete it at the platform, then erase; refresh: its tokens; command: send what is in table command; confirmation: fetch an address of table confirmation';
COMMENT ON COLUMN work.subject IS 'Of a confirmation: its confirmation_hash, in hex; else empty';
COMMENT ON COLUMN work.priority IS '0: a person waits; 1: an event asked for it; 2: upkeep';
COMMENT ON COLUMN work.run_at IS 'Not claimed before this; while a worker has it, the end of that worker''s lease';
COMMENT ON COLUMN work.lease IS 'Worker that has it now';
COMMENT ON COLUMN work.claim IS 'Number of the claim by which it has it: what the holder of an older one says of the work is out of date';
COMMENT ON COLUMN work.waits_for IS 'What must change before it can be done, whatever the time: token: a fresh access token; link: the location has to be linked again';
COMMENT ON COLUMN work.generation IS 'Grows when it is asked for again: then it runs once more after the present run';
COMMENT ON COLUMN work.attempts IS 'Failed runs so far';
COMMENT ON COLUMN work.last_error IS 'Why the last run failed; null: it did not';
COMMENT ON COLUMN work.queued_at IS 'When it was asked for; of a sync that comes back daily, at the latest when the last run ended';

INSERT INTO work (installation_id, kind, priority, run_at, waits_for, attempts, last_error, queued_at)
	SELECT j.installation_id, j.kind, CASE WHEN i.status = 'linking' THEN 0 ELSE 1 END, j.run_at,
		CASE WHEN i.status = 'needs_reauth' AND j.kind <> 'uninstall' THEN 'link' END, j.attempts, j.last_error, j.queued_at
	FROM job j JOIN installation i ON i.installation_id = j.installation_id;
-- The daily comparison with the platform, from now on rows of their own that are always there.
INSERT INTO work (installation_id, kind, priority, run_at, waits_for)
	SELECT i.installation_id, k.kind, 2, now() + random() * interval '1 day', CASE i.status WHEN 'needs_reauth' THEN 'link' END
	FROM installation i, unnest(ARRAY['device_sync', 'subscription_sync']) AS k (kind)
	WHERE i.status IN ('active', 'needs_reauth') ON CONFLICT DO NOTHING;
INSERT INTO work (installation_id, kind, priority, run_at, waits_for, attempts)
	SELECT t.installation_id, 'refresh', 2, CASE WHEN t.refresh_after = 'infinity' THEN now() ELSE t.refresh_after END,
		CASE WHEN t.refresh_after = 'infinity' OR t.last_error = 'sealed' THEN 'link' END, t.failures
	FROM token t;
INSERT INTO work (installation_id, kind, priority)
	SELECT DISTINCT c.installation_id, 'command', 0 FROM command c WHERE c.status IN ('requested', 'sent');
INSERT INTO work (installation_id, kind, subject, priority, run_at, attempts, last_error, queued_at)
	SELECT '', 'confirmation', encode(f.confirmation_hash, 'hex'), 0, f.run_at, f.attempts, f.last_error, f.requested_at
	FROM confirmation f WHERE f.confirmed_at IS NULL;

DROP TABLE job;
ALTER TABLE token DROP COLUMN refresh_after, DROP COLUMN claimed_by, DROP COLUMN claimed_until;
ALTER TABLE confirmation DROP COLUMN run_at, DROP COLUMN claimed_by, DROP COLUMN claimed_until, DROP COLUMN attempts,
	DROP COLUMN last_error;
COMMENT ON TABLE token IS 'Access and refresh token of an installation, sealed';

-- A location in which something changes every second is not read every second.
ALTER TABLE installation ADD COLUMN sync_pause interval NOT NULL DEFAULT '0';
COMMENT ON COLUMN installation.sync_pause IS 'How long after the last sync events cause another; grows while they follow each other closely';

CREATE TABLE catch_up (
	is_open   boolean PRIMARY KEY DEFAULT true CHECK (is_open),
	since     timestamptz,
	spread    interval NOT NULL,
	after     text COLLATE "C"
);
COMMENT ON TABLE catch_up IS 'Open while installations are being looked at that may have changed while no worker was there or no webhook could be stored';
COMMENT ON COLUMN catch_up.is_open IS 'Always true, for there is one';
COMMENT ON COLUMN catch_up.since IS 'When a worker last reported before; null: not known';
COMMENT ON COLUMN catch_up.spread IS 'Over how long the syncs of all installations are spread';
COMMENT ON COLUMN catch_up.after IS 'The sync of installations up to this one is planned; null: of none';
