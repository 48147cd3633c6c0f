/*
 * Limits of the platform.  What it hides: which calls wait for one another,
 * and the pauses that the database could not be told of.
 */
#include "worker/limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/api_call.h"

/* What has to wait when the platform says so to a call, and what it counts. */
static const struct {
	enum pause_kind pause;
	enum pace_kind pace;
} limits[] = {
    [PLATFORM_GET_INSTALLED_APP] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_DELETE_INSTALLED_APP] = {PAUSE_UNINSTALL, PACE_NONE},
    [PLATFORM_GET_LOCATION] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_GET_ROOMS] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_GET_DEVICES] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_POST_COMMANDS] = {PAUSE_COMMAND, PACE_NONE},
    [PLATFORM_GET_SUBSCRIPTIONS] = {PAUSE_SUBSCRIPTION_SYNC, PACE_SUBSCRIPTION_OTHER},
    [PLATFORM_POST_SUBSCRIPTION] = {PAUSE_SUBSCRIPTION_SYNC, PACE_SUBSCRIPTION_CREATE},
    [PLATFORM_DELETE_SUBSCRIPTION] = {PAUSE_SUBSCRIPTION_SYNC, PACE_SUBSCRIPTION_OTHER},
    [PLATFORM_POST_TOKEN] = {PAUSE_REFRESH, PACE_NONE},
    [PLATFORM_CONFIRM] = {PAUSE_NONE, PACE_NONE}, /* is for no installation */
};
_Static_assert(sizeof(limits) / sizeof(limits[0]) == PLATFORM_CALL__MAX, "limits of every call");

/* Asked for while the database was away. */
struct pause {
	struct pause *next;
	enum pause_kind kind;
	int64_t until_ms; /* monotonic */
	char *device_id;  /* or NULL */
	char installation_id[];
};

static void
pause_free(struct pause *pause)
{
	free(pause->device_id);
	free(pause);
}

static bool
hold(struct worker *worker, const char *installation_id, const char *device_id,
    enum pause_kind kind, int64_t delay_ms)
{
	size_t size = strlen(installation_id) + 1;
	struct pause *pause = calloc(1, sizeof(*pause) + size);

	if (pause == NULL)
		return false;
	memcpy(pause->installation_id, installation_id, size);
	pause->device_id = device_id != NULL ? strdup(device_id) : NULL;
	if (device_id != NULL && pause->device_id == NULL) {
		free(pause);
		return false;
	}
	pause->kind = kind;
	pause->until_ms = clock_monotonic_ms() + delay_ms;
	pause->next = worker->pauses;
	worker->pauses = pause;
	return true;
}

void
limits_pause(struct worker *worker, const char *installation_id, const char *device_id,
    enum platform_call what, int64_t delay_ms)
{
	enum pause_kind kind = limits[what].pause;
	enum sw_err err;
	bool held;

	if (installation_id == NULL || kind == PAUSE_NONE)
		return;
	err = store_pause_put(
	    worker->db, &worker->scratch, installation_id, kind, device_id, delay_ms);
	if (err == SW_OK)
		return;
	held = hold(worker, installation_id, device_id, kind, delay_ms);
	log_event(held ? LOG_WARN : LOG_ERROR, "api.pause", "installation", installation_id,
	    "endpoint", platform_endpoint(what), "err", err_name(err), "held", held ? "yes" : "no",
	    (const char *)NULL);
}

void
limits_store_held(struct worker *worker)
{
	while (worker->pauses != NULL) {
		struct pause *pause = worker->pauses;
		int64_t delay_ms = pause->until_ms - clock_monotonic_ms();
		enum sw_err err = SW_OK;

		if (delay_ms > 0)
			err = store_pause_put(worker->db, &worker->scratch, pause->installation_id,
			    pause->kind, pause->device_id, delay_ms);
		if (err == SW_EUNAVAILABLE || err == SW_ETIMEOUT || err == SW_ECONFLICT)
			return;
		if (err != SW_OK) /* its installation is gone, say */
			log_event(LOG_WARN, "api.pause", "installation", pause->installation_id,
			    "err", err_name(err), "held", "no", (const char *)NULL);
		worker->pauses = pause->next;
		pause_free(pause);
	}
}

void
limits_drop_held(struct worker *worker)
{
	while (worker->pauses != NULL) {
		struct pause *pause = worker->pauses;

		worker->pauses = pause->next;
		pause_free(pause);
	}
}

enum sw_err
limits_take(
    struct worker *worker, const char *installation_id, enum platform_call what, int64_t *delay_ms)
{
	enum pace_kind kind = limits[what].pace;
	int64_t wait_ms;
	enum sw_err err;

	if (kind == PACE_NONE)
		return SW_OK;
	err = store_pace_take(worker->db, installation_id, kind, &wait_ms);
	if (err != SW_OK || wait_ms == 0)
		return err;
	log_event(LOG_WARN, "api.pace", "installation", installation_id, "endpoint",
	    platform_endpoint(what), "again_ms", log_int(wait_ms), (const char *)NULL);
	*delay_ms = wait_ms;
	return SW_ELIMIT;
}
