-- What the list of a user's switches needs: their commands under way, all at once and not for each switch.
SET LOCAL search_path = switchboard;

CREATE VIEW command_pending AS
	SELECT c.installation_id, c.device_id, c.component FROM command c
	WHERE c.status IN ('requested', 'sent', 'accepted');
COMMENT ON VIEW command_pending IS 'Switches with a command that has no result yet';
GRANT SELECT ON command_pending TO switchboard_dashboard;
