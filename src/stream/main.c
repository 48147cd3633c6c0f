/*
 * switchboard-events: live updates for open pages (design.md "Live updates by
 * sequence").  One process, one event loop: libmicrohttpd's daemons,
 * PostgreSQL's notifications, signals and a clock.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "formats/config.h"
#include "db/db.h"
#include "stream/http.h"
#include "stream/hub.h"
#include "stream/session.h"
#include "stream/socket.h"
#include "base/log.h"
#include "store/stream.h"

#define PROGRAM "events"
#define STATEMENT_TIMEOUT_MS 3000
#define TICK_MS 1000
#define CHECK_MS 5000
#define STATS_MS 60000
/* A clean stop waits so long for readers to take the end of their streams. */
#define STOP_MS 1500
/* Descriptors that are not connections: logs, sockets, epoll, database, two of each shard. */
#define DESCRIPTORS_KEPT (64 + 2 * SHARDS_COUNT)
#define CONNECTIONS_MAX 100000
/* What epoll calls the shards; other sources are known by their descriptors. */
#define SHARD_BASE ((uint64_t)1 << 32)

struct events {
	struct config config;
	struct db *db;     /* questions */
	struct db *listen; /* notifications */
	struct events_http http;
	struct arena arena;
	int socket;
	int signals;
	int epoll;
	int listen_watched; /* the notification socket that epoll knows, or -1 */
	bool visitors_watched;
	bool run_again; /* a shard has not done all */
	int64_t tick_ms, check_ms, stats_ms;
	int64_t stop_ms; /* when to leave at the latest, 0 = not stopping */
	uint64_t wakeups;
	bool check_now;
	bool away; /* the last refresh failed */
};

static bool
watch(struct events *events, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)fd};

	return epoll_ctl(events->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool
watch_shards(struct events *events)
{
	for (unsigned i = 0; i < SHARDS_COUNT; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u64 = SHARD_BASE + i};

		if (epoll_ctl(events->epoll, EPOLL_CTL_ADD,
			shards_descriptor(&events->http.shards, i), &event) != 0)
			return false;
	}
	return true;
}

/* Visitors for whom there is no room wait outside, and must not keep us awake. */
static void
watch_visitors(struct events *events)
{
	bool wanted = shards_have_room(&events->http.shards);
	struct epoll_event event = {
	    .events = wanted ? EPOLLIN : 0, .data.u64 = (uint64_t)events->socket};

	if (wanted != events->visitors_watched &&
	    epoll_ctl(events->epoll, EPOLL_CTL_MOD, events->socket, &event) == 0)
		events->visitors_watched = wanted;
}

/* The notification socket is another one after each reconnect; a closed one leaves epoll by itself.
 */
static void
watch_listen(struct events *events, bool remade)
{
	int fd = db_socket(events->listen);

	if (fd == events->listen_watched && !remade)
		return;
	events->listen_watched = fd >= 0 && (watch(events, fd) || errno == EEXIST) ? fd : -1;
}

/* A wake-up that brings the change itself; "row" is behind the installation's id in "text". */
static void
take_change(struct events *events, char *text, char *row)
{
	struct page_notice told;

	*row++ = '\0';
	if (page_notice_read(text, row, &told) == SW_OK)
		hubs_tell(events->http.hubs, &told.change);
	else
		hubs_mark(events->http.hubs, text);
	page_notice_free(&told);
}

/* Payload of a wake-up: see notify.h. */
static void
take_wakeup(struct events *events, const char *payload)
{
	char *copy = arena_strdup(&events->arena, payload), *rest = copy, *part;
	char *row = copy != NULL ? strchr(copy, ' ') : NULL;

	events->wakeups++;
	if (row != NULL) {
		take_change(events, copy, row);
		return;
	}
	while (copy != NULL && (part = strsep(&rest, ",")) != NULL) {
		if (strcmp(part, "*") == 0)
			events->check_now = true;
		else
			hubs_mark(events->http.hubs, part);
	}
}

