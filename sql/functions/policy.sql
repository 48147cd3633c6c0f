-- Times and limits that only SQL needs, each once.  Those that C needs too are parameters of the functions that use
-- them; C has them in src/db/policy.h.

CREATE FUNCTION policy_lease()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '60 seconds' $$;
COMMENT ON FUNCTION policy_lease IS 'How long a worker has a piece of work to itself before another may take it over';

-- Longer than one call and its retries inside the client, so that a command is not sent by two workers at once.
CREATE FUNCTION policy_command_lease()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '20 seconds' $$;
COMMENT ON FUNCTION policy_command_lease IS 'How long a worker has a command to itself before another may take it over';

-- From then on the user waits for an answer; how long a command may wait to be sent is POLICY_COMMAND_WAIT_MS.
CREATE FUNCTION policy_command_send()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '30 seconds' $$;
COMMENT ON FUNCTION policy_command_send IS 'How long after it was sent first a command is sent again when it fails';

CREATE FUNCTION policy_command_soon()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '2 seconds' $$;
COMMENT ON FUNCTION policy_command_soon IS 'A command that was not sent within this is shown as one that waits';

-- Reports of one ramp are up to some seconds apart.
CREATE FUNCTION policy_ramp_rest()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '5 seconds' $$;
COMMENT ON FUNCTION policy_ramp_rest IS 'A dimmer that has reported another level than the requested one, and none for so long, has arrived';

CREATE FUNCTION policy_ramp_pause()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '1 second' $$;
COMMENT ON FUNCTION policy_ramp_pause IS 'The same when that level is the requested one, rounded';

-- Devices count in steps of their own: 0 to 254, for example.
CREATE FUNCTION policy_level_rounding()
RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 1 $$;
COMMENT ON FUNCTION policy_level_rounding IS 'A reported level that differs by this from the requested one is the requested one';

CREATE FUNCTION policy_worker_alive()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '30 seconds' $$;
COMMENT ON FUNCTION policy_worker_alive IS 'A worker that has not reported for so long counts as dead; it reports every 5 s';

CREATE FUNCTION policy_absence()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '1 minute' $$;
COMMENT ON FUNCTION policy_absence IS 'When no worker has reported for so long, installations may have missed something';

-- Ten syncs a second.
CREATE FUNCTION policy_catch_up_each()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '100 milliseconds' $$;
COMMENT ON FUNCTION policy_catch_up_each IS 'After an absence, the time for each installation over which syncs are spread';

CREATE FUNCTION policy_catch_up_most()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '3 hours' $$;
COMMENT ON FUNCTION policy_catch_up_most IS 'But no longer than this in all';

CREATE FUNCTION policy_seal_unused()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '3 minutes' $$;
COMMENT ON FUNCTION policy_seal_unused IS 'A seal key without tokens that no worker has had for so long may be replaced by another of its id; they report every minute';

CREATE FUNCTION policy_session_life()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '30 days' $$;
COMMENT ON FUNCTION policy_session_life IS 'A session ends after so long without use';

-- So that a page view is not a write each time.
CREATE FUNCTION policy_session_precision()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '5 minutes' $$;
COMMENT ON FUNCTION policy_session_precision IS 'How much session.seen_at may be behind';

CREATE FUNCTION policy_oauth_state_life()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '10 minutes' $$;
COMMENT ON FUNCTION policy_oauth_state_life IS 'A state parameter is good for so long';

CREATE FUNCTION policy_invitation_life()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '1 day' $$;
COMMENT ON FUNCTION policy_invitation_life IS 'An invitation is good for so long';

CREATE FUNCTION policy_invitations_open()
RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 20 $$;
COMMENT ON FUNCTION policy_invitations_open IS 'How many invitations of one person may be open at a time';

CREATE FUNCTION policy_refresh_token_life()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '30 days' $$;
COMMENT ON FUNCTION policy_refresh_token_life IS 'The platform takes a refresh token for so long';

-- A platform that is in trouble refuses good tokens too, for minutes.
CREATE FUNCTION policy_refused_for()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '3 hours' $$;
COMMENT ON FUNCTION policy_refused_for IS 'A refresh token that is refused for so long while others are not is dead, whatever the answer says';

CREATE FUNCTION policy_refused_doubt()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '30 minutes' $$;
COMMENT ON FUNCTION policy_refused_doubt IS 'After so long another token is refreshed early to compare';

-- A switch without a row may be one that the granted scopes do not show: its events must not cause a sync each.
CREATE FUNCTION policy_unknown_switch_pause()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '5 minutes' $$;
COMMENT ON FUNCTION policy_unknown_switch_pause IS 'Least time between two syncs because of events of unknown switches';

-- A script that renames a device every second must not cost a sync every second.
CREATE FUNCTION policy_sync_pause_first()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '15 seconds' $$;
COMMENT ON FUNCTION policy_sync_pause_first IS 'Least time between two syncs that events cause, once they follow each other; doubled with each';

CREATE FUNCTION policy_sync_pause_most()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '15 minutes' $$;
COMMENT ON FUNCTION policy_sync_pause_most IS 'It is doubled up to this';

CREATE FUNCTION policy_sync_quiet()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '1 minute' $$;
COMMENT ON FUNCTION policy_sync_quiet IS 'Syncs further apart than this, and than twice the time that was between them, do not follow each other';

CREATE FUNCTION policy_clocks_apart()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '300 seconds' $$;
COMMENT ON FUNCTION policy_clocks_apart IS 'How far ahead of our clock the time of an event or a status may be';

-- Events are delivered within seconds.  Some devices report a status whose time never moves.
CREATE FUNCTION policy_reading_prevails()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '1 minute' $$;
COMMENT ON FUNCTION policy_reading_prevails IS 'A sync begun so long after a state was stored is newer than it, whatever times they carry';

CREATE FUNCTION policy_second_reading()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '20 seconds' $$;
COMMENT ON FUNCTION policy_second_reading IS 'How soon the lists are read again when one lacks what is there: two readings make a fact';

-- Less than the least SWITCHBOARD_EVENT_DAYS (src/formats/config.c), so that no partition that takes events is detached.
CREATE FUNCTION policy_event_late()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '7 days' $$;
COMMENT ON FUNCTION policy_event_late IS 'An event that comes later than this after its time goes to event_stray';

CREATE FUNCTION policy_history_events()
RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 10000 $$;
COMMENT ON FUNCTION policy_history_events IS 'The history of a switch is made of its newest events, at most so many';

CREATE FUNCTION policy_api_call_days()
RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 62 $$;
COMMENT ON FUNCTION policy_api_call_days IS 'The detail of calls to the platform is kept for so many days: two months';

CREATE FUNCTION policy_signing_key_lease()
RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '5 seconds' $$;
COMMENT ON FUNCTION policy_signing_key_lease IS 'How long one process has the fetch of a certificate to itself';

GRANT EXECUTE ON FUNCTION policy_lease, policy_absence, policy_catch_up_each, policy_catch_up_most, policy_session_precision,
	policy_command_lease, policy_command_send, policy_ramp_rest, policy_ramp_pause, policy_level_rounding, policy_sync_pause_first,
	policy_sync_pause_most, policy_sync_quiet, policy_refresh_token_life, policy_refused_for, policy_refused_doubt, policy_clocks_apart,
	policy_reading_prevails, policy_second_reading, policy_event_late TO switchboard_worker;
GRANT EXECUTE ON FUNCTION policy_command_soon TO switchboard_dashboard, switchboard_worker;
