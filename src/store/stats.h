#ifndef SWITCHBOARD_STORE_STATS_H
#define SWITCHBOARD_STORE_STATS_H

#include <stdint.h>
#include "db/db.h"
#include "base/err.h"

/*
 * The count of calls made to the platform, which charges by their number
 * (design.md "The worker is one event loop").  Errors as of db_exec().
 */

/*
 * Count one call.  "installation_id" is NULL when it is for nobody yet,
 * "endpoint" the method and the path with ids left out ("POST /oauth/token"),
 * "status" the HTTP status, 0 when there was no answer.  Not repeated after
 * a lost connection: a call is never counted twice.
 */
SW_MUSTCHECK enum sw_err
store_api_call_count(struct db *db, const char *installation_id, const char *endpoint, int status);

/* Calls of everybody since the month began (UTC). */
SW_MUSTCHECK enum sw_err store_api_calls_this_month(struct db *db, int64_t *out);

#endif
