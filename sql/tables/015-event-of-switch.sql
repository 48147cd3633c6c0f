-- The history of one switch, newest first, without the other events of its installation.  A hash in place of three texts: the
-- index is a quarter as large, and an event costs the webhook less than half of what it would cost with them.  COLLATE
-- "C" costs least, and event_of_switch() must say the same.
--
-- On a table with events this keeps webhooks waiting while it is built (some seconds for a million); they come again.
CREATE INDEX event_of_switch ON event
	(hashtextextended(component COLLATE "C", hashtextextended(device_id COLLATE "C", hashtextextended(installation_id, 0))), event_time);
CREATE INDEX event_stray_of_switch ON event_stray
	(hashtextextended(component COLLATE "C", hashtextextended(device_id COLLATE "C", hashtextextended(installation_id, 0))), event_time);
