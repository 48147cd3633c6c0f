-- Views for people: what is going on, without a secret in them.
SET LOCAL search_path = switchboard;

CREATE VIEW installations AS
	SELECT i.location_name AS location, i.status, i.sync_state AS sync, count(DISTINCT d.device_id) AS devices,
		i.linked_at, i.synced_at, i.user_id, i.installation_id, i.seq
	FROM installation i LEFT JOIN device d ON d.installation_id = i.installation_id
	GROUP BY i.installation_id ORDER BY i.linked_at;
COMMENT ON VIEW installations IS 'Linked locations and how they are';

CREATE VIEW token_health AS
	SELECT i.location_name AS location, i.status, t.obtained_at, t.expires_at, t.refresh_after, t.refresh_expires_at,
		t.expires_at > now() AS access_good, t.failures, t.last_error, t.last_error_at, t.seal_key_id, t.generation,
		t.installation_id
	FROM token t JOIN installation i ON i.installation_id = t.installation_id ORDER BY t.refresh_after;
COMMENT ON VIEW token_health IS 'How fresh the tokens are and when they are renewed; not the tokens';

CREATE VIEW switch_states AS
	SELECT p.location, p.room, p.label, p.state, p.level, p.online, p.pending, p.updated_at, p.device_id, p.component,
		p.installation_id
	FROM switch_page p ORDER BY p.location, p.room NULLS LAST, p.label, p.position;
COMMENT ON VIEW switch_states IS 'Every switch and its state';

CREATE VIEW subscriptions AS
	SELECT i.location_name AS location, s.source_type, s.capability, s.attribute, s.name, s.seen_at, s.subscription_id,
		s.installation_id
	FROM subscription s JOIN installation i ON i.installation_id = s.installation_id
	ORDER BY i.location_name, s.source_type, s.capability;
COMMENT ON VIEW subscriptions IS 'What the platform sends webhooks for';

CREATE VIEW recent_events AS
	SELECT e.event_time, i.location_name AS location, coalesce(d.name, e.device_id) AS device, e.component,
		e.event_type, e.attribute, e.value #>> '{}' AS value, e.received_at - e.event_time AS delay, e.event_id
	FROM event e JOIN installation i ON i.installation_id = e.installation_id
	LEFT JOIN device d ON d.installation_id = e.installation_id AND d.device_id = e.device_id
	WHERE e.event_time > now() - interval '1 day'
	ORDER BY e.event_time DESC, e.event_tick DESC;
COMMENT ON VIEW recent_events IS 'Events of the last day, newest first';

CREATE VIEW command_latency AS
	SELECT c.requested_at, i.location_name AS location, coalesce(d.name, c.device_id) AS device, c.component, c.command,
		c.level, c.status, c.error, c.attempts,
		round(extract(epoch FROM c.sent_at - c.requested_at) * 1000) AS sent_ms,
		round(extract(epoch FROM c.accepted_at - c.requested_at) * 1000) AS accepted_ms,
		round(extract(epoch FROM c.finished_at - c.requested_at) * 1000) AS finished_ms
	FROM command c JOIN installation i ON i.installation_id = c.installation_id
	LEFT JOIN device d ON d.installation_id = c.installation_id AND d.device_id = c.device_id
	ORDER BY c.requested_at DESC;
COMMENT ON VIEW command_latency IS 'Commands and how long each step took, newest first';

CREATE VIEW api_usage AS
	SELECT c.day, i.location_name AS location, c.endpoint, c.status, c.calls
	FROM api_call c LEFT JOIN installation i ON i.installation_id = c.installation_id
	ORDER BY c.day DESC, c.calls DESC;
COMMENT ON VIEW api_usage IS 'Calls made to the platform, by day';
