#ifndef SWITCHBOARD_SMARTTHINGS_WEBHOOK_BODY_H
#define SWITCHBOARD_SMARTTHINGS_WEBHOOK_BODY_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

/* A webhook body (platform.md "Webhooks") turned into values.  Everything lives in the arena. */
enum webhook_body_kind {
	WEBHOOK_BODY_CONFIRMATION,
	WEBHOOK_BODY_PING,
	WEBHOOK_BODY_EVENT,
	WEBHOOK_BODY_OTHER, /* an unknown messageType or lifecycle: 200, nothing done */
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
	const char *events_json; /* EVENT: JSON array of the rows of webhook_event.h, in order */
};

/*
 * Parse and check a body that was received at "now_ms".  SW_EINPUT: not strict JSON, no messageType
 * and no lifecycle, the member that belongs to the type missing or of a wrong type, ids that are
 * not url_id_is_valid, an event that webhook_event_put() refuses, or over WEBHOOK_BODY_EVENTS_MAX
 * events.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err webhook_body_parse(
    struct arena *arena, const char *body, size_t length, int64_t now_ms, struct webhook_body *out);

#endif
