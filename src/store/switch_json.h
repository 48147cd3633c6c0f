#ifndef SWITCHBOARD_STORE_SWITCH_JSON_H
#define SWITCHBOARD_STORE_SWITCH_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

/* One switch as the page shows it; strings are borrowed (arena or result), NULL where unknown. */
struct switch_row {
	const char *installation_id;
	const char *device_id;
	const char *component;
	const char *label;
	const char *room;     /* NULL: in no room */
	const char *location; /* NULL: not known yet */
	const char *state;    /* "on", "off" or NULL */
	int level;            /* 0-100, -1 when unknown */
	bool has_level;
	bool online;
	bool pending;
	const char *updated_at; /* RFC 3339 with milliseconds, or NULL */
	int64_t seq;
};

/*
 * The element of "switches" in design.md "HTTP surface": deviceId, component,
 * label, room, location, installationId, state, level, online, pending,
 * updatedAt, seq; and dimmer (bool).  A new reference, NULL when out of memory.
 */
json_t *switch_row_json(const struct switch_row *row);

#endif
