/*
 * The event loop over the pool's transfers, the LISTEN connection and a signalfd.  Each pass saves
 * and claims what it can in the database and then waits for the next event.
 */
#include "worker/loop.h"

#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/api_call.h"
#include "store/command.h"
#include "store/event.h"
#include "worker/commands.h"
#include "worker/job.h"
#include "worker/key_check.h"
#include "worker/limits.h"
#include "worker/liveness.h"
#include "worker/queue.h"
#include "worker/refresh.h"
#include "worker/replay.h"
#include "worker/retry.h"
#include "worker/seal.h"
#include "worker/token_state.h"
#include "worker/usage.h"

/* The longest wait for a wake-up: one may be lost. */
#define WAIT_MAX_MS 5000
/* The wait while the database cannot be reached, or when a statement failed. */
#define RECONNECT_MS 500
#define HEARTBEAT_MS 5000
#define EXPIRE_MS 1000
#define MAINTAIN_MS 3600000
/* After a lock that was not to be had: a backup takes its time. */
#define RETIRE_RETRY_MS 60000
#define REPLAY_MS 2000
#define RELEASE_DEAD_MS 5000
/* Longer than any transfer takes (smartthings/api.c). */
#define STOP_MS 20000
/*
 * After the database came back, before refreshes are claimed: longer than any worker's back-off
 * before it connects, so that each has stored first what is in its spool.
 */
#define REFRESH_DELAY_MS 8000
/* The wait when something is due that could not be claimed, doubled each time. */
#define IDLE_FIRST_MS 50
#define IDLE_MOST_MS 1000

/* When periodic work is due next, monotonic; 0: in the first pass. */
struct schedule {
	int64_t heartbeat_ms;
	int64_t expire_ms;
	int64_t maintain_ms;
	int64_t make_ms;
	int64_t retire_ms;
	int64_t prune_ms;
	int64_t replay_ms;
	int64_t release_dead_ms;
	int64_t claim_ms;
	int idle_ms; /* see IDLE_FIRST_MS */
};

static bool
is_due(int64_t *at_ms, int64_t period_ms)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms < *at_ms)
		return false;
	*at_ms = now_ms + period_ms;
	return true;
}

/* Read all wake-ups.  After a new connection some may have been lost, which counts as one. */
static void
take_wakeups(struct worker *worker)
{
	const char *payload;
	bool reconnected;

	do {
		if (db_take_notice(worker->listener, &worker->scratch, &payload, &reconnected) !=
		    SW_OK)
			return;
		if (payload != NULL || reconnected)
			worker->has_work = true;
	} while (payload != NULL);
}

static void
set_database_is_up(struct worker *worker, bool is_up)
{
	worker->database_is_up = is_up;
	log_event(is_up ? LOG_INFO : LOG_WARN, "worker.database", "state", is_up ? "up" : "down",
	    (const char *)NULL);
	if (is_up) {
		worker->has_work = true;
		key_check_request(worker);
		replay_request(worker);
	} else {
		worker->refreshes_from_ms = INT64_MAX;
	}
}

/* Write the heartbeat, which shows too whether the database can be reached. */
static void
check_database(struct worker *worker)
{
	bool catch_up;
	enum sw_err err = store_worker_seen(
	    worker->db, &worker->scratch, worker->id, worker->host, (int64_t)getpid(), &catch_up);
	bool is_up = err == SW_OK || err == SW_ELOCKED;

	worker->catch_up = worker->catch_up || catch_up;
	if (is_up && worker->refreshes_from_ms == INT64_MAX)
		worker->refreshes_from_ms = clock_monotonic_ms() + REFRESH_DELAY_MS;
	if (is_up != worker->database_is_up)
		set_database_is_up(worker, is_up);
}

/*
 * Another connection may be to another server, to a standby that lags for example.  Neither replies
 * to claims nor refreshed tokens are certain to be in the database.
 */
static void
check_connection(struct worker *worker)
{
	if (!db_was_remade(worker->db))
		return;
	worker->orphans = (struct store_claims){true, true, true, true};
	worker->refreshes_from_ms = clock_monotonic_ms() + REFRESH_DELAY_MS;
	key_check_request(worker);
	replay_request(worker);
}