/* After a reconnect anything may have been missed. */
static void
take_wakeups(struct events *events)
{
	const char *payload;
	bool any_remade = false, remade;

	for (;;) {
		remade = false;
		if (db_take_notice(events->listen, &events->arena, &payload, &remade) != SW_OK)
			break;
		any_remade = any_remade || remade;
		if (payload == NULL)
			break;
		take_wakeup(events, payload);
	}
	if (any_remade) {
		hubs_mark_all(events->http.hubs);
		events->check_now = true;
	}
	watch_listen(events, any_remade);
	arena_clear(&events->arena);
}

/* What wake-ups asked for. */
static enum sw_err
refresh(struct events *events)
{
	bool removed = false;
	enum sw_err err = hubs_refresh(events->http.hubs, events->db, &removed);

	if (err != SW_OK)
		return err;
	if (removed)
		events->check_now = true;
	if (!events->check_now)
		return SW_OK;
	err = events_check_sessions(&events->http.streams, events->http.hubs, events->db);
	if (err == SW_OK)
		err = events_see_sessions(&events->http.streams, events->db, clock_monotonic_ms());
	if (err != SW_OK)
		return err;
	events->check_now = false;
	/* Locations that joined bring their switches at once. */
	return hubs_refresh(events->http.hubs, events->db, &removed);
}

static void
log_stats(struct events *events)
{
	log_event(LOG_INFO, "events.stats", "streams",
	    log_int((long long)events->http.streams.count), "wakeups",
	    log_int((long long)events->wakeups), (const char *)NULL);
	events->wakeups = 0;
}

/* Once a second: heartbeats; every five: what a lost wake-up would have brought. */
static void
tick(struct events *events)
{
	int64_t now = clock_monotonic_ms();

	if (now < events->tick_ms)
		return;
	events->tick_ms = now + TICK_MS;
	(void)shards_run(&events->http.shards, true); /* readers that take nothing time out */
	shards_resume(&events->http.shards);
	streams_beat(&events->http.streams, now);
	if (now >= events->check_ms) {
		events->check_ms = now + CHECK_MS;
		events->check_now = true;
		hubs_mark_all(events->http.hubs);
	}
	if (now >= events->stats_ms) {
		events->stats_ms = now + STATS_MS;
		log_stats(events);
	}
}

static void
begin_stop(struct events *events)
{
	if (events->stop_ms != 0)
		return;
	log_event(LOG_INFO, "events.stop", "streams",
	    log_int((long long)events->http.streams.count), (const char *)NULL);
	events->http.stopping = true;
	events->stop_ms = clock_monotonic_ms() + STOP_MS;
	/* The path is free for a successor before the last reader has gone. */
	events_socket_remove(events->config.events_socket);
	streams_close(&events->http.streams);
}

static void
take_signals(struct events *events)
{
	struct signalfd_siginfo info;

	while (read(events->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		begin_stop(events);
}

static int
wait_ms(const struct events *events)
{
	int64_t left = events->tick_ms - clock_monotonic_ms();

	/* A stream was opened since the last refresh.  While that fails, marks wait for the tick.
	 */
	if ((hubs_are_marked(events->http.hubs) && !events->away) || events->run_again)
		return 0;
	return left > 0 ? (int)left : 0;
}

static bool
is_done(const struct events *events)
{
	return events->stop_ms != 0 &&
	       (events->http.streams.count == 0 || clock_monotonic_ms() >= events->stop_ms);
}

static void
take_ready(struct events *events, const struct epoll_event *ready, int count)
{
	for (int i = 0; i < count; i++) {
		if (ready[i].data.u64 >= SHARD_BASE)
			events->http.shards.list[ready[i].data.u64 - SHARD_BASE].woken = true;
		else if (ready[i].data.u64 == (uint64_t)events->socket)
			shards_accept(&events->http.shards);
	}
	(void)shards_run(&events->http.shards, false);
}

static void
run(struct events *events)
{
	struct epoll_event ready[SHARDS_COUNT + 4];

	while (!is_done(events)) {
		int count = epoll_wait(events->epoll, ready, SHARDS_COUNT + 4, wait_ms(events));

		if (count < 0 && errno != EINTR) {
			log_event(
			    LOG_ERROR, "events.wait", "error", strerror(errno), (const char *)NULL);
			return;
		}
		take_signals(events);
		take_ready(events, ready, count);
		take_wakeups(events);
		tick(events);
		events->away = refresh(events) != SW_OK;
		/* Streams that were resumed just now write now, not at the next tick. */
		events->run_again = shards_run(&events->http.shards, false);
		watch_visitors(events);
	}
}

/* As many connections as the kernel lets us have descriptors for; 0 when those are too few. */
static unsigned
connection_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur <= DESCRIPTORS_KEPT)
		return 0;
	limit.rlim_cur -= DESCRIPTORS_KEPT;
	return limit.rlim_cur < CONNECTIONS_MAX ? (unsigned)limit.rlim_cur : CONNECTIONS_MAX;
}

