#ifndef SWITCHBOARD_STORE_API_CALL_H
#define SWITCHBOARD_STORE_API_CALL_H

#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"
#include "db/db.h"

/*
 * Calls to the platform, of all processes together: their number, which the platform charges for
 * (tables api_call, api_call_installation, api_call_total); kinds of calls it has refused for a
 * while, which claims leave out until then (table pause); and calls with a limit per time (table
 * call_pace).  Each function is one round trip with the errors of db_exec().
 */

/*
 * Count one call.  "installation_id" is NULL when it is for no installation yet, "endpoint" the
 * method and the path with ids left out ("POST /oauth/token"), "status" the HTTP status, 0 when
 * there was no answer.  Not repeated after a lost connection: a call is never counted twice.
 */
SW_MUSTCHECK enum sw_err
store_api_call_count(struct db *db, const char *installation_id, const char *endpoint, int status);

/* Calls collected to be counted together; begin with an all-zero struct, end with the clear. */
struct store_calls {
	struct sbuf installations;
	struct sbuf endpoints;
	struct sbuf statuses;
};

/* One more call, as store_api_call_count() describes it. */
void store_calls_put(
    struct store_calls *calls, const char *installation_id, const char *endpoint, int status);

/* Count them in one round trip.  Not repeated after a lost connection.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err store_calls_count(struct db *db, struct store_calls *calls);

/* Free what it holds; an all-zero struct is fine. */
void store_calls_clear(struct store_calls *calls);

/* Delete detail of calls that is past its time; *gone is how many rows, 0 when all is done. */
SW_MUSTCHECK enum sw_err store_api_call_prune(struct db *db, int64_t *gone);

/* Calls for all installations since the month began (UTC). */
SW_MUSTCHECK enum sw_err store_api_calls_this_month(struct db *db, int64_t *out);

/* The month's budget of calls, and how it stands. */
struct store_call_budget {
	int64_t used;          /* for all installations together */
	int64_t paced;         /* what the part of the month that has passed amounts to */
	int64_t installations; /* installations among which it is shared */
};

/* Blocks for a count of the installations: not for each job.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err store_api_call_budget(
    struct db *db, struct arena *arena, int64_t budget, struct store_call_budget *out);

/* Calls for one installation since the month began (UTC). */
SW_MUSTCHECK enum sw_err
store_api_call_used(struct db *db, const char *installation_id, int64_t *out);

enum pause_kind {
	PAUSE_NONE,
	PAUSE_DEVICE_SYNC,
	PAUSE_SUBSCRIPTION_SYNC,
	PAUSE_UNINSTALL,
	PAUSE_REFRESH,
	PAUSE_COMMAND,
	PAUSE__MAX
};

/*
 * No such work for this installation before the delay has passed; with PAUSE_COMMAND: for this
 * device of it, else device_id is NULL.  A pause that ends later stays.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err store_pause_put(struct db *db, struct arena *arena,
    const char *installation_id, enum pause_kind kind, const char *device_id, int64_t delay_ms);

/* Calls with a published limit for each installation (platform.md "Limits published"). */
enum pace_kind {
	PACE_NONE,
	PACE_SUBSCRIPTION_CREATE, /* creating one (POLICY_SUBSCRIPTION_CREATES) */
	PACE_SUBSCRIPTION_OTHER,  /* listing, deleting (POLICY_SUBSCRIPTION_OTHERS) */
	PACE__MAX
};

/*
 * May one call be made now?  *wait_ms is 0 when it may, and it is counted as made; else the time
 * after which to try again.
 */
SW_MUSTCHECK enum sw_err
store_pace_take(struct db *db, const char *installation_id, enum pace_kind kind, int64_t *wait_ms);

#endif
