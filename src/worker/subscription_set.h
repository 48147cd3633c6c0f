#ifndef SWITCHBOARD_WORKER_SUBSCRIPTION_SET_H
#define SWITCHBOARD_WORKER_SUBSCRIPTION_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "base/err.h"
#include "base/sbuf.h"

/*
 * The subscriptions that every installation should have (platform.md "Subscriptions"), and which of
 * them it has.  No I/O.  A capability whose events are wanted is one more row of the table in
 * subscription_set.c.
 */
#define SUBSCRIPTIONS_WANTED 4

/* Which of them are there; index into the table. */
struct subscription_set {
	bool has[SUBSCRIPTIONS_WANTED];
};

/*
 * Which of the wanted subscriptions is this one of the platform's list, that the set does not have
 * yet?  SUBSCRIPTIONS_WANTED: none of them, it is to be deleted.
 */
size_t subscription_set_find(
    const struct subscription_set *set, const json_t *item, const char *location_id);

/* The first that the set does not have; SUBSCRIPTIONS_WANTED when it has all. */
size_t subscription_set_missing(const struct subscription_set *set);

/* The body of POST /installedapps/{id}/subscriptions for a wanted one.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err
subscription_put_body(struct sbuf *out, size_t wanted, const char *location_id);

/* A wanted one under the platform's id, as store_subscription_replace() takes it; NULL: no memory.
 */
json_t *subscription_row(size_t wanted, const char *id);

#endif
