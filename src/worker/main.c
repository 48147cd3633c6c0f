/*
 * switchboard-worker: everything that talks to the platform outside a request.  Here are its start
 * and its end; what it does in between is loop.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/log.h"
#include "formats/base64.h"
#include "worker/context.h"
#include "worker/key_check.h"
#include "worker/limits.h"
#include "worker/liveness.h"
#include "worker/loop.h"
#include "worker/queue.h"
#include "worker/replay.h"
#include "worker/seal.h"
#include "worker/spool.h"
#include "worker/token_state.h"
#include "worker/usage.h"

#define STATEMENT_TIMEOUT_MS 5000

/* SIGTERM and SIGINT as a descriptor; -1 when it cannot be made. */
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
	char random[12];

	if (gethostname(worker->host, sizeof(worker->host)) != 0)
		snprintf(worker->host, sizeof(worker->host), "localhost");
	worker->host[sizeof(worker->host) - 1] = '\0';
	for (char *c = worker->host; *c != '\0'; c++) {
		if (!ascii_is_alnum(*c) && (*c != '.' || c == worker->host) && *c != '-')
			*c = '_';
	}
	if (base64url_random(random, sizeof(random), 6) != SW_OK)
		return SW_EINTERNAL;
	snprintf(worker->id, sizeof(worker->id), "%s-%ld-%s", worker->host, (long)getpid(), random);
	return SW_OK;
}

static enum sw_err
open_connections(struct worker *worker)
{
	const char *url = worker->config->database_url;
	enum sw_err err;

	err = db_new(
	    url, "switchboard-worker", STATEMENT_TIMEOUT_MS, DB_LOCK_TIMEOUT_MS, &worker->db);
	if (err == SW_OK)
		err = db_new(url, "switchboard-worker-listen", STATEMENT_TIMEOUT_MS,
		    DB_LOCK_TIMEOUT_MS, &worker->listener);
	if (err == SW_OK)
		err = client_pool_new(&worker->pool);
	if (err == SW_OK)
		err = token_states_new(&worker->token_states);
	if (err == SW_OK)
		err = usage_new(&worker->usage);
	if (err == SW_OK)
		err = sealer_new(&worker->sealer);
	if (err == SW_OK)
		err = replay_new(&worker->replay);
	if (err == SW_OK)
		err = key_check_new(&worker->key_check);
	if (err != SW_OK)
		return err;
	/* One for each call in flight: calls that hang leave connections for the others. */
	client_pool_limit(worker->pool, QUEUE_ROOM + WORKER_COMMANDS_MAX);
	notify_init(&worker->notify, worker->db);
	/* Without a database the channel is remembered, and listened to once connected. */
	if (db_listen(worker->listener, STMT_LISTEN_WORK) != SW_OK)
		log_event(LOG_WARN, "worker.database", "state", "down", (const char *)NULL);
	return SW_OK;
}

static void
worker_close(struct worker *worker)
{
	bool idle =
	    worker->jobs + worker->refreshes + worker->commands + worker->confirmations == 0 &&
	    worker->unsaved_results == NULL;

	client_pool_free(worker->pool);
	notify_clear(&worker->notify);
	limits_drop_unsaved(worker);
	token_states_free(worker->token_states);
	usage_free(worker->usage);
	sealer_free(worker->sealer);
	replay_free(worker->replay);
	key_check_free(worker->key_check);
	spool_close(worker->spool);
	db_free(worker->listener);
	db_free(worker->db);
	/* Last: once its file is unlocked, others release this worker's claims. */
	liveness_close(worker->liveness, idle);
	arena_free(&worker->scratch);
}

/* Returns the exit status. */
static int
run(struct worker *worker, int signals)
{
	enum sw_err err = open_connections(worker);

	if (err != SW_OK) /* SW_EINPUT: the database's URL is wrong */
		return err == SW_EINPUT ? CONFIG_EXIT_STATUS : EXIT_FAILURE;
	/* When the database is away, the loop checks it before anything else. */
	if (!key_check_run(worker) && worker->misconfigured)
		return CONFIG_EXIT_STATUS;
	log_event(LOG_INFO, "worker.started", "worker", worker->id, (const char *)NULL);
	liveness_open(worker->config->state_dir, worker->id, &worker->liveness);
	err = loop_run(worker, signals);
	log_event(LOG_INFO, "worker.stopped", "worker", worker->id, (const char *)NULL);
	if (worker->misconfigured)
		return CONFIG_EXIT_STATUS;
	return err == SW_OK ? EXIT_SUCCESS : EXIT_FAILURE;
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
		CONFIG_BUDGET | CONFIG_STATE | CONFIG_DAYS,
	    "worker");
	signals = open_signals();
	if (spool_open(config.state_dir, &config.seal_keys, &worker.spool, &why) != SW_OK) {
		fprintf(stderr, "switchboard-worker: SWITCHBOARD_STATE_DIR: %s\n", why);
		status = CONFIG_EXIT_STATUS;
	} else if (signals >= 0 && name_worker(&worker) == SW_OK) {
		status = run(&worker, signals);
	}
	worker_close(&worker);
	if (signals >= 0)
		close(signals);
	config_clear(&config);
	return status;
}
