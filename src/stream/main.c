/*
 * switchboard-events: live updates for open pages (design.md "Live updates by sequence").  One
 * process, one event loop (libevent): the HTTP server, PostgreSQL's notifications, signals and a
 * clock.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "formats/config.h"
#include "formats/number.h"
#include "db/db.h"
#include "store/notify.h"
#include "store/stream.h"
#include "stream/feed.h"
#include "stream/server.h"
#include "stream/session.h"

#define PROGRAM "events"
#define STATEMENT_TIMEOUT_MS 3000
#define CHECK_MS 5000
#define STATS_MS 60000
/* Descriptors that connections may not use: logs, socket, epoll, databases, and requests that are
 * answered by 503. */
#define DESCRIPTORS_RESERVED 64
/* All that is not the HTTP server goes first, after this many of its callbacks at the latest: open
 * streams must not wait for many new ones. */
#define HTTP_CALLBACKS_AT_ONCE 16
enum priority {
	PRIORITY_FIRST,
	PRIORITY_HTTP, /* the middle one is what the library gives connections */
	PRIORITY__MAX
};

struct streamer {
	struct config config;
	struct db *db;     /* queries */
	struct db *listen; /* notifications */
	struct feeds *feeds;
	struct streams streams;
	struct server server;
	struct arena arena;
	int socket;
	struct event_base *base;
	struct event *tick, *refresh, *terminate, *interrupt;
	struct event *notified; /* the connection of "listen" is readable; NULL: there is none */
	int64_t check_ms, stats_ms;
	uint64_t wakeups;
	bool seen_due; /* record that sessions are in use */
};

static struct event *
new_event(
    struct streamer *streamer, int fd, short what, void (*callback)(evutil_socket_t, short, void *))
{
	struct event *event = event_new(streamer->base, fd, what, callback, streamer);

	if (event != NULL)
		event_priority_set(event, PRIORITY_FIRST);
	return event;
}

static void
free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

/* A wake-up that carries the change: "row" follows the installation's id in "text". */
static void
take_change(struct streamer *streamer, char *text, char *row)
{
	struct page_notice notice;

	*row++ = '\0';
	if (page_notice_read(text, row, &notice) == SW_OK)
		feeds_notify(streamer->feeds, &notice.change);
	else
		feeds_mark_stale(streamer->feeds, text);
	page_notice_free(&notice);
}

/* What is meant for us but cannot be read may concern everybody. */
static void
take_entry(struct streamer *streamer, const char *entry)
{
	struct session_index *index = &streamer->streams.index;
	int64_t user_id;

	if (entry[0] == NOTIFY_USER &&
	    number_parse_text(entry + 1, 0, INT64_MAX, &user_id) == SW_OK)
		session_index_mark_user(index, user_id);
	else if (entry[0] == NOTIFY_USER || strcmp(entry, "*") == 0)
		session_index_mark_all(index);
	else
		feeds_mark_stale(streamer->feeds, entry);
}

/* The payload is described in store/notify.h. */
static void
take_wakeup(struct streamer *streamer, const char *payload)
{
	char *copy = arena_strdup(&streamer->arena, payload), *rest = copy, *part;
	char *row = copy != NULL ? strchr(copy, ' ') : NULL;

	streamer->wakeups++;
	if (row != NULL) {
		take_change(streamer, copy, row);
		return;
	}
	while (copy != NULL && (part = strsep(&rest, ",")) != NULL)
		take_entry(streamer, part);
}

static void on_notified(evutil_socket_t fd, short what, void *cls);

/* A new connection has a new socket; it may have the number of the old one. */
static void
watch_notifications(struct streamer *streamer, bool remade)
{
	int fd = db_socket(streamer->listen);

	if (streamer->notified != NULL && event_get_fd(streamer->notified) == fd && !remade)
		return;
	free_event(&streamer->notified);
	if (fd < 0)
		return;
	streamer->notified = new_event(streamer, fd, EV_READ | EV_PERSIST, on_notified);
	if (streamer->notified != NULL)
		event_add(streamer->notified, NULL);
}

