#ifndef SWITCHBOARD_SMARTTHINGS_WEBHOOK_EVENT_H
#define SWITCHBOARD_SMARTTHINGS_WEBHOOK_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"
#include "base/secret.h"
#include "formats/json_span.h"

/* One event of a webhook body (platform.md "Webhooks"), turned into the row that is stored. */

/* The body that events came in; zero but for the first three members. */
struct webhook_source {
	const char *body;
	size_t length;
	int64_t received_us; /* since 1970 UTC: the time of events that have none */
	bool is_hashed;
	uint8_t hash[SECRET_SHA256_BYTES]; /* of the body, made when an event needs it */
};

/*
 * Append the row of an event as a JSON object for event_ingest() in sql/.  "index" is its place in
 * the body, from 0.  SW_ENOMEM: "out" has failed.
 *
 * "*odd" is NULL when the event is understood.  Else it is the name of the member that was looked
 * for and is not what it should be, or "event": the event is no object, its eventType is no text, a
 * known type lacks its member, a member that is read as text has another type, its device id is not
 * url_id_is_valid, or its eventTime is neither an RFC 3339 instant nor a number of milliseconds
 * since 1970 before the year 10000.  An unknown type is understood.
 *
 * The row:
 *   "id"        UUID text: eventId in lower case when it is a UUID, else a version-8 UUID made
 *               from SHA-256: of that eventId when it is no UUID, of the body and the event's
 *               index when it is missing
 *   "at"        eventTime as RFC 3339 text with microseconds, Z; the time of receipt when missing
 *               or not understood
 *   "tick"      100 ns units since 1970 UTC, or null: from a version-1 eventId; else from
 *               eventTime when that has a fraction
 *   "type"      eventType ("UNKNOWN" when missing)
 *   "device" "component" "capability" "attribute"   text or null
 *               (component "main" when a DEVICE_EVENT has none)
 *   "value"     any JSON or null (a DEVICE_EVENT's value; of the other types the health status or
 *               the lifecycle, as text)
 *   "detail"    for types other than DEVICE_EVENT the type's whole member object (for unknown
 *               types the first object there is), else null
 *   "understood" false, and then the event is stored as it came: all of it is the detail, its text
 *               (cut at 16 KB) where Jansson cannot hold it or it is longer; component, capability,
 *               attribute and value are null.  No such member in a row that is understood.
 * Strings are cut at 256 characters; value and detail are replaced by null beyond 16 KB.  All of
 * it is printable ASCII.
 */
SW_MUSTCHECK enum sw_err webhook_event_put(struct sbuf *out, struct webhook_source *source,
    const json_t *event, size_t index, const char **odd);

/*
 * The same for an event of a body that jsonx_load() refuses, which may be the one that it refuses:
 * then only its type, time, eventId and device are read.  "*odd" is the innermost member that
 * cannot be read, in the arena.
 */
SW_MUSTCHECK enum sw_err webhook_event_put_span(struct sbuf *out, struct webhook_source *source,
    struct arena *arena, struct json_span event, size_t index, const char **odd);

#endif