static int
open_signals(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* What the configuration names.  SW_EINPUT: it is wrong there, and that was said. */
static enum sw_err
open_configured(struct events *events)
{
	const char *url = events->config.database_url;
	enum sw_err err = db_new(url, PROGRAM, STATEMENT_TIMEOUT_MS, &events->db);

	if (err == SW_OK)
		err = db_new(url, PROGRAM "-listen", STATEMENT_TIMEOUT_MS, &events->listen);
	if (err == SW_OK)
		err = events_socket_open(events->config.events_socket, &events->socket);
	return err;
}

static bool
open_all(struct events *events)
{
	unsigned limit = connection_limit();

	if (limit == 0) {
		log_event(LOG_ERROR, "events.descriptors", "needed", log_int(DESCRIPTORS_KEPT + 1),
		    (const char *)NULL);
		return false;
	}
	events->http.config = &events->config;
	events->http.hubs = hubs_new();
	events->epoll = epoll_create1(EPOLL_CLOEXEC);
	events->signals = open_signals();
	if (events->http.hubs == NULL || events->epoll < 0 || events->signals < 0)
		return false;
	/* It may be away now: the loop connects when it comes. */
	if (db_listen(events->listen, STMT_LISTEN_PAGE) != SW_OK)
		log_event(LOG_WARN, "events.database_away", (const char *)NULL);
	events->http.db = events->db;
	if (!events_http_start(&events->http, events->socket, limit))
		return false;
	log_event(LOG_INFO, "events.start", "connections", log_int(limit), (const char *)NULL);
	events->visitors_watched = true;
	return watch(events, events->signals) && watch(events, events->socket) &&
	       watch_shards(events);
}

static void
close_all(struct events *events)
{
	/* The library aborts over connections that are still suspended. */
	streams_close(&events->http.streams);
	shards_stop(&events->http.shards);
	if (events->socket >= 0 && events->stop_ms == 0)
		events_socket_remove(events->config.events_socket);
	db_free(events->db);
	db_free(events->listen);
	hubs_free(events->http.hubs);
	arena_free(&events->arena);
	if (events->signals >= 0)
		close(events->signals);
	if (events->epoll >= 0)
		close(events->epoll);
	config_clear(&events->config);
}

int
main(void)
{
	static struct events events = {
	    .socket = -1, .signals = -1, .epoll = -1, .listen_watched = -1};
	int status = EXIT_FAILURE;
	enum sw_err err;

	config_load_or_exit(
	    &events.config, CONFIG_DATABASE | CONFIG_PUBLIC | CONFIG_EVENTS, PROGRAM);
	err = open_configured(&events);
	if (err == SW_EINPUT) {
		status = CONFIG_EXIT_STATUS;
	} else if (err == SW_OK && open_all(&events)) {
		run(&events);
		status = events.stop_ms != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	} else {
		log_event(LOG_ERROR, "events.start_failed", (const char *)NULL);
	}
	close_all(&events);
	return status;
}