/*
 * Store the answers in the spool; nothing but clicks is claimed before that.  Those whose rows are
 * locked keep nobody waiting: refresh.c looks for them before it sends a token.  Returns in how
 * many ms to go on, -1 when it is done.
 */
static int
replay_spool(struct worker *worker, struct schedule *schedule)
{
	int64_t now_ms = clock_monotonic_ms();

	if (worker->replay_due && now_ms >= schedule->replay_ms)
		schedule->replay_ms = replay_run(worker) == SW_OK ? 0 : now_ms + REPLAY_MS;
	if (!worker->replay_due)
		return -1;
	return schedule->replay_ms > now_ms ? (int)(schedule->replay_ms - now_ms) : 0;
}

/*
 * A connection that was lost may have taken the reply to a claim, or the end of a job, with it.
 * Claims of a kind of which this worker has none in progress are released.
 */
static void
release_orphans(struct worker *worker)
{
	struct store_claims *orphans = &worker->orphans;
	struct store_claims mine = {
	    .jobs = orphans->jobs && worker->jobs == 0,
	    .refreshes = orphans->refreshes && worker->refreshes == 0,
	    .commands =
		orphans->commands && worker->commands == 0 && worker->unsaved_results == NULL,
	    .confirmations = orphans->confirmations && worker->confirmations == 0,
	};
	int64_t count;

	if (!mine.jobs && !mine.refreshes && !mine.commands && !mine.confirmations)
		return;
	if (store_worker_release(worker->db, worker->id, &mine, false, &count) != SW_OK)
		return;
	orphans->jobs = orphans->jobs && !mine.jobs;
	orphans->refreshes = orphans->refreshes && !mine.refreshes;
	orphans->commands = orphans->commands && !mine.commands;
	orphans->confirmations = orphans->confirmations && !mine.confirmations;
	if (count > 0) {
		worker->has_work = true;
		log_event(LOG_INFO, "worker.orphans", "claims", log_int(count), (const char *)NULL);
	}
}

/*
 * Claims that nobody works on.  Never before the spool is stored: a refresh whose answer is in it
 * must not be claimed again.
 */
static void
release_claims(struct worker *worker, struct schedule *schedule)
{
	if (worker->replay_due)
		return;
	if (is_due(&schedule->release_dead_ms, RELEASE_DEAD_MS) &&
	    liveness_release_dead(worker) != SW_OK)
		schedule->release_dead_ms = clock_monotonic_ms() + RECONNECT_MS;
	release_orphans(worker);
}

/*
 * Partitions of event, of which the coming ones do not wait for the old ones.  What is in
 * somebody's use, in a backup for example, is tried again later.
 */
static void
keep_partitions(struct worker *worker, struct schedule *schedule)
{
	int64_t made, retired;
	int64_t now_ms = clock_monotonic_ms();

	if (is_due(&schedule->make_ms, MAINTAIN_MS)) {
		if (store_event_partition_make(worker->db, &made) != SW_OK)
			schedule->make_ms = now_ms + HEARTBEAT_MS;
		else if (made > 0)
			log_event(LOG_INFO, "worker.partitions", "made", log_int(made),
			    (const char *)NULL);
	}
	if (is_due(&schedule->retire_ms, MAINTAIN_MS)) {
		if (store_event_retire(worker->db, &worker->scratch, worker->config->event_days,
			&retired) != SW_OK)
			schedule->retire_ms = now_ms + RETIRE_RETRY_MS;
		else if (retired > 0)
			schedule->retire_ms = now_ms; /* there may be more */
		if (retired > 0)
			log_event(LOG_INFO, "worker.partitions", "retired", log_int(retired),
			    (const char *)NULL);
	}
}

/* Piece by piece, between other work. */
static void
catch_up(struct worker *worker)
{
	if (!worker->catch_up)
		return;
	if (store_catch_up_some(worker->db, &worker->catch_up) != SW_OK)
		worker->catch_up = false; /* until the next heartbeat */
	worker->has_work = true;
}

