/*
 * Counts of calls and the month's budget.
 */
#include "worker/usage.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/api_call.h"
#include "worker/id.h"

#define CALLS_MAX 20000
#define CHECK_MS 30000
#define LOG_MS 3600000

/* A call that is not written yet. */
struct counted {
	struct counted *next;
	char installation_id[ID_SIZE]; /* "": it was for none */
	enum platform_call what;
	int status;
};

struct usage {
	struct counted *first;
	struct counted **last;
	size_t count;
	bool over_budget;
	int64_t checked_ms; /* monotonic, as the next */
	int64_t logged_ms;
};

enum sw_err
usage_new(struct usage **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return SW_ENOMEM;
	(*out)->last = &(*out)->first;
	(*out)->checked_ms = INT64_MIN / 2; /* long ago, without overflow in a difference */
	(*out)->logged_ms = INT64_MIN / 2;
	return SW_OK;
}

static void
drop_first(struct usage *usage)
{
	struct counted *counted = usage->first;

	usage->first = counted->next;
	if (usage->first == NULL)
		usage->last = &usage->first;
	usage->count--;
	free(counted);
}

void
usage_free(struct usage *usage)
{
	if (usage == NULL)
		return;
	while (usage->first != NULL)
		drop_first(usage);
	free(usage);
}

void
usage_add(struct usage *usage, const char *installation_id, enum platform_call what, int status)
{
	struct counted *counted = calloc(1, sizeof(*counted));

	if (counted == NULL || !id_copy(counted->installation_id, installation_id)) {
		free(counted);
		return;
	}
	if (usage->count == CALLS_MAX)
		drop_first(usage);
	counted->what = what;
	counted->status = status;
	*usage->last = counted;
	usage->last = &counted->next;
	usage->count++;
}

void
usage_write(struct worker *worker)
{
	struct usage *usage = worker->usage;

	while (usage->first != NULL && worker->database_is_up) {
		const struct counted *counted = usage->first;
		const char *id = counted->installation_id;

		if (store_api_call_count(worker->db, id[0] != '\0' ? id : NULL,
			platform_endpoint(counted->what), counted->status) == SW_EUNAVAILABLE)
			return;
		drop_first(usage);
	}
}

bool
usage_is_over_budget(struct worker *worker)
{
	struct usage *usage = worker->usage;
	int64_t now_ms = clock_monotonic_ms();
	int64_t used;

	if (worker->config->call_budget <= 0)
		return false;
	if (now_ms - usage->checked_ms >= CHECK_MS) {
		if (store_api_calls_this_month(worker->db, &used) != SW_OK)
			return usage->over_budget;
		usage->checked_ms = now_ms;
		usage->over_budget = used >= worker->config->call_budget;
	}
	if (usage->over_budget && now_ms - usage->logged_ms >= LOG_MS) {
		usage->logged_ms = now_ms;
		log_event(LOG_WARN, "api.budget", "message",
		    "the month's calls are used up: syncs wait, commands go on", "budget",
		    log_int(worker->config->call_budget), (const char *)NULL);
	}
	return usage->over_budget;
}
