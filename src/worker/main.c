/*
 * switchboard-worker: everything that talks to the platform outside a
 * request.  One event loop over the pool's transfers, the LISTEN connection
 * and a signalfd.  It starts, and stays up, without a database.
 */
#include "worker/context.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "store/event.h"
#include "store/job.h"
#include "worker/calls.h"
#include "worker/commands.h"
#include "worker/confirm.h"
#include "worker/jobs.h"
#include "worker/limits.h"
#include "worker/presence.h"
#include "worker/refresh.h"
#include "worker/seal.h"
#include "worker/spool.h"

#define STATEMENT_TIMEOUT_MS 5000
#define TURN_MAX_MS 5000
#define AWAY_MS 500
#define HEARTBEAT_MS 5000
#define EXPIRE_MS 1000
#define MAINTAIN_MS 3600000
#define HELD_MS 1000
#define REPLAY_MS 2000
#define DEAD_MS 5000
/* Longer than any transfer takes (platform.c). */
#define STOP_MS 20000
/*
 * After the database came back, before tokens are claimed: longer than every
 * worker's back-off, so that each has stored first what it has in its spool.
 */
#define SETTLE_MS 8000
#define IDLE_FIRST_MS 50
#define IDLE_MOST_MS 1000

/* When the things that come round are due again, monotonic. */
struct rounds {
	int64_t heartbeat_ms;
	int64_t expire_ms;
	int64_t maintain_ms;
	int64_t held_ms;
	int64_t replay_ms;
	int64_t dead_ms;
	int idle_ms; /* something is due that nobody could claim: look again after this */
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

/* Read what was notified; any of it, and a connection made anew, means: look. */
static void
take_notices(struct worker *worker)
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
database_came(struct worker *worker)
{
	log_event(LOG_INFO, "worker.database", "state", "there", (const char *)NULL);
	worker->has_work = true;
	worker->replay_due = true;
}

static void
database_went(struct worker *worker)
{
	log_event(LOG_WARN, "worker.database", "state", "away", (const char *)NULL);
	worker->refreshes_from_ms = INT64_MAX;
}

/* A sign of life, which shows too whether the database is there. */
static void
look_at_database(struct worker *worker)
{
	bool there = store_worker_seen(worker->db, &worker->scratch, worker->id, worker->host,
			 (int64_t)getpid()) == SW_OK;

	if (there && worker->refreshes_from_ms == INT64_MAX)
		worker->refreshes_from_ms = clock_monotonic_ms() + SETTLE_MS;
	if (there != worker->database_is_there) {
		worker->database_is_there = there;
		if (there)
			database_came(worker);
		else
			database_went(worker);
	}
}

/* Answers of an earlier life come before any claim. */
static void
replay_spool(struct worker *worker, struct rounds *rounds)
{
	if (!worker->replay_due || !is_due(&rounds->replay_ms, REPLAY_MS))
		return;
	if (spool_replay(worker) == SW_OK)
		worker->replay_due = false;
}

/*
 * Claims that nobody works on: of workers that died, and of this one when a
 * lost connection took the answer of a claim, or the end of a job, with it.  Never
 * before the spool is stored: a refresh that was answered is not to be repeated.
 */
static void
release_orphans(struct worker *worker, struct rounds *rounds)
{
	struct store_claims *orphans = &worker->orphans;
	struct store_claims mine = {
	    .jobs = orphans->jobs && worker->jobs == 0,
	    .refreshes = orphans->refreshes && worker->refreshes == 0,
	    .commands = orphans->commands && worker->commands == 0,
	    .confirmations = orphans->confirmations && worker->confirms == 0,
	};
	int64_t count;

	if (worker->replay_due)
		return;
	if (is_due(&rounds->dead_ms, DEAD_MS) && presence_release_dead(worker) != SW_OK)
		rounds->dead_ms = clock_monotonic_ms() + AWAY_MS;
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

/* Once an hour: partitions, and homes that were not compared with the platform for a day. */
static void
maintain(struct worker *worker, struct rounds *rounds)
{
	int64_t changes, homes;

	if (!is_due(&rounds->maintain_ms, MAINTAIN_MS))
		return;
	calls_sweep(worker);
	if (store_job_reconcile(worker->db, &homes) == SW_OK && homes > 0)
		log_event(
		    LOG_INFO, "worker.reconcile", "homes", log_int(homes), (const char *)NULL);
	if (store_event_keep_partitions(worker->db, &changes) != SW_OK)
		rounds->maintain_ms = clock_monotonic_ms() + HEARTBEAT_MS;
	else if (changes > 0)
		log_event(
		    LOG_INFO, "worker.partitions", "changes", log_int(changes), (const char *)NULL);
}

/* Claim what there is room for, clicks first; how much it was. */
static int
claim(struct worker *worker)
{
	int count = commands_claim(worker);

	if (!worker->replay_due && clock_monotonic_ms() >= worker->refreshes_from_ms)
		count += refreshes_claim(worker);
	if (!worker->replay_due)
		count += jobs_claim(worker);
	return count + confirms_claim(worker);
}

/* How long nothing will be due, after a claim of "claimed". */
static int
next_look(struct worker *worker, struct rounds *rounds, int claimed)
{
	int64_t next_ms;

	if (store_work_next_ms(worker->db, &next_ms) != SW_OK)
		return AWAY_MS;
	if (next_ms > 0 || claimed > 0)
		rounds->idle_ms = IDLE_FIRST_MS;
	if (next_ms > 0)
		return next_ms < TURN_MAX_MS ? (int)next_ms : TURN_MAX_MS;
	if (claimed == 0 && rounds->idle_ms < IDLE_MOST_MS)
		rounds->idle_ms *= 2;
	return rounds->idle_ms;
}

/* What the database has to do in this turn; gives how long the loop may wait. */
static int
work_with_database(struct worker *worker, struct rounds *rounds, int64_t *look_ms)
{
	int64_t now_ms = clock_monotonic_ms();
	bool open = now_ms < worker->commands_until_ms;

	take_notices(worker);
	commands_record_held(worker);
	limits_store_held(worker);
	replay_spool(worker, rounds);
	release_orphans(worker, rounds);
	if (worker->stopping)
		return AWAY_MS;
	maintain(worker, rounds);
	if (is_due(&rounds->expire_ms, open ? EXPIRE_MS : HEARTBEAT_MS))
		commands_expire(worker);
	if (worker->has_work || now_ms >= *look_ms) {
		worker->has_work = false;
		*look_ms = now_ms + next_look(worker, rounds, claim(worker));
	}
	if (worker->has_work)
		return 0;
	now_ms = clock_monotonic_ms();
	if (open && *look_ms - now_ms > EXPIRE_MS)
		return EXPIRE_MS;
	return *look_ms > now_ms ? (int)(*look_ms - now_ms) : 0;
}

/* Tokens under an old key, between other work; answers that are older than the database come first.
 */
static int
renew_seals(struct worker *worker, int wait_ms)
{
	int seal_ms;

	if (worker->stopping || worker->replay_due)
		return wait_ms;
	seal_ms = seal_run(worker);
	return seal_ms < wait_ms ? seal_ms : wait_ms;
}

/* One turn of everything but transfers; gives how long the loop may wait. */
static int
turn(struct worker *worker, struct rounds *rounds, int64_t *look_ms)
{
	int wait_ms = AWAY_MS;
	int notify_ms;

	arena_clear(&worker->scratch);
	if (worker->held != NULL && is_due(&rounds->held_ms, HELD_MS))
		refreshes_keep_held(worker);
	if (!db_is_connected(worker->db) || is_due(&rounds->heartbeat_ms, HEARTBEAT_MS))
		look_at_database(worker);
	if (db_was_remade(worker->db))
		worker->orphans = (struct store_claims){true, true, true, true};
	if (worker->database_is_there)
		wait_ms = renew_seals(worker, work_with_database(worker, rounds, look_ms));
	calls_flush(worker);
	notify_ms = worker->database_is_there ? notify_run(&worker->notify) : -1;
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
	if (client_pool_active(worker->pool) == 0 && worker->held == NULL &&
	    worker->unrecorded == NULL)
		return true;
	return clock_monotonic_ms() - stop_from_ms > STOP_MS;
}

static int
loop(struct worker *worker, int signals)
{
	struct rounds rounds = {.idle_ms = IDLE_FIRST_MS};
	int64_t look_ms = 0;
	int64_t stop_from_ms = 0;

	while (!is_finished(worker, stop_from_ms)) {
		int wait_ms = turn(worker, &rounds, &look_ms);
		int extra[] = {signals, db_socket(worker->listener)};
		bool ready[2];

		if (client_pool_run(worker->pool, extra, ready, 2, wait_ms) != SW_OK) {
			log_event(LOG_ERROR, "worker.wait", (const char *)NULL);
			return EXIT_FAILURE;
		}
		if (ready[0]) {
			if (!worker->stopping)
				stop_from_ms = clock_monotonic_ms();
			read_signal(worker, signals);
		}
	}
	/* What the last answers left to be said. */
	arena_clear(&worker->scratch);
	calls_flush(worker);
	while (worker->database_is_there && notify_run(&worker->notify) > 0)
		usleep(NOTIFY_INTERVAL_MS * 1000);
	return EXIT_SUCCESS;
}

/* SIGTERM and SIGINT as a descriptor; -1 when there is none to be had. */
static int
open_signals(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaction(SIGPIPE, &ignore, NULL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum sw_err
name_worker(struct worker *worker)
{
	char chance[12];

	if (gethostname(worker->host, sizeof(worker->host)) != 0)
		snprintf(worker->host, sizeof(worker->host), "localhost");
	worker->host[sizeof(worker->host) - 1] = '\0';
	for (char *c = worker->host; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && (*c != '.' || c == worker->host) && *c != '-')
			*c = '_';
	}
	if (secret_random_token(chance, sizeof(chance), 6) != SW_OK)
		return SW_EINTERNAL;
	snprintf(worker->id, sizeof(worker->id), "%s-%ld-%s", worker->host, (long)getpid(), chance);
	return SW_OK;
}

static enum sw_err
open_doors(struct worker *worker)
{
	const char *url = worker->config->database_url;
	enum sw_err err;

	err = db_new(url, "switchboard-worker", STATEMENT_TIMEOUT_MS, &worker->db);
	if (err == SW_OK)
		err = db_new(
		    url, "switchboard-worker-listen", STATEMENT_TIMEOUT_MS, &worker->listener);
	if (err == SW_OK)
		err = client_pool_new(&worker->pool);
	if (err == SW_OK)
		err = calls_new(&worker->calls);
	if (err == SW_OK)
		err = sealer_new(&worker->sealer);
	if (err != SW_OK)
		return err;
	/* Nobody waits for a connection that a home whose calls hang has taken. */
	client_pool_limit(worker->pool,
	    WORKER_JOBS_MAX + WORKER_REFRESHES_MAX + WORKER_COMMANDS_MAX + WORKER_CONFIRMS_MAX);
	notify_init(&worker->notify, worker->db);
	/* Without a database the channel is remembered for when there is one. */
	if (db_listen(worker->listener, STMT_LISTEN_WORK) != SW_OK)
		log_event(LOG_WARN, "worker.database", "state", "away", (const char *)NULL);
	return SW_OK;
}

static void
worker_close(struct worker *worker)
{
	bool idle = worker->jobs + worker->refreshes + worker->commands + worker->confirms == 0;

	client_pool_free(worker->pool);
	notify_clear(&worker->notify);
	limits_drop_held(worker);
	calls_free(worker->calls);
	sealer_free(worker->sealer);
	spool_close(worker->spool);
	db_free(worker->listener);
	db_free(worker->db);
	presence_close(worker->presence, idle); /* last: until here something could happen */
	arena_free(&worker->scratch);
}

static int
work(struct worker *worker, int signals)
{
	enum sw_err err = open_doors(worker);
	int status;

	if (err != SW_OK) /* of these only the database's URL can be wrong */
		return err == SW_EINPUT ? CONFIG_EXIT_STATUS : EXIT_FAILURE;
	log_event(LOG_INFO, "worker.started", "worker", worker->id, (const char *)NULL);
	presence_open(worker->config->state_dir, worker->id, &worker->presence);
	status = loop(worker, signals);
	log_event(LOG_INFO, "worker.stopped", "worker", worker->id, (const char *)NULL);
	return status;
}

int
main(void)
{
	struct config config = {0};
	struct worker worker = {.config = &config};
	const char *why;
	int signals;
	int status = EXIT_FAILURE;

	config_load_or_exit(&config,
	    CONFIG_DATABASE | CONFIG_API | CONFIG_APP | CONFIG_CLIENT | CONFIG_SEAL |
		CONFIG_BUDGET | CONFIG_STATE,
	    "worker");
	signals = open_signals();
	if (spool_open(config.state_dir, &config.seal_keys, &worker.spool, &why) != SW_OK) {
		fprintf(stderr, "switchboard-worker: SWITCHBOARD_STATE_DIR: %s\n", why);
		status = CONFIG_EXIT_STATUS;
	} else if (signals >= 0 && name_worker(&worker) == SW_OK) {
		status = work(&worker, signals);
	}
	worker_close(&worker);
	if (signals >= 0)
		close(signals);
	config_clear(&config);
	return status;
}