/* Wake-ups sent while the connection was away are lost: after a reconnect all is read again. */
static void
take_wakeups(struct streamer *streamer)
{
	const char *payload;
	bool any_remade = false, remade;

	for (;;) {
		remade = false;
		if (db_take_notice(streamer->listen, &streamer->arena, &payload, &remade) != SW_OK)
			break;
		any_remade = any_remade || remade;
		if (payload == NULL)
			break;
		take_wakeup(streamer, payload);
	}
	if (any_remade) {
		feeds_mark_all_stale(streamer->feeds);
		session_index_mark_all(&streamer->streams.index);
	}
	watch_notifications(streamer, any_remade);
	arena_clear(&streamer->arena);
}

/* Read and write what is new.  What fails is tried again at the next tick. */
static void
refresh(struct streamer *streamer)
{
	if (feeds_refresh(streamer->feeds, streamer->db) != SW_OK ||
	    sessions_check(&streamer->streams, streamer->feeds, streamer->db) != SW_OK)
		return;
	if (streamer->seen_due &&
	    sessions_mark_seen(&streamer->streams, streamer->db, clock_monotonic_ms()) != SW_OK)
		return;
	streamer->seen_due = false;
	/* Streams that were subscribed to an installation just now get its switches. */
	(void)!feeds_refresh(streamer->feeds, streamer->db);
}

static void
on_notified(evutil_socket_t fd, short what, void *cls)
{
	(void)fd, (void)what;
	take_wakeups(cls);
	refresh(cls);
}

static void
on_refresh(evutil_socket_t fd, short what, void *cls)
{
	(void)fd, (void)what;
	refresh(cls);
}

static void
log_stats(struct streamer *streamer)
{
	log_event(LOG_INFO, "events.stats", "streams", log_int((long long)streamer->streams.count),
	    "wakeups", log_int((long long)streamer->wakeups), (const char *)NULL);
	streamer->wakeups = 0;
}

/* Every second: heartbeats, and what failed; every five: what a lost wake-up would have brought. */
static void
on_tick(evutil_socket_t fd, short what, void *cls)
{
	struct streamer *streamer = cls;
	int64_t now = clock_monotonic_ms();

	(void)fd, (void)what;
	server_resume(&streamer->server);
	streams_beat(&streamer->streams, now);
	take_wakeups(streamer);
	if (now >= streamer->check_ms) {
		streamer->check_ms = now + CHECK_MS;
		streamer->seen_due = true;
		session_index_mark_all(&streamer->streams.index);
		feeds_mark_all_stale(streamer->feeds);
	}
	refresh(streamer);
	if (now >= streamer->stats_ms) {
		streamer->stats_ms = now + STATS_MS;
		log_stats(streamer);
	}
}

/* The loop ends when the last stream has been closed, or when browsers have had 1.5 s for that. */
static void
on_stop(evutil_socket_t fd, short what, void *cls)
{
	const struct timeval limit = {.tv_sec = 1, .tv_usec = 500000};
	struct streamer *streamer = cls;

	(void)fd, (void)what;
	if (streamer->server.stopping)
		return;
	log_event(LOG_INFO, "events.stop", "streams", log_int((long long)streamer->streams.count),
	    (const char *)NULL);
	streamer->server.stopping = true;
	/* Another process may serve the path before the last stream is closed. */
	server_remove_path(streamer->config.events_socket);
	event_base_loopexit(streamer->base, &limit);
	streams_close(&streamer->streams);
}

/* Raise the limit of descriptors as far as we may; what connections may use of it, 0: nothing. */
static int
descriptors_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur > INT32_MAX)
		return INT32_MAX;
	return limit.rlim_cur > DESCRIPTORS_RESERVED ? (int)limit.rlim_cur - DESCRIPTORS_RESERVED
						     : 0;
}

static void
log_library(int severity, const char *message)
{
	log_event(severity == EVENT_LOG_DEBUG ? LOG_DEBUG : LOG_WARN, "events.libevent", "message",
	    message, (const char *)NULL);
}

/* The configuration's URL and path.  SW_EINPUT: wrong, which was logged. */
static enum sw_err
open_configured(struct streamer *streamer)
{
	const char *url = streamer->config.database_url;
	enum sw_err err =
	    db_new(url, PROGRAM, STATEMENT_TIMEOUT_MS, DB_LOCK_TIMEOUT_MS, &streamer->db);

	if (err == SW_OK)
		err = db_new(url, PROGRAM "-listen", STATEMENT_TIMEOUT_MS, DB_LOCK_TIMEOUT_MS,
		    &streamer->listen);
	if (err == SW_OK)
		err = server_listen(streamer->config.events_socket, &streamer->socket);
	return err;
}

