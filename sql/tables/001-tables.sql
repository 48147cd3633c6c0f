-- Tables, types and indexes.  This file runs once: a change of them is a file of its own, with the next number.
-- Functions, views and grants are in ../functions.
--
-- Ids of the platform are text: it says they are UUIDs, but nothing here depends on that.  Every table that belongs
-- to an installation leads its key with installation_id, so that it can be distributed by it later.  Tables that every
-- event updates leave room in their pages and have no index on what changes (seq, state): such an update writes no index.

CREATE DOMAIN platform_id AS text COLLATE "C"
	CHECK (VALUE ~ '^[A-Za-z0-9._-]{1,128}$');
COMMENT ON DOMAIN platform_id IS 'An id made by the SmartThings platform';

-- Domains, not CHECKs of the tables: an update of any column runs all CHECKs of its table, but a domain's only
-- where a value is cast to it.
CREATE DOMAIN installation_status AS text CHECK (VALUE IN ('linking', 'active', 'needs_reauth', 'removed'));
COMMENT ON DOMAIN installation_status IS 'Status of an installation';
CREATE DOMAIN sync_state AS text CHECK (VALUE IN ('queued', 'running', 'done', 'failed'));
COMMENT ON DOMAIN sync_state IS 'Progress of a device sync';
CREATE DOMAIN switch_state AS text CHECK (VALUE IN ('on', 'off'));
COMMENT ON DOMAIN switch_state IS 'State of a switch';
CREATE DOMAIN switch_level AS integer CHECK (VALUE BETWEEN 0 AND 100);
COMMENT ON DOMAIN switch_level IS 'Level of a dimmer, in percent';

