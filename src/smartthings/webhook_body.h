#ifndef SWITCHBOARD_SMARTTHINGS_WEBHOOK_BODY_H
#define SWITCHBOARD_SMARTTHINGS_WEBHOOK_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"

/*
 * A webhook body (platform.md "Webhooks") turned into values.  Everything
 * lives in the arena.
 */
enum webhook_body_kind {
	WEBHOOK_BODY_CONFIRMATION,
	WEBHOOK_BODY_PING,
	WEBHOOK_BODY_EVENT,
	WEBHOOK_BODY_OTHER, /* a messageType or lifecycle we do not know: 200, nothing done */
	WEBHOOK_BODY__MAX
};

#define WEBHOOK_BODY_EVENTS_MAX 10000 /* events in one request */

struct webhook_body {
	enum webhook_body_kind message;
	const char *challenge;        /* PING */
	const char *app_id;           /* CONFIRMATION, may be NULL */
	const char *confirmation_url; /* CONFIRMATION */
	const char *installed_app_id; /* EVENT */
	const char *location_id;      /* EVENT, may be NULL */
	size_t event_count;
	const char *events_json; /* EVENT: JSON array for event_ingest_many() in sql/, see below */
};

/*
 * Parse and check a body.  SW_EINPUT: not strict JSON, no messageType and no
 * lifecycle, the member that belongs to the type missing or of a wrong type,
 * a member that is read as text and is none (in a known event type), ids that
 * are not url_id_is_valid, an eventTime that is no RFC 3339 instant, over
 * WEBHOOK_BODY_EVENTS_MAX events.  Unknown event types are kept, not refused.  SW_ENOMEM.
 *
 * events_json: an array with one object per event, in order of arrival:
 *   "id"        UUID text: eventId in lower case when it is a UUID, else
 *               a version-8 UUID made from SHA-256: of that eventId when it
 *               is no UUID, of the body and the event's index when it is missing
 *   "at"        eventTime as RFC 3339 text with microseconds, Z; the time of receipt when missing
 *   "tick"      100 ns units since 1970 UTC, or null: from a version-1
 *               eventId; else from eventTime when that has a fraction
 *   "type"      eventType ("UNKNOWN" when missing)
 *   "device" "component" "capability" "attribute"   text or null
 *               (component "main" when a DEVICE_EVENT has none)
 *   "value"     any JSON or null (a DEVICE_EVENT's value; of the other types
 *               the health status or the lifecycle, as text)
 *   "detail"    for types other than DEVICE_EVENT the type's whole member
 *               object (for unknown types the first object there is), else null
 * Strings that are kept are cut at 256 characters; value and detail are
 * replaced by null beyond 16 KB.  All of it is printable ASCII.
 */
SW_MUSTCHECK enum sw_err webhook_body_parse(
    struct arena *arena, const char *body, size_t length, int64_t now_ms, struct webhook_body *out);

/*
 * The 100 ns clock inside a version-1 UUID (RFC 9562 5.1), as 100 ns units
 * since 1970 UTC; false when it is not a version-1 UUID or before 1970.
 */
bool event_uuid_tick(const char *uuid, int64_t *out);

#endif
