#ifndef SIMULATOR_DELIVERY_LOG_H
#define SIMULATOR_DELIVERY_LOG_H

#include <jansson.h>

#include "webhook.h"

/*
 * The log of deliveries that GET /control/deliveries shows.  An entry is
 * shared: the log keeps one reference, the delivery the other.
 */

/* A new entry, state queued; the caller's.  "events" may be NULL. */
json_t *delivery_log_start(const char *kind, const char *installed_app_id, const json_t *events);
void delivery_log_attempt(json_t *entry, int attempts);
void delivery_log_result(json_t *entry, const struct webhook_result *result);
void delivery_log_end(json_t *entry, const char *state);
/* All entries, oldest first; the caller's. */
json_t *delivery_log_show(void);
void delivery_log_clear(void);

#endif
