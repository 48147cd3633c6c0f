/* The log of webhooks: kind, events, attempts and outcome. */
#include "delivery_log.h"

#include <stdlib.h>

#include "text.h"

#define LOG_LENGTH 2000

static json_t *entries;

static void
put_events(json_t *entry, const json_t *events)
{
	json_t *ids = json_array();
	json_t *types = json_array();
	size_t i;
	json_t *event;
	const char *name;
	json_t *member;

	json_array_foreach((json_t *)events, i, event)
	{
		json_array_append(types, json_object_get(event, "eventType"));
		json_object_foreach(event, name, member)
		{
			if (json_is_object(member))
				json_array_append(ids, json_object_get(member, "eventId"));
		}
	}
	json_put(entry, "eventIds", ids);
	json_put(entry, "eventTypes", types);
}

json_t *
delivery_log_start(const char *kind, const char *installed_app_id, const json_t *events)
{
	json_t *entry = json_object();

	json_put_text(entry, "kind", kind);
	json_put(entry, "installedAppId",
	    json_new_text(*installed_app_id != '\0' ? installed_app_id : NULL));
	put_events(entry, events);
	json_put_text(entry, "state", "queued");
	json_put(entry, "attempts", json_integer(0));
	json_put(entry, "status", json_integer(0));
	json_put_now(entry, "createdAt");
	if (entries == NULL)
		entries = json_array();
	json_log_append(entries, entry, LOG_LENGTH);
	return entry;
}

void
delivery_log_attempt(json_t *entry, int attempts)
{
	json_put_text(entry, "state", "sending");
	json_put(entry, "attempts", json_integer(attempts));
}

void
delivery_log_result(json_t *entry, const struct webhook_result *result)
{
	json_put(entry, "status", json_integer(result->status));
	json_put(entry, "ms", json_integer(result->ms));
	if (result->error != NULL)
		json_put_text(entry, "error", result->error);
	if (result->set_cookie)
		json_put(entry, "setCookie", json_true());
}

void
delivery_log_end(json_t *entry, const char *state)
{
	json_put_text(entry, "state", state);
	json_put_now(entry, "doneAt");
}

json_t *
delivery_log_show(void)
{
	return entries != NULL ? json_incref(entries) : json_array();
}

void
delivery_log_clear(void)
{
	json_decref(entries);
	entries = NULL;
}