/* Once an hour. */
static void
maintain(struct worker *worker, struct schedule *schedule)
{
	catch_up(worker);
	keep_partitions(worker, schedule);
	if (is_due(&schedule->maintain_ms, MAINTAIN_MS))
		token_states_sweep(worker->token_states);
}

/* Once an hour, and as long as there are more: calls and commands that are past their time. */
static void
prune(struct worker *worker, struct schedule *schedule)
{
	int64_t calls, commands;
	bool failed;

	if (!is_due(&schedule->prune_ms, MAINTAIN_MS))
		return;
	failed = store_api_call_prune(worker->db, &calls) != SW_OK;
	failed = store_command_prune(worker->db, &commands) != SW_OK || failed;
	if (failed)
		schedule->prune_ms = clock_monotonic_ms() + RETIRE_RETRY_MS;
	else if (calls + commands > 0)
		schedule->prune_ms = clock_monotonic_ms() + EXPIRE_MS;
}

static bool
may_claim_work(const struct worker *worker)
{
	return !worker->replay_due && clock_monotonic_ms() >= worker->refreshes_from_ms;
}

/* Claim what there is room for, clicks first; returns how much it was. */
static int
claim(struct worker *worker)
{
	int count;

	if (key_check_pauses(worker))
		return 0;
	count = commands_claim(worker);
	return may_claim_work(worker) ? count + queue_claim(worker) : count;
}

/* In how many ms to claim again, after a claim of "claimed". */
static int
wait_for_claim(struct worker *worker, struct schedule *schedule, int claimed)
{
	bool is_free[WORK_PRIORITY__MAX];
	int64_t next_ms, from_ms;

	for (int priority = 0; priority < WORK_PRIORITY__MAX; priority++)
		is_free[priority] =
		    may_claim_work(worker) && queue_has_room(worker, (enum work_priority)priority);
	if (store_work_next_ms(
		worker->db, is_free, worker->commands < WORKER_COMMANDS_MAX, &next_ms) != SW_OK)
		return RECONNECT_MS;
	if (next_ms > 0 || claimed > 0)
		schedule->idle_ms = IDLE_FIRST_MS;
	from_ms = worker->refreshes_from_ms - clock_monotonic_ms();
	if (from_ms > 0 && from_ms < next_ms)
		next_ms = from_ms;
	if (next_ms > 0)
		return next_ms < WAIT_MAX_MS ? (int)next_ms : WAIT_MAX_MS;
	if (claimed == 0 && schedule->idle_ms < IDLE_MOST_MS)
		schedule->idle_ms *= 2;
	return schedule->idle_ms;
}

/* Claim and expire what is due; returns in how many ms to call it again. */
static int
claim_due(struct worker *worker, struct schedule *schedule)
{
	int64_t now_ms = clock_monotonic_ms();
	bool unanswered = now_ms < worker->commands_until_ms;
	bool more = false;

	if (is_due(&schedule->expire_ms, unanswered ? EXPIRE_MS : HEARTBEAT_MS))
		more = commands_expire(worker);
	if (more)
		schedule->expire_ms = now_ms;
	if (worker->has_work || now_ms >= schedule->claim_ms) {
		worker->has_work = false;
		schedule->claim_ms = now_ms + wait_for_claim(worker, schedule, claim(worker));
	}
	if (worker->has_work || more)
		return 0;
	now_ms = clock_monotonic_ms();
	if (unanswered && schedule->claim_ms - now_ms > EXPIRE_MS)
		return EXPIRE_MS;
	return schedule->claim_ms > now_ms ? (int)(schedule->claim_ms - now_ms) : 0;
}

/* Save the results that could not be saved before; returns in how many ms to call it again. */
static int
retry_saving(struct worker *worker)
{
	int wait_ms = retry_earlier(commands_retry_saving(worker), WAIT_MAX_MS);
	int pauses_ms = limits_retry_saving(worker);

	return pauses_ms < 0 ? wait_ms : retry_earlier(wait_ms, pauses_ms);
}

