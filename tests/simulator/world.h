#ifndef SIMULATOR_WORLD_H
#define SIMULATOR_WORLD_H

#include <stdbool.h>
#include <jansson.h>

/*
 * Accounts, locations, rooms and devices: making them, finding them and
 * changing what they report.  Every json_t answered here is borrowed from the
 * state.  A change is saved and becomes events by itself.
 */

/* The default data: one account, two locations, twelve devices with switches. */
void world_make_default(void);

/* New objects with new ids.  Names may be any text. */
json_t *world_add_account(const char *name);
/* A new location of an account, with a hub. */
json_t *world_add_location(const char *account_id, const char *name);
/* A new room of a location. */
json_t *world_add_room(const char *location_id, const char *name);
/*
 * "spec": {"name", "label"?, "type"?, "category"?, "components":
 * [{"id", "category"?, "userCategory"?, "capabilities":["switch", …], "state"?: "on"/"off"/null,
 * "level"?: n, "disabledComponents"?, "disabledCapabilities"?: values of these capabilities of
 * custom}], "raw"?: text that lists have as members of the device, JSON or not}.  Without
 * components: main with switch.  room_id may be NULL.  Makes no event.
 */
json_t *world_add_device(const char *location_id, const char *room_id, const json_t *spec);
/* A new scene that turns everything off. */
json_t *world_add_scene(const char *location_id, const char *name);

/* NULL when unknown. */
json_t *world_device(const char *device_id);
/* NULL when unknown. */
json_t *world_location(const char *location_id);
/* NULL when unknown. */
json_t *world_room(const char *room_id);
/* The name that people see: label, or name without one. */
const char *world_device_title(const json_t *device);

/* Has the component that capability?  "component" NULL: any component. */
bool world_has_capability(const json_t *device, const char *component, const char *capability);
/* {"value",…} of an attribute, NULL when it is not there at all. */
json_t *world_attribute(
    const json_t *device, const char *component, const char *capability, const char *attribute);

/* Turn a component on or off, as by hand or by a command. */
void world_switch(json_t *device, const char *component, bool on);
/* Set a level; 0 turns a dimmer off, above 0 on. */
void world_level(json_t *device, const char *component, int level);
/* "state": ONLINE, OFFLINE or UNHEALTHY; "reason" NULL: the usual one. */
void world_health(json_t *device, const char *state, const char *reason);

#endif
