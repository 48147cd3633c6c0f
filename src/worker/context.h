#ifndef SWITCHBOARD_WORKER_CONTEXT_H
#define SWITCHBOARD_WORKER_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "formats/config.h"
#include "net/client_pool.h"
#include "db/db.h"
#include "store/notify.h"
#include "store/work.h"

/*
 * What all parts of the worker share.  One thread, one event loop: database calls are short and
 * synchronous; calls to the platform are transfers of one pool, and the callback at the end of each
 * transfer does the next step of that piece of work.
 */
struct command_batch;
struct job;
struct key_check;
struct liveness;
struct pause;
struct refresh;
struct replay;
struct sealer;
struct spool;
struct token_states;
struct usage;

/* How many commands one process sends at a time. */
#define WORKER_COMMANDS_MAX 64

struct worker {
	/* Set by main() before the loop begins. */
	const struct config *config;
	char host[65]; /* this machine's name; what does not belong in a host name is "_" */
	char id[128];  /* host, process id and random characters; fit for a file's name */
	struct db *db;
	struct db *listener; /* only for LISTEN; the loop waits on its socket */
	struct client_pool *pool;
	struct notify notify;              /* wake-ups for pages, sent by the loop */
	struct token_states *token_states; /* used by calls */
	struct usage *usage;               /* used by calls */
	struct spool *spool;               /* used by refresh, replay and uninstall */
	struct replay *replay;             /* used by replay */
	struct sealer *sealer;             /* used by seal */
	struct key_check *key_check;       /* used by key_check */
	struct liveness *liveness;         /* NULL: its file could not be made */

	/* Results that the database has not taken yet; the loop tries again to save them. */
	struct refresh *unsaved_tokens; /* by refresh: answers that are not in the spool either */
	struct command_batch *unsaved_results; /* by commands: batches that the platform answered */
	struct pause *unsaved_pauses;          /* by limits: pauses that the platform asked for */

	/* What is claimed; each is counted by the module that works on it. */
	int jobs;
	int refreshes;
	int commands;
	int confirmations;
	int running[WORK_PRIORITY__MAX]; /* all of them but commands */
	struct job *paused;              /* by job: those that go on by themselves */

	/* Set by the loop. */
	struct arena scratch;        /* cleared at the start of each pass */
	bool stopping;               /* SIGTERM came: nothing new is claimed or sent */
	bool misconfigured;          /* a seal key is the wrong one: stop, exit status 78 */
	bool database_is_up;         /* the last heartbeat could be written */
	int64_t refreshes_from_ms;   /* monotonic; only commands are claimed before it */
	struct store_claims orphans; /* kinds of claims that may be ours without our knowing */

	/* Set by whoever notices it, used by the loop. */
	bool has_work;             /* there may be something to claim: a wake-up, or room again */
	bool catch_up;             /* installations are to be looked at after an absence */
	bool replay_due;           /* set by replay_request(): the spool is compared first */
	int64_t commands_until_ms; /* monotonic; by commands: some may be unanswered until then */
};

#endif
