#ifndef SIMULATOR_EVENTS_H
#define SIMULATOR_EVENTS_H

#include <stdbool.h>
#include <jansson.h>

/*
 * Turning changes into webhook events: one per matching subscription of each
 * installed app, handed to the delivery queue.
 */
void events_attribute(const json_t *device, const char *component, const char *capability,
    const char *attribute, const json_t *value, bool changed);
/* A changed healthState of a device, with its reason. */
void events_health(const json_t *device, const char *reason);
/*
 * "lifecycle": CREATE, DELETE, UPDATE, ROOM_MOVE; "detail" (stolen) is the
 * member of that name in camel case, given by "member".
 */
void
events_lifecycle(const json_t *device, const char *lifecycle, const char *member, json_t *detail);
/* Sent without a subscription when the user removes the app.  Call before removing it. */
void events_uninstalled(const json_t *installed_app);

/* From here to events_end(), with the setting "batch", events of one installed app share one
 * request. */
void events_begin(void);
/* Sends what was collected. */
void events_end(void);

#endif