/* Returns in how many ms to call it again. */
static int
work_with_database(struct worker *worker, struct schedule *schedule)
{
	int wait_ms, replay_ms;

	take_wakeups(worker);
	wait_ms = retry_saving(worker);
	if (!key_check_run(worker))
		return retry_earlier(RECONNECT_MS, key_check_wait_ms(worker));
	replay_ms = replay_spool(worker, schedule);
	release_claims(worker, schedule);
	if (worker->stopping)
		return retry_earlier(wait_ms, retry_earlier(replay_ms, RECONNECT_MS));
	maintain(worker, schedule);
	prune(worker, schedule);
	wait_ms = retry_earlier(wait_ms, claim_due(worker, schedule));
	if (worker->replay_due) /* the spool may hold newer tokens than the rows to seal again */
		return retry_earlier(replay_ms, wait_ms);
	wait_ms = retry_earlier(wait_ms, replay_sweep(worker));
	return retry_earlier(wait_ms, seal_run(worker));
}

/* One pass of the loop, without the transfers; returns how many ms the loop may wait. */
static int
run_once(struct worker *worker, struct schedule *schedule)
{
	int wait_ms = RECONNECT_MS;
	int notify_ms, usage_ms, paused_ms;

	arena_clear(&worker->scratch);
	paused_ms = jobs_resume(worker);
	refreshes_retry_saving(worker);
	if (!db_is_connected(worker->db) || is_due(&schedule->heartbeat_ms, HEARTBEAT_MS))
		check_database(worker);
	check_connection(worker);
	if (worker->database_is_up)
		wait_ms = work_with_database(worker, schedule);
	if (paused_ms >= 0 && paused_ms < wait_ms)
		wait_ms = paused_ms;
	usage_ms = usage_write(worker, false);
	if (usage_ms >= 0 && usage_ms < wait_ms)
		wait_ms = usage_ms;
	notify_ms = worker->database_is_up ? notify_run(&worker->notify) : -1;
	return notify_ms >= 0 && notify_ms < wait_ms ? notify_ms : wait_ms;
}

static void
read_signal(struct worker *worker, int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (!worker->stopping)
		log_event(LOG_INFO, "worker.stopping", "transfers",
		    log_int((long long)client_pool_active(worker->pool)), (const char *)NULL);
	worker->stopping = true;
}

static bool
is_finished(const struct worker *worker, int64_t stop_from_ms)
{
	if (!worker->stopping)
		return false;
	if (client_pool_active(worker->pool) == 0 && worker->paused == NULL &&
	    worker->unsaved_tokens == NULL && worker->unsaved_results == NULL)
		return true;
	return clock_monotonic_ms() - stop_from_ms > STOP_MS;
}

/* Counts and wake-ups of the last answers. */
static void
finish(struct worker *worker)
{
	arena_clear(&worker->scratch);
	(void)usage_write(worker, true);
	while (worker->database_is_up && notify_run(&worker->notify) > 0)
		usleep(NOTIFY_INTERVAL_MS * 1000);
}

enum sw_err
loop_run(struct worker *worker, int signals)
{
	struct schedule schedule = {.idle_ms = IDLE_FIRST_MS};
	int64_t stop_from_ms = 0;

	while (!is_finished(worker, stop_from_ms)) {
		int wait_ms = run_once(worker, &schedule);
		int extra[] = {signals, db_socket(worker->listener)};
		bool ready[2];

		if (worker->misconfigured && !worker->stopping)
			stop_from_ms = clock_monotonic_ms();
		worker->stopping = worker->stopping || worker->misconfigured;
		if (client_pool_run(worker->pool, extra, ready, 2, wait_ms) != SW_OK) {
			log_event(LOG_ERROR, "worker.wait", (const char *)NULL);
			return SW_EINTERNAL;
		}
		if (ready[0]) {
			if (!worker->stopping)
				stop_from_ms = clock_monotonic_ms();
			read_signal(worker, signals);
		}
	}
	finish(worker);
	return SW_OK;
}
