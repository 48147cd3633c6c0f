#ifndef SWITCHBOARD_STORE_HEALTH_H
#define SWITCHBOARD_STORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"

/* Figures about the whole service, for GET /healthz and GET /metrics. */

struct health {
	int64_t schema;           /* the newest migration applied */
	int64_t workers;          /* that reported in the last 30 s */
	int64_t event_days_ahead; /* for so many days after today there are partitions of event */
	int64_t workers_lacking_key; /* of the workers, those without a seal key that tokens need */
	bool client_refused; /* the platform refuses every refresh, probably for the client */
};

/* One cheap round trip.  Errors as db_exec(); SW_EINTERNAL also when the schema is not there. */
SW_MUSTCHECK enum sw_err store_health(struct db *db, struct health *out);

/* One figure; the texts live in the arena. */
struct metric {
	const char *name;  /* lower case and underscores */
	const char *label; /* what it is split by, "" when by nothing */
	const char *value; /* a decimal number */
};
struct metric_list {
	size_t count;
	const struct metric *metrics;
};

/* Counts rows, so only for a listener that strangers cannot reach.  Errors as db_exec(); SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err store_metrics(struct db *db, struct arena *arena, struct metric_list *out);

#endif
