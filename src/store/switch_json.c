/* The JSON of one switch, the same for GET /api/switches and for live events. */
#include "store/switch_json.h"

json_t *
switch_row_json(const struct switch_row *row)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s, s:s?, s:o, s:b, s:b, s:b, s:s?, s:I}",
	    "deviceId", row->device_id, "component", row->component, "label", row->label, "room",
	    row->room, "location", row->location, "installationId", row->installation_id, "state",
	    row->state, "level", row->level < 0 ? json_null() : json_integer(row->level), "dimmer",
	    row->has_level, "online", row->online, "pending", row->pending, "updatedAt",
	    row->updated_at, "seq", (json_int_t)row->seq);
}
