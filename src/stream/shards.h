#ifndef SWITCHBOARD_STREAM_SHARDS_H
#define SWITCHBOARD_STREAM_SHARDS_H

#include <stdbool.h>
#include <microhttpd.h>

/*
 * The connections of the streamer, spread over several daemons of libmicrohttpd in one thread.
 * To resume one connection a daemon looks through all that are suspended: with 2 000 open streams
 * in one daemon that took 0.8 ms for each event.
 */
#define SHARDS_COUNT 64

struct shards;

/* A daemon, and what its handler is called with. */
struct shard {
	struct MHD_Daemon *daemon;
	struct shards *shards;
	bool woken; /* must be run: a connection was added or resumed, or it has not done all */
};

struct shards {
	void *context; /* the handler's: shard->shards->context */
	int listen_fd;
	unsigned open; /* connections */
	unsigned limit;
	unsigned next;
	bool paused; /* accepting failed, for want of descriptors or memory */
	struct shard list[SHARDS_COUNT];
};

/*
 * Start the daemons; connections are then accepted from "listen_fd", at most "limit" at a time.
 * False on failure: shards_stop() what there is.
 */
bool shards_start(struct shards *shards, int listen_fd, unsigned limit,
    MHD_AccessHandlerCallback handler, void *context);

/* Nothing may be suspended any more.  All zero is fine. */
void shards_stop(struct shards *shards);

/* A descriptor that is readable when shard "i" must be run. */
int shards_descriptor(const struct shards *shards, unsigned i);

/* Is there room for another connection, and was there at the last try?  While there is not, nobody
 * need wait for one. */
bool shards_have_room(const struct shards *shards);

/* Take some of what waits on the listening socket, as far as there is room; does not block. */
void shards_accept(struct shards *shards);

/* After a while: try again what failed for want of descriptors or memory. */
void shards_resume(struct shards *shards);

/* Let a shard read, write and time out. */
void shard_run(struct shard *shard);

/* The same for all that were woken, or for all; true when some are not done and must be run again.
 */
bool shards_run(struct shards *shards, bool all);

#endif
