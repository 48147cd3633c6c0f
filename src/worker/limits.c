/*
 * Limits of the platform: which calls a 429 pauses, and which are counted.
 */
#include "worker/limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/api_call.h"
#include "worker/id.h"
#include "worker/retry.h"

/* For each call: the work that a 429 pauses, and the published limit that counts it. */
static const struct {
	enum pause_kind pause;
	enum pace_kind pace;
} limits[] = {
    [PLATFORM_GET_INSTALLED_APP] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_DELETE_INSTALLED_APP] = {PAUSE_UNINSTALL, PACE_NONE},
    [PLATFORM_GET_LOCATION] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_GET_ROOMS] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_GET_DEVICES] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_GET_DEVICE_STATUS] = {PAUSE_DEVICE_SYNC, PACE_NONE},
    [PLATFORM_POST_COMMANDS] = {PAUSE_COMMAND, PACE_NONE},
    [PLATFORM_GET_SUBSCRIPTIONS] = {PAUSE_SUBSCRIPTION_SYNC, PACE_SUBSCRIPTION_OTHER},
    [PLATFORM_POST_SUBSCRIPTION] = {PAUSE_SUBSCRIPTION_SYNC, PACE_SUBSCRIPTION_CREATE},
    [PLATFORM_DELETE_SUBSCRIPTION] = {PAUSE_SUBSCRIPTION_SYNC, PACE_SUBSCRIPTION_OTHER},
    [PLATFORM_POST_TOKEN] = {PAUSE_REFRESH, PACE_NONE},
    [PLATFORM_CONFIRM] = {PAUSE_NONE, PACE_NONE}, /* is for no installation */
};
_Static_assert(sizeof(limits) / sizeof(limits[0]) == PLATFORM_CALL__MAX, "limits of every call");

#define SAVE_AGAIN_MS 500

/* A pause that is not in the database yet. */
struct pause {
	struct pause *next;
	enum pause_kind kind;
	int64_t until_ms;   /* monotonic */
	int64_t save_at_ms; /* monotonic: when to try again to save it */
	char installation_id[ID_SIZE];
	char device_id[ID_SIZE]; /* of a command, else "" */
};

static bool
save_later(struct worker *worker, const char *installation_id, const char *device_id,
    enum pause_kind kind, int64_t delay_ms)
{
	struct pause *pause = calloc(1, sizeof(*pause));

	if (pause == NULL || !id_copy(pause->installation_id, installation_id) ||
	    !id_copy(pause->device_id, device_id)) {
		free(pause);
		return false;
	}
	pause->kind = kind;
	pause->until_ms = clock_monotonic_ms() + delay_ms;
	pause->next = worker->unsaved_pauses;
	worker->unsaved_pauses = pause;
	return true;
}

/* Each try may take as long as a lock is waited for: one is enough for an installation. */
static struct pause *
find_unsaved(const struct worker *worker, const char *installation_id)
{
	struct pause *pause = worker->unsaved_pauses;

	while (pause != NULL && strcmp(pause->installation_id, installation_id) != 0)
		pause = pause->next;
	return pause;
}

static void
postpone_others(const struct pause *pause)
{
	for (struct pause *other = pause->next; other != NULL; other = other->next) {
		if (strcmp(other->installation_id, pause->installation_id) == 0)
			other->save_at_ms = pause->save_at_ms;
	}
}

void
limits_pause(struct worker *worker, const char *installation_id, const char *device_id,
    enum platform_call what, int64_t delay_ms)
{
	enum pause_kind kind = limits[what].pause;
	enum sw_err err;
	bool later;

	if (installation_id == NULL || kind == PAUSE_NONE)
		return;
	err = SW_ELOCKED;
	if (find_unsaved(worker, installation_id) == NULL)
		err = store_pause_put(
		    worker->db, &worker->scratch, installation_id, kind, device_id, delay_ms);
	if (err == SW_OK)
		return;
	later = save_later(worker, installation_id, device_id, kind, delay_ms);
	log_event(later ? LOG_WARN : LOG_ERROR, "api.pause", "installation", installation_id,
	    "endpoint", platform_endpoint(what), "err", err_name(err), "saved",
	    later ? "later" : "no", (const char *)NULL);
}

/* Save it, unless it has ended; SW_OK: it is done with. */
static enum sw_err
save_again(struct worker *worker, const struct pause *pause)
{
	const char *device_id = pause->device_id[0] != '\0' ? pause->device_id : NULL;
	int64_t delay_ms = pause->until_ms - clock_monotonic_ms();
	enum sw_err err = SW_OK;

	if (delay_ms > 0)
		err = store_pause_put(worker->db, &worker->scratch, pause->installation_id,
		    pause->kind, device_id, delay_ms);
	if (err == SW_OK || retry_may_help(err))
		return err;
	/* For example: the installation was removed. */
	log_event(LOG_WARN, "api.pause", "installation", pause->installation_id, "err",
	    err_name(err), "saved", "no", (const char *)NULL);
	return SW_OK;
}

int
limits_retry_saving(struct worker *worker)
{
	struct pause **link = &worker->unsaved_pauses;
	int wait_ms = -1;

	while (*link != NULL) {
		struct pause *pause = *link;
		int64_t now_ms = clock_monotonic_ms();
		enum sw_err err = SW_ELOCKED;

		if (now_ms >= pause->save_at_ms) {
			err = save_again(worker, pause);
			if (err == SW_EUNAVAILABLE)
				return SAVE_AGAIN_MS;
			pause->save_at_ms = clock_monotonic_ms() + SAVE_AGAIN_MS;
			if (err != SW_OK)
				postpone_others(pause);
		}
		if (err == SW_OK) {
			*link = pause->next;
			free(pause);
		} else {
			wait_ms = retry_earlier(wait_ms, pause->save_at_ms - now_ms);
			link = &pause->next;
		}
	}
	return wait_ms;
}

void
limits_drop_unsaved(struct worker *worker)
{
	while (worker->unsaved_pauses != NULL) {
		struct pause *pause = worker->unsaved_pauses;

		worker->unsaved_pauses = pause->next;
		free(pause);
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
