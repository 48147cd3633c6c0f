#ifndef SWITCHBOARD_WORKER_CONTEXT_H
#define SWITCHBOARD_WORKER_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "net/client_pool.h"
#include "formats/config.h"
#include "db/db.h"
#include "store/notify.h"
#include "store/job.h"

/*
 * What all parts of the worker share.  One thread, one event loop: database
 * calls are short and synchronous, calls to the platform are transfers of one
 * pool whose callbacks take each piece of work one step on.
 */
struct calls;
struct refresh;
struct batch;
struct pause;
struct sealer;
struct spool;
struct presence;

/* How much of each kind is under way at once in one process. */
#define WORKER_JOBS_MAX 8
#define WORKER_REFRESHES_MAX 4
#define WORKER_COMMANDS_MAX 64
#define WORKER_CONFIRMS_MAX 2
/* Devices of one home whose commands are on the wire at once, over all workers. */
#define WORKER_COMMANDS_EACH 10

struct worker {
	const struct config *config;
	struct db *db;
	struct db *listener; /* LISTEN needs a session of its own */
	struct client_pool *pool;
	struct notify notify;
	struct calls *calls;
	struct spool *spool;
	struct sealer *sealer;
	struct presence *presence; /* NULL: it cannot be shown */
	struct refresh *held;      /* answers that are safe nowhere yet */
	struct batch *unrecorded;  /* commands whose outcome is not in the database yet */
	struct pause *pauses;      /* asked for by the platform, not in the database yet */
	struct arena scratch;      /* cleared at each turn of the loop */
	char host[65];
	char id[128]; /* host, process id and a random part; fit for a file's name */

	bool stopping;          /* nothing new is begun */
	bool database_is_there; /* the last look said so */
	bool has_work;          /* somebody may have queued something */
	int jobs;
	int refreshes;
	int commands;
	int confirms;
	bool replay_due; /* the spool may hold answers that are not stored */
	struct store_claims
	    orphans; /* kinds of which this worker may have claims it does not know of */
	int64_t refreshes_from_ms; /* monotonic; no refresh is claimed before it */
	int64_t commands_until_ms; /* monotonic; commands may be open until then */
};

#endif
