/* libmicrohttpd's daemons, each with its own list of suspended connections. */
#include "stream/shards.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "stream/stream.h"
#include "base/log.h"

/*
 * Headers of one request must fit, and all of it is in use for the life of a stream.  nginx passes
 * on the session cookie and the cursor only, the latter in one form and up to 3600 characters:
 * CURSOR_MAX installations do fit.
 */
#define CONNECTION_MEMORY 5120
/* So many visitors in a turn: those who are there must not wait for a crowd. */
#define ACCEPT_AT_ONCE 16

static void
count_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
	struct shards *shards = cls;

	(void)connection, (void)socket_context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		shards->open++;
	else
		shards->open--;
}

bool
shards_start(struct shards *shards, int listen_fd, unsigned limit,
    MHD_AccessHandlerCallback handler, void *context)
{
	memset(shards, 0, sizeof(*shards));
	shards->context = context;
	shards->listen_fd = listen_fd;
	shards->limit = limit;
	for (unsigned i = 0; i < SHARDS_COUNT; i++) {
		struct shard *shard = &shards->list[i];

		shard->shards = shards;
		shard->daemon = MHD_start_daemon(
		    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL,
		    NULL, handler, shard, MHD_OPTION_CONNECTION_LIMIT, limit,
		    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STREAM_STALL_S,
		    MHD_OPTION_NOTIFY_CONNECTION, count_connection, shards, MHD_OPTION_END);
		if (shard->daemon == NULL)
			return false;
	}
	return true;
}

void
shards_stop(struct shards *shards)
{
	for (unsigned i = 0; i < SHARDS_COUNT; i++) {
		if (shards->list[i].daemon != NULL)
			MHD_stop_daemon(shards->list[i].daemon);
		shards->list[i].daemon = NULL;
	}
}

int
shards_descriptor(const struct shards *shards, unsigned i)
{
	return MHD_get_daemon_info(shards->list[i].daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

bool
shards_have_room(const struct shards *shards)
{
	return !shards->paused && shards->open < shards->limit;
}

/* The listening socket stays readable: somebody must look at it later, not at once. */
static void
accept_failed(struct shards *shards, int error)
{
	if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
		return;
	log_event(LOG_WARN, "events.accept", "err", strerror(error), (const char *)NULL);
	shards->paused = true;
}

void
shards_accept(struct shards *shards)
{
	for (int n = 0; n < ACCEPT_AT_ONCE && shards_have_room(shards); n++) {
		struct sockaddr_un address;
		socklen_t length = sizeof(address);
		struct shard *shard = &shards->list[shards->next];
		int fd = accept4(shards->listen_fd, (struct sockaddr *)&address, &length,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			accept_failed(shards, errno);
			return;
		}
		/* On failure it has closed the descriptor. */
		if (MHD_add_connection(shard->daemon, fd, (struct sockaddr *)&address, length) ==
		    MHD_YES)
			shard->woken = true;
		shards->next = (shards->next + 1) % SHARDS_COUNT;
	}
}

void
shards_resume(struct shards *shards)
{
	shards->paused = false;
}

void
shard_run(struct shard *shard)
{
	MHD_UNSIGNED_LONG_LONG ms;

	shard->woken = false;
	MHD_run(shard->daemon);
	/* What it has not finished, such as an answer longer than the socket takes at once. */
	if (MHD_get_timeout(shard->daemon, &ms) == MHD_YES && ms == 0)
		shard->woken = true;
}

bool
shards_run(struct shards *shards, bool all)
{
	bool again = false;

	for (unsigned i = 0; i < SHARDS_COUNT; i++) {
		struct shard *shard = &shards->list[i];

		if (all || shard->woken)
			shard_run(shard);
		again = again || shard->woken;
	}
	return again;
}
