#ifndef SIMULATOR_API_H
#define SIMULATOR_API_H

#include <stdbool.h>
#include <jansson.h>

#include "http.h"

/*
 * What the API modules share.  A token belongs to an installed app and sees
 * its one location, or is a personal one and sees its account's locations.
 */
bool caller_sees_location(const struct exchange *x, const char *location_id);

/* The location named by x->ids[0].  NULL: 404 (unknown) or 403 (not the caller's) is answered. */
json_t *location_or_answer(struct exchange *x);
/* The device named by x->ids[0], likewise. */
json_t *device_or_answer(struct exchange *x);
/* The installed app named by x->ids[0], likewise. */
json_t *installed_app_or_answer(struct exchange *x);

/* One page of "items" (stolen), with "_links.next.href" to the next. */
void answer_list(struct exchange *x, json_t *items);

#endif
