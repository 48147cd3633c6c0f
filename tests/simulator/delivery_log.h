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
/* Note the start of an attempt. */
void delivery_log_attempt(json_t *entry, int attempts);
/* Note the result of an attempt. */
void delivery_log_result(json_t *entry, const struct webhook_result *result);
/* Note the end of a delivery: delivered or failed. */
void delivery_log_end(json_t *entry, const char *state);
/* All entries, oldest first; the caller's. */
json_t *delivery_log_show(void);
/* Forget all entries. */
void delivery_log_clear(void);

#endif
