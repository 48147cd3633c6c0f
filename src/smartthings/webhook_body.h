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
#define WEBHOOK_BODY_ODD_MAX 8        /* of those that are not understood, so many are described */

/* An event that is not understood: its place in the body, from 0, and webhook_event.h's "odd". */
struct webhook_odd {
	size_t index;
	const char *member;
};

struct webhook_body {
	enum webhook_body_kind message;
	const char *challenge;        /* PING */
	const char *app_id;           /* CONFIRMATION, may be NULL */
	const char *confirmation_url; /* CONFIRMATION */
	const char *installed_app_id; /* EVENT */
	const char *location_id;      /* EVENT, may be NULL; NULL too when it is no id */
	size_t event_count;
	const char *events_json; /* EVENT: JSON array of the rows of webhook_event.h, in order,
				those that are not understood behind the others */
	size_t odd_count;        /* how many those are */
	struct webhook_odd odd[WEBHOOK_BODY_ODD_MAX]; /* the first of them */
};

/*
 * Parse and check a body that was received at "now_ms".  An event that is not understood, whatever
 * is wrong with it, takes nothing from the others (webhook_event.h); what is not read of the body
 * may be anything that is JSON.
 * SW_EINPUT: not JSON (RFC 8259, UTF-8), no messageType and no lifecycle, a doubled member of the
 * message itself, the member that belongs to the type missing or of a wrong type, an
 * installedAppId or appId that is not url_id_is_valid, or over WEBHOOK_BODY_EVENTS_MAX events.
 * SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err webhook_body_parse(
    struct arena *arena, const char *body, size_t length, int64_t now_ms, struct webhook_body *out);

#endif
