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
/* Calls counted in one statement. */
#define TOGETHER_MAX 1000
#define WRITE_MS 1000
#define CHECK_MS 30000
#define CHECK_RETRY_MS 5000
/* How long work waits when the budget is used up; a new month may begin at any time. */
#define BUDGET_DELAY_MS 900000
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
	bool is_known;       /* the last look succeeded */
	int64_t write_at_ms; /* monotonic, as the next */
	int64_t look_at_ms;
	int64_t logged_ms;
};

enum sw_err
usage_new(struct usage **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return SW_ENOMEM;
	(*out)->last = &(*out)->first;
	(*out)->logged_ms = INT64_MIN / 2; /* long ago, without overflow in a difference */
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

/* The first calls of the list, in one statement; they are dropped, also when it is not known
 * whether they were counted, for none is to be counted twice. */
static enum sw_err
write_some(struct worker *worker)
{
	struct usage *usage = worker->usage;
	const struct counted *counted = usage->first;
	struct store_calls calls = {0};
	size_t count = 0;
	enum sw_err err;

	for (; counted != NULL && count < TOGETHER_MAX; counted = counted->next, count++)
		store_calls_put(&calls, counted->installation_id, platform_endpoint(counted->what),
		    counted->status);
	err = store_calls_count(worker->db, &calls);
	store_calls_clear(&calls);
	if (err == SW_EUNAVAILABLE || err == SW_ETIMEOUT || err == SW_ELOCKED || err == SW_ENOMEM)
		return err;
	while (count-- > 0)
		drop_first(usage);
	return SW_OK;
}

int
usage_write(struct worker *worker, bool at_once)
{
	struct usage *usage = worker->usage;
	int64_t now_ms = clock_monotonic_ms();

	if (usage->first == NULL || !worker->database_is_up)
		return -1;
	if (!at_once && now_ms < usage->write_at_ms)
		return (int)(usage->write_at_ms - now_ms);
	usage->write_at_ms = now_ms + WRITE_MS;
	while (usage->first != NULL) {
		if (write_some(worker) != SW_OK)
			return WRITE_MS;
	}
	return -1;
}

/* Read the month's calls; a look that fails counts as over the budget. */
static void
look(struct worker *worker)
{
	struct usage *usage = worker->usage;
	int64_t now_ms = clock_monotonic_ms();
	int64_t used;

	usage->is_known = store_api_calls_this_month(worker->db, &used) == SW_OK;
	usage->look_at_ms = now_ms + (usage->is_known ? CHECK_MS : CHECK_RETRY_MS);
	usage->over_budget = !usage->is_known || used >= worker->config->call_budget;
	if (usage->over_budget && usage->is_known && now_ms - usage->logged_ms >= LOG_MS) {
		usage->logged_ms = now_ms;
		log_event(LOG_WARN, "api.budget", "message",
		    "the month's calls are used up: syncs wait, commands go on", "budget",
		    log_int(worker->config->call_budget), (const char *)NULL);
	}
}

int64_t
usage_wait_ms(struct worker *worker)
{
	struct usage *usage = worker->usage;

	if (worker->config->call_budget <= 0)
		return 0;
	if (clock_monotonic_ms() >= usage->look_at_ms)
		look(worker);
	if (!usage->over_budget)
		return 0;
	return usage->is_known ? BUDGET_DELAY_MS : CHECK_RETRY_MS;
}