CREATE TABLE user_account (
	user_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	owner_id   platform_id UNIQUE,
	created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE user_account IS 'A person: the owner of one or more installations';
COMMENT ON COLUMN user_account.user_id IS 'Our number for the person';
COMMENT ON COLUMN user_account.owner_id IS 'Samsung account that owns the installations; null until the platform names it';
COMMENT ON COLUMN user_account.created_at IS 'When the first location was linked';

CREATE TABLE installation (
	installation_id platform_id PRIMARY KEY,
	user_id         bigint NOT NULL REFERENCES user_account,
	owner_id        platform_id,
	location_id     platform_id,
	location_name   text,
	status          installation_status NOT NULL DEFAULT 'linking',
	seq             bigint NOT NULL DEFAULT 1,
	status_seq      bigint NOT NULL DEFAULT 1,
	structure_seq   bigint NOT NULL DEFAULT 1,
	sync_seq        bigint NOT NULL DEFAULT 1,
	sync_state      sync_state NOT NULL DEFAULT 'queued',
	sync_found      integer NOT NULL DEFAULT 0,
	sync_error      text,
	synced_at       timestamptz,
	location_read_at timestamptz,
	rooms_read_at   timestamptz,
	linked_at       timestamptz NOT NULL DEFAULT now(),
	removed_at      timestamptz
) WITH (fillfactor = 70);
CREATE INDEX installation_by_user ON installation (user_id);
COMMENT ON TABLE installation IS 'An installed app: one location of one owner, linked by OAuth';
COMMENT ON COLUMN installation.installation_id IS 'The platform''s installedAppId';
COMMENT ON COLUMN installation.user_id IS 'Person whose page shows it';
COMMENT ON COLUMN installation.owner_id IS 'Samsung account that owns it, when the platform names it';
COMMENT ON COLUMN installation.location_id IS 'The platform''s locationId; null until the first sync';
COMMENT ON COLUMN installation.location_name IS 'Name of the location as its owner wrote it';
COMMENT ON COLUMN installation.status IS 'linking: first sync not done yet; active; needs_reauth: the platform refuses the refresh token, or no seal key opens it; removed: uninstalled';
COMMENT ON COLUMN installation.seq IS 'Grows with every transaction that changes what the page shows of it; the cursor of live updates';
COMMENT ON COLUMN installation.status_seq IS 'seq at which status last changed';
COMMENT ON COLUMN installation.structure_seq IS 'seq at which devices, names or rooms last changed';
COMMENT ON COLUMN installation.sync_seq IS 'seq at which the progress of the device sync last changed';
COMMENT ON COLUMN installation.sync_state IS 'Progress of the device sync';
COMMENT ON COLUMN installation.sync_found IS 'Devices found so far by the sync that runs, or by the last one';
COMMENT ON COLUMN installation.sync_error IS 'Why the last sync failed';
COMMENT ON COLUMN installation.synced_at IS 'When the last complete sync began';
COMMENT ON COLUMN installation.location_read_at IS 'When the name of the location was last read; null: read it at the next sync';
COMMENT ON COLUMN installation.rooms_read_at IS 'When its rooms were last read; the platform allows 50 times an hour';
COMMENT ON COLUMN installation.linked_at IS 'When it was linked, or linked again';
COMMENT ON COLUMN installation.removed_at IS 'When it was uninstalled';

CREATE TABLE session (
	session_hash bytea PRIMARY KEY CHECK (octet_length(session_hash) = 32),
	user_id      bigint NOT NULL REFERENCES user_account ON DELETE CASCADE,
	public_id    uuid NOT NULL DEFAULT gen_random_uuid(),
	user_agent   text,
	created_at   timestamptz NOT NULL DEFAULT now(),
	seen_at      timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz NOT NULL
);
CREATE UNIQUE INDEX session_by_user ON session (user_id, public_id);
CREATE INDEX session_expiry ON session (expires_at);
COMMENT ON TABLE session IS 'A signed-in browser';
COMMENT ON COLUMN session.session_hash IS 'SHA-256 of the session cookie; the cookie itself is stored nowhere';
COMMENT ON COLUMN session.user_id IS 'Who is signed in';
COMMENT ON COLUMN session.public_id IS 'Its name on the page: a random number that signs nobody in';
COMMENT ON COLUMN session.user_agent IS 'User-Agent of the browser at sign-in';
COMMENT ON COLUMN session.created_at IS 'When it signed in';
COMMENT ON COLUMN session.seen_at IS 'Last use, to five minutes';
COMMENT ON COLUMN session.expires_at IS 'Ends here unless used before';

CREATE TABLE oauth_state (
	state_hash   bytea PRIMARY KEY CHECK (octet_length(state_hash) = 32),
	browser_hash bytea NOT NULL CHECK (octet_length(browser_hash) = 32),
	created_at   timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz NOT NULL
);
CREATE INDEX oauth_state_expiry ON oauth_state (expires_at);
COMMENT ON TABLE oauth_state IS 'An authorization under way: the state parameter, single use, ten minutes';
COMMENT ON COLUMN oauth_state.state_hash IS 'SHA-256 of the state parameter';
COMMENT ON COLUMN oauth_state.browser_hash IS 'SHA-256 of the cookie that binds it to one browser';
COMMENT ON COLUMN oauth_state.created_at IS 'When the browser left for the platform';
COMMENT ON COLUMN oauth_state.expires_at IS 'Not accepted after this';

CREATE TABLE token (
	installation_id    platform_id PRIMARY KEY REFERENCES installation,
	generation         bigint NOT NULL DEFAULT 1,
	access_sealed      bytea NOT NULL,
	refresh_sealed     bytea NOT NULL,
	seal_key_id        text NOT NULL,
	scope              text,
	obtained_at        timestamptz NOT NULL DEFAULT now(),
	expires_at         timestamptz NOT NULL,
	refresh_after      timestamptz NOT NULL,
	refresh_expires_at timestamptz NOT NULL,
	claimed_by         text,
	claimed_until      timestamptz,
	failures           integer NOT NULL DEFAULT 0,
	last_error         text,
	last_error_at      timestamptz
);
CREATE INDEX token_due ON token (refresh_after);
CREATE INDEX token_seal_key ON token (seal_key_id);
CREATE INDEX token_unopened ON token (installation_id) WHERE last_error = 'sealed';
COMMENT ON TABLE token IS 'Access and refresh token of an installation, sealed; also the queue of refreshes';
COMMENT ON COLUMN token.installation_id IS 'Its installation';
COMMENT ON COLUMN token.generation IS 'Counts the pairs: an answer of an older refresh never replaces a newer pair';
COMMENT ON COLUMN token.access_sealed IS 'Access token, AES-256-GCM, bound to this row';
COMMENT ON COLUMN token.refresh_sealed IS 'Refresh token, AES-256-GCM, bound to this row';
COMMENT ON COLUMN token.seal_key_id IS 'Which of SWITCHBOARD_SEAL_KEYS sealed both';
COMMENT ON COLUMN token.scope IS 'Scopes the platform granted';
COMMENT ON COLUMN token.obtained_at IS 'When the platform issued the pair';
COMMENT ON COLUMN token.expires_at IS 'End of the access token';
COMMENT ON COLUMN token.refresh_after IS 'When to refresh: about half of the access token''s life, or now after a 401';
COMMENT ON COLUMN token.refresh_expires_at IS 'End of the refresh token: after this the location must be linked again';
COMMENT ON COLUMN token.claimed_by IS 'Worker that refreshes it now';
COMMENT ON COLUMN token.claimed_until IS 'End of that worker''s lease; nobody else refreshes before';
COMMENT ON COLUMN token.failures IS 'Failed refreshes since the last good one';
COMMENT ON COLUMN token.last_error IS 'Why the last refresh failed; sealed: no key of the worker opens the row; never a secret';
COMMENT ON COLUMN token.last_error_at IS 'When it failed';

CREATE TABLE subscription (
	installation_id platform_id NOT NULL REFERENCES installation,
	subscription_id platform_id NOT NULL,
	source_type     text NOT NULL,
	capability      text,
	attribute       text,
	name            text,
	seen_at         timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (installation_id, subscription_id)
);
COMMENT ON TABLE subscription IS 'What the platform sends webhooks for, as last listed by it';
COMMENT ON COLUMN subscription.installation_id IS 'Its installation';
COMMENT ON COLUMN subscription.subscription_id IS 'The platform''s id of it';
COMMENT ON COLUMN subscription.source_type IS 'CAPABILITY, DEVICE_LIFECYCLE, DEVICE_HEALTH, …';
COMMENT ON COLUMN subscription.capability IS 'For CAPABILITY: which';
COMMENT ON COLUMN subscription.attribute IS 'For CAPABILITY: which attribute';
COMMENT ON COLUMN subscription.name IS 'subscriptionName that its events carry';
COMMENT ON COLUMN subscription.seen_at IS 'When the platform last listed it';

CREATE TABLE room (
	installation_id platform_id NOT NULL REFERENCES installation,
	room_id         platform_id NOT NULL,
	name            text NOT NULL,
	PRIMARY KEY (installation_id, room_id)
);
COMMENT ON TABLE room IS 'A room of a location';
COMMENT ON COLUMN room.installation_id IS 'Its installation';
COMMENT ON COLUMN room.room_id IS 'The platform''s roomId';
COMMENT ON COLUMN room.name IS 'Name as its owner wrote it';

CREATE TABLE device (
	installation_id platform_id NOT NULL REFERENCES installation,
	device_id       platform_id NOT NULL,
	name            text NOT NULL,
	room_id         platform_id,
	online          boolean,
	health_at       timestamptz,
	health_tick     bigint,
	PRIMARY KEY (installation_id, device_id)
);
COMMENT ON TABLE device IS 'A device that has at least one switch';
COMMENT ON COLUMN device.installation_id IS 'Its installation';
COMMENT ON COLUMN device.device_id IS 'The platform''s deviceId';
COMMENT ON COLUMN device.name IS 'Its label, or its name when it has none';
COMMENT ON COLUMN device.room_id IS 'The room it is in; null when in none';
COMMENT ON COLUMN device.online IS 'Can the platform reach it; null when unknown';
COMMENT ON COLUMN device.health_at IS 'Time of the event or status that set online';
COMMENT ON COLUMN device.health_tick IS 'Finer time of it, 100 ns units since 1970, when known';

CREATE TABLE switch (
	installation_id platform_id NOT NULL,
	device_id       platform_id NOT NULL,
	component       platform_id NOT NULL,
	label           text,
	position        integer NOT NULL DEFAULT 0,
	has_level       boolean NOT NULL DEFAULT false,
	state           switch_state,
	state_at        timestamptz,
	state_tick      bigint,
	state_stored_at timestamptz,
	level           switch_level,
	level_at        timestamptz,
	level_tick      bigint,
	level_stored_at timestamptz,
	seq             bigint NOT NULL,
	PRIMARY KEY (installation_id, device_id, component),
	FOREIGN KEY (installation_id, device_id) REFERENCES device ON DELETE CASCADE
) WITH (fillfactor = 70);
COMMENT ON TABLE switch IS 'One switch: a component of a device';
COMMENT ON COLUMN switch.installation_id IS 'Its installation';
COMMENT ON COLUMN switch.device_id IS 'Its device';
COMMENT ON COLUMN switch.component IS 'Its component: main, outlet1, …';
COMMENT ON COLUMN switch.label IS 'The component''s own label, when it has one';
COMMENT ON COLUMN switch.position IS 'Order of the component in its device';
COMMENT ON COLUMN switch.has_level IS 'A dimmer: switchLevel too';
COMMENT ON COLUMN switch.state IS 'on or off; null when it never reported';
COMMENT ON COLUMN switch.state_at IS 'Time of the event or status that set the state';
COMMENT ON COLUMN switch.state_tick IS 'Finer time of it, 100 ns units since 1970: of a version-1 event id, or of a status with milliseconds';
COMMENT ON COLUMN switch.state_stored_at IS 'When we learned of it';
COMMENT ON COLUMN switch.level IS 'Dimmer level, 0 to 100';
COMMENT ON COLUMN switch.level_at IS 'As state_at, for the level';
COMMENT ON COLUMN switch.level_tick IS 'As state_tick, for the level';
COMMENT ON COLUMN switch.level_stored_at IS 'As state_stored_at, for the level';
COMMENT ON COLUMN switch.seq IS 'The installation''s seq when this row last changed for the page';

-- No domain for its ids: the id has been found in installation already, so that checking it for each event is waste.
CREATE TABLE event (
	installation_id text COLLATE "C" NOT NULL,
	event_time      timestamptz NOT NULL,
	event_id        uuid NOT NULL,
	event_tick      bigint,
	event_type      text NOT NULL,
	device_id       text,
	component       text,
	capability      text,
	attribute       text,
	value           jsonb,
	detail          jsonb,
	received_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (installation_id, event_time, event_id)
) PARTITION BY RANGE (event_time);
COMMENT ON TABLE event IS 'Every event the platform sent, once; a partition a day (UTC), dropped after its time';
COMMENT ON COLUMN event.installation_id IS 'Its installation';
COMMENT ON COLUMN event.event_time IS 'eventTime as sent (usually whole seconds)';
COMMENT ON COLUMN event.event_id IS 'The platform''s eventId, or one derived from the body when it sent none';
COMMENT ON COLUMN event.event_tick IS '100 ns units since 1970 from a version-1 eventId: orders events of one second';
COMMENT ON COLUMN event.event_type IS 'DEVICE_EVENT, DEVICE_HEALTH_EVENT, …';
COMMENT ON COLUMN event.device_id IS 'The device it is about';
COMMENT ON COLUMN event.component IS 'The component it is about';
COMMENT ON COLUMN event.capability IS 'For a DEVICE_EVENT: switch, switchLevel, …';
COMMENT ON COLUMN event.attribute IS 'For a DEVICE_EVENT: switch, level, …';
COMMENT ON COLUMN event.value IS 'The new value; the status of a health event; the kind of a lifecycle event';
COMMENT ON COLUMN event.detail IS 'Everything the platform said, for types other than DEVICE_EVENT';
COMMENT ON COLUMN event.received_at IS 'When it was stored';
CREATE TABLE event_other PARTITION OF event DEFAULT;
COMMENT ON TABLE event_other IS 'Events dated outside of the daily partitions';

CREATE TYPE event_change AS (
	installation_id text,
	seq             bigint,
	kind            text,
	device_id       text,
	component       text,
	value           text,
	at              timestamptz,
	tick            bigint,
	event_id        uuid,
	event_type      text,
	event_time      timestamptz,
	event_tick      bigint,
	detail          jsonb
);
COMMENT ON TYPE event_change IS 'A new event as it is applied to switches and devices; no table has it';
COMMENT ON COLUMN event_change.installation_id IS 'Its installation';
COMMENT ON COLUMN event_change.seq IS 'The seq that its installation gets';
COMMENT ON COLUMN event_change.kind IS 'switch or level: the attribute of a switch that it sets; other: event_apply_other() decides; none: it changes nothing';
COMMENT ON COLUMN event_change.device_id IS 'The device it is about';
COMMENT ON COLUMN event_change.component IS 'The component it is about';
COMMENT ON COLUMN event_change.value IS 'The new value, as text';
COMMENT ON COLUMN event_change.at IS 'event_time, or now when that is in the future: such a time would make every later event look old';
COMMENT ON COLUMN event_change.tick IS 'Finer time of it, 100 ns units since 1970, when known';
COMMENT ON COLUMN event_change.event_id IS 'As in event';
COMMENT ON COLUMN event_change.event_type IS 'As in event';
COMMENT ON COLUMN event_change.event_time IS 'As in event';
COMMENT ON COLUMN event_change.event_tick IS 'As in event';
COMMENT ON COLUMN event_change.detail IS 'As in event';

CREATE TABLE command (
	installation_id platform_id NOT NULL REFERENCES installation,
	command_id      uuid NOT NULL DEFAULT gen_random_uuid(),
	device_id       platform_id NOT NULL,
	component       platform_id NOT NULL,
	command         text NOT NULL CHECK (command IN ('on', 'off', 'setLevel')),
	level           integer CHECK (level BETWEEN 0 AND 100),
	user_id         bigint NOT NULL,
	status          text NOT NULL DEFAULT 'requested'
		CHECK (status IN ('requested', 'sent', 'accepted', 'confirmed', 'failed')),
	requested_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
	run_at          timestamptz NOT NULL DEFAULT now(),
	deadline_at     timestamptz NOT NULL,
	claimed_by      text,
	claimed_until   timestamptz,
	attempts        integer NOT NULL DEFAULT 0,
	sent_at         timestamptz,
	accepted_at     timestamptz,
	finished_at     timestamptz,
	error           text,
	seq             bigint NOT NULL,
	PRIMARY KEY (installation_id, command_id),
	CHECK ((command = 'setLevel') = (level IS NOT NULL))
);
CREATE INDEX command_open ON command (installation_id, device_id, component)
	WHERE status IN ('requested', 'sent', 'accepted');
CREATE INDEX command_on_the_wire ON command (installation_id) WHERE claimed_until IS NOT NULL;
CREATE INDEX command_unconfirmed ON command (accepted_at) WHERE status = 'accepted';
CREATE INDEX command_seq ON command (installation_id, seq) WHERE status = 'failed';
CREATE INDEX command_finished ON command (finished_at) WHERE finished_at IS NOT NULL;
COMMENT ON TABLE command IS 'A command: requested on the page, sent by a worker, confirmed by the event that follows';
COMMENT ON COLUMN command.installation_id IS 'Its installation';
COMMENT ON COLUMN command.command_id IS 'Our id of the command';
COMMENT ON COLUMN command.device_id IS 'Its device';
COMMENT ON COLUMN command.component IS 'Its component';
COMMENT ON COLUMN command.command IS 'on, off or setLevel';
COMMENT ON COLUMN command.level IS 'For setLevel: 0 to 100';
COMMENT ON COLUMN command.user_id IS 'Who requested it';
COMMENT ON COLUMN command.status IS 'requested, sent, accepted (by the platform), confirmed (by an event), failed';
COMMENT ON COLUMN command.requested_at IS 'When it was stored';
COMMENT ON COLUMN command.run_at IS 'Not sent before this: back-off after a refusal';
COMMENT ON COLUMN command.deadline_at IS 'Not sent after this';
COMMENT ON COLUMN command.claimed_by IS 'Worker that sends it now';
COMMENT ON COLUMN command.claimed_until IS 'End of that worker''s lease';
COMMENT ON COLUMN command.attempts IS 'How often it was sent';
COMMENT ON COLUMN command.sent_at IS 'When it was last sent';
COMMENT ON COLUMN command.accepted_at IS 'When the platform took it';
COMMENT ON COLUMN command.finished_at IS 'When it was confirmed or failed';
COMMENT ON COLUMN command.error IS 'Why it failed: offline, refused, unconfirmed, expired, superseded, reconnect, removed';
COMMENT ON COLUMN command.seq IS 'The installation''s seq when it last changed';

CREATE TABLE job (
	installation_id platform_id NOT NULL REFERENCES installation,
	kind            text NOT NULL CHECK (kind IN ('device_sync', 'subscription_sync', 'uninstall')),
	run_at          timestamptz NOT NULL DEFAULT now(),
	generation      bigint NOT NULL DEFAULT 1,
	attempts        integer NOT NULL DEFAULT 0,
	claimed_by      text,
	claimed_until   timestamptz,
	last_error      text,
	queued_at       timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (installation_id, kind)
);
CREATE INDEX job_due ON job (run_at);
COMMENT ON TABLE job IS 'The worker''s queue; at most one job of a kind per installation';
COMMENT ON COLUMN job.installation_id IS 'For whom';
COMMENT ON COLUMN job.kind IS 'device_sync: read devices, rooms and states; subscription_sync: bring subscriptions right; uninstall: delete it at the platform, then erase';
COMMENT ON COLUMN job.run_at IS 'Not before this';
COMMENT ON COLUMN job.generation IS 'Grows when the job is put again: then it runs once more after the present run';
COMMENT ON COLUMN job.attempts IS 'Failed runs so far';
COMMENT ON COLUMN job.claimed_by IS 'Worker that runs it now';
COMMENT ON COLUMN job.claimed_until IS 'End of that worker''s lease';
COMMENT ON COLUMN job.last_error IS 'Why the last run failed';
COMMENT ON COLUMN job.queued_at IS 'When it was first put into the queue';

CREATE TABLE pause (
	installation_id platform_id NOT NULL REFERENCES installation,
	kind            text NOT NULL CHECK (kind IN ('device_sync', 'subscription_sync', 'uninstall', 'refresh', 'command')),
	device_id       text COLLATE "C" NOT NULL DEFAULT '',
	ends_at         timestamptz NOT NULL,
	PRIMARY KEY (installation_id, kind, device_id)
);
COMMENT ON TABLE pause IS 'Calls that the platform answered with 429: no worker makes such calls before the end';
COMMENT ON COLUMN pause.installation_id IS 'For whom';
COMMENT ON COLUMN pause.kind IS 'What waits: a kind of job, the refresh of its token, or its commands';
COMMENT ON COLUMN pause.device_id IS 'For commands: to which device; the platform counts them for each';
COMMENT ON COLUMN pause.ends_at IS 'When such calls may be made again';

CREATE TABLE call_pace (
	installation_id platform_id NOT NULL REFERENCES installation,
	kind            text NOT NULL CHECK (kind IN ('subscription_create', 'subscription_other')),
	made_at         timestamptz[] NOT NULL DEFAULT '{}',
	PRIMARY KEY (installation_id, kind)
);
COMMENT ON TABLE call_pace IS 'Calls that the platform allows only so often, by all workers together';
COMMENT ON COLUMN call_pace.installation_id IS 'For whom';
COMMENT ON COLUMN call_pace.kind IS 'subscription_create: creating one; subscription_other: listing or deleting them; the limits are in src/db/policy.h';
COMMENT ON COLUMN call_pace.made_at IS 'When the last ones were made, oldest first; those before the window of the limit are dropped';

CREATE TABLE api_call (
	installation_id text COLLATE "C" NOT NULL,
	day             date NOT NULL,
	endpoint        text NOT NULL,
	status          integer NOT NULL,
	calls           bigint NOT NULL,
	PRIMARY KEY (installation_id, day, endpoint, status)
);
CREATE INDEX api_call_day ON api_call (day);
COMMENT ON TABLE api_call IS 'Calls made to the platform, which charges by their number';
COMMENT ON COLUMN api_call.installation_id IS 'For whom; empty when for nobody yet';
COMMENT ON COLUMN api_call.day IS 'UTC day';
COMMENT ON COLUMN api_call.endpoint IS 'Method and path with ids left out';
COMMENT ON COLUMN api_call.status IS 'HTTP status, 0 when there was no answer';
COMMENT ON COLUMN api_call.calls IS 'How many';

CREATE TABLE signing_key (
	key_id       text COLLATE "C" PRIMARY KEY,
	certificate  text,
	not_after    timestamptz,
	fetched_at   timestamptz,
	failed_until timestamptz,
	failure      text CHECK (failure IN ('refused', 'away')),
	claimed_until timestamptz,
	first_seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX signing_key_first_seen ON signing_key (first_seen_at) WHERE certificate IS NULL;
COMMENT ON TABLE signing_key IS 'Certificates the platform signs webhooks with, shared by all webhook processes';
COMMENT ON COLUMN signing_key.key_id IS 'keyId of the signature';
COMMENT ON COLUMN signing_key.certificate IS 'PEM, as the key server sent it; null when it was never there';
COMMENT ON COLUMN signing_key.not_after IS 'End of the certificate';
COMMENT ON COLUMN signing_key.fetched_at IS 'When it was read; read again after a day';
COMMENT ON COLUMN signing_key.failed_until IS 'Not fetched again before this';
COMMENT ON COLUMN signing_key.failure IS 'refused: the key server has no such certificate; away: it did not answer';
COMMENT ON COLUMN signing_key.claimed_until IS 'One process is fetching it, until then at most';
COMMENT ON COLUMN signing_key.first_seen_at IS 'When a webhook first named it';

CREATE TABLE confirmation (
	confirmation_hash bytea PRIMARY KEY CHECK (octet_length(confirmation_hash) = 32),
	app_id       text,
	url          text,
	requested_at timestamptz NOT NULL DEFAULT now(),
	run_at       timestamptz NOT NULL DEFAULT now(),
	claimed_by   text,
	claimed_until timestamptz,
	attempts     integer NOT NULL DEFAULT 0,
	confirmed_at timestamptz,
	last_error   text
);
CREATE INDEX confirmation_due ON confirmation (run_at) WHERE confirmed_at IS NULL;
COMMENT ON TABLE confirmation IS 'Requests of the platform to confirm our webhook address; each is answered once';
COMMENT ON COLUMN confirmation.confirmation_hash IS 'SHA-256 of the address to fetch: the same request is not answered twice';
COMMENT ON COLUMN confirmation.app_id IS 'The app it is for';
COMMENT ON COLUMN confirmation.url IS 'Address to fetch; erased when done, for it holds a one-time token';
COMMENT ON COLUMN confirmation.requested_at IS 'When the webhook came';
COMMENT ON COLUMN confirmation.run_at IS 'Not before this';
COMMENT ON COLUMN confirmation.claimed_by IS 'Worker that fetches it now';
COMMENT ON COLUMN confirmation.claimed_until IS 'End of that worker''s lease';
COMMENT ON COLUMN confirmation.attempts IS 'Failed tries';
COMMENT ON COLUMN confirmation.confirmed_at IS 'When the platform took it';
COMMENT ON COLUMN confirmation.last_error IS 'Why the last try failed';

CREATE TABLE worker (
	worker_id  text PRIMARY KEY,
	host       text NOT NULL,
	pid        integer NOT NULL,
	started_at timestamptz NOT NULL DEFAULT now(),
	seen_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE worker IS 'Workers that are running, or ran lately';
COMMENT ON COLUMN worker.worker_id IS 'Host, process id and a random part';
COMMENT ON COLUMN worker.host IS 'Host it runs on';
COMMENT ON COLUMN worker.pid IS 'Its process id there';
COMMENT ON COLUMN worker.started_at IS 'When it started';
COMMENT ON COLUMN worker.seen_at IS 'When it last reported, which it does every 5 s';
