/*
 * Counts of calls and the month's budget, which is looked at as a whole now and then, and of one
 * installation only when all together have used more than the month so far amounts to.
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
/* How long work waits when its share is used up: others may leave something of theirs. */
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
	struct store_call_budget budget; /* as of the last look */
	bool is_known;                   /* that look succeeded */
	int64_t write_at_ms;             /* monotonic, as the next */
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

/* A look has ended; one that failed counts as if everything were used up. */
static bool
set_known(struct usage *usage, enum sw_err err)
{
	usage->is_known = err == SW_OK;
	if (!usage->is_known)
		usage->look_at_ms = clock_monotonic_ms() + CHECK_RETRY_MS;
	return usage->is_known;
}

static void
look(struct worker *worker)
{
	struct usage *usage = worker->usage;

	if (set_known(usage, store_api_call_budget(worker->db, &worker->scratch,
				 worker->config->call_budget, &usage->budget)))
		usage->look_at_ms = clock_monotonic_ms() + CHECK_MS;
}

/* The budget divided by the installations, rounded up: so there is one for each. */
static int64_t
share(const struct worker *worker)
{
	int64_t installations = worker->usage->budget.installations;

	return installations <= 1 ? worker->config->call_budget
				  : (worker->config->call_budget - 1) / installations + 1;
}

static void
log_used_up(struct worker *worker, const char *installation_id, int64_t used)
{
	struct usage *usage = worker->usage;
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms - usage->logged_ms < LOG_MS)
		return;
	usage->logged_ms = now_ms;
	log_event(LOG_WARN, "api.budget", "message",
	    "an installation has used up its share of the month's calls: its syncs wait, commands "
	    "go on",
	    "installation", installation_id, "used", log_int(used), "share", log_int(share(worker)),
	    "budget", log_int(worker->config->call_budget), "used_by_all",
	    log_int(usage->budget.used), (const char *)NULL);
}

int64_t
usage_wait_ms(struct worker *worker, const char *installation_id)
{
	struct usage *usage = worker->usage;
	int64_t used;

	if (worker->config->call_budget <= 0)
		return 0;
	if (clock_monotonic_ms() >= usage->look_at_ms)
		look(worker);
	if (usage->is_known && usage->budget.used < usage->budget.paced)
		return 0;
	if (!usage->is_known ||
	    !set_known(usage, store_api_call_used(worker->db, installation_id, &used)))
		return CHECK_RETRY_MS;
	if (used < share(worker))
		return 0;
	log_used_up(worker, installation_id, used);
	return BUDGET_DELAY_MS;
}