static bool
open_loop(struct streamer *streamer)
{
	struct event_config *config = event_config_new();
	const struct timeval second = {.tv_sec = 1};

	event_set_log_callback(log_library);
	if (config != NULL && event_config_set_max_dispatch_interval(
				  config, NULL, HTTP_CALLBACKS_AT_ONCE, PRIORITY_HTTP) == 0)
		streamer->base = event_base_new_with_config(config);
	if (config != NULL)
		event_config_free(config);
	if (streamer->base == NULL || event_base_priority_init(streamer->base, PRIORITY__MAX) != 0)
		return false;
	streamer->tick = new_event(streamer, -1, EV_PERSIST, on_tick);
	streamer->refresh = new_event(streamer, -1, 0, on_refresh);
	streamer->terminate = new_event(streamer, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop);
	streamer->interrupt = new_event(streamer, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop);
	return streamer->tick != NULL && streamer->refresh != NULL && streamer->terminate != NULL &&
	       streamer->interrupt != NULL && event_add(streamer->tick, &second) == 0 &&
	       event_add(streamer->terminate, NULL) == 0 &&
	       event_add(streamer->interrupt, NULL) == 0;
}

static bool
open_server(struct streamer *streamer)
{
	struct server *server = &streamer->server;
	int limit = descriptors_max();

	if (limit == 0) {
		log_event(LOG_ERROR, "events.descriptors", "needed",
		    log_int(DESCRIPTORS_RESERVED + 1), (const char *)NULL);
		return false;
	}
	streamer->feeds = feeds_new();
	if (streamer->feeds == NULL ||
	    !streams_init(&streamer->streams, streamer->base, feed_unsubscribe_all))
		return false;
	*server = (struct server){.config = &streamer->config,
	    .db = streamer->db,
	    .feeds = streamer->feeds,
	    .streams = &streamer->streams,
	    .refresh = streamer->refresh,
	    .descriptors_max = limit};
	if (!server_start(server, streamer->socket))
		return false;
	log_event(LOG_INFO, "events.start", "descriptors", log_int(limit), (const char *)NULL);
	return true;
}

/* The database may be away now: every tick tries again. */
static void
run(struct streamer *streamer)
{
	if (db_listen(streamer->listen, STMT_LISTEN_PAGE) != SW_OK)
		log_event(LOG_WARN, "events.database_away", (const char *)NULL);
	watch_notifications(streamer, true);
	event_base_dispatch(streamer->base);
}

static void
close_all(struct streamer *streamer)
{
	if (streamer->socket >= 0 && !streamer->server.stopping)
		server_remove_path(streamer->config.events_socket);
	server_clear(&streamer->server);
	streams_clear(&streamer->streams);
	feeds_free(streamer->feeds);
	free_event(&streamer->notified);
	free_event(&streamer->tick);
	free_event(&streamer->refresh);
	free_event(&streamer->terminate);
	free_event(&streamer->interrupt);
	if (streamer->base != NULL)
		event_base_free(streamer->base);
	libevent_global_shutdown();
	db_free(streamer->db);
	db_free(streamer->listen);
	arena_free(&streamer->arena);
	config_clear(&streamer->config);
}

int
main(void)
{
	static struct streamer streamer = {.socket = -1};
	int status = EXIT_FAILURE;
	enum sw_err err;

	config_load_or_exit(
	    &streamer.config, CONFIG_DATABASE | CONFIG_PUBLIC | CONFIG_EVENTS, PROGRAM);
	signal(SIGPIPE, SIG_IGN);
	err = open_configured(&streamer);
	if (err == SW_EINPUT) {
		status = CONFIG_EXIT_STATUS;
	} else if (err == SW_OK && open_loop(&streamer) && open_server(&streamer)) {
		run(&streamer);
		status = streamer.server.stopping ? EXIT_SUCCESS : EXIT_FAILURE;
	} else {
		log_event(LOG_ERROR, "events.start_failed", (const char *)NULL);
	}
	close_all(&streamer);
	return status;
}
