#ifndef SIMULATOR_ROUTES_H
#define SIMULATOR_ROUTES_H

#include "http.h"

/* Tables of routes, each closed by an empty entry. */
extern const struct route oauth_routes[];            /* oauth.c */
extern const struct route location_routes[];         /* api_locations.c */
extern const struct route device_routes[];           /* api_devices.c */
extern const struct route subscription_routes[];     /* api_subscriptions.c */
extern const struct route app_routes[];              /* api_apps.c */
extern const struct route page_routes[];             /* page.c */
extern const struct route control_routes[];          /* control.c */
extern const struct route control_location_routes[]; /* control_locations.c */

/* Whether the caller's token has this scope; false: 403 is answered. */
bool route_scope_or_answer(struct exchange *x, const char *scope);

#endif
