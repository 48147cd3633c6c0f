#ifndef SWITCHBOARD_STREAM_SERVER_H
#define SWITCHBOARD_STREAM_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "formats/config.h"
#include "db/db.h"
#include "stream/feed.h"
#include "stream/stream.h"

/*
 * GET /events (design.md "HTTP surface"): 200 and a stream for a session that is signed in; 401
 * without one; 503 with Retry-After while the database is away, the process stops or too many
 * streams are open; 404 and 405 for the rest, all as JSON errors.  The stream goes on from
 * Last-Event-ID, else from ?cursor=, else from the beginning; a malformed cursor, and entries for
 * installations of others, are ignored.
 */
struct event;
struct evconnlistener;
struct evhttp;

struct server {
	/* Set by the caller before server_start(), borrowed. */
	const struct config *config;
	struct db *db;
	struct feeds *feeds;
	struct streams *streams;
	struct event *refresh; /* added when a stream has opened: its feeds are stale */
	int descriptors_max;   /* connections with this descriptor or a higher one get 503 */
	bool stopping;         /* new requests get 503 */
	/* Its own. */
	int64_t away_until_ms; /* the database has just failed: 503 until then */
	struct evhttp *http;
	struct evconnlistener *listener;
};

/*
 * The listening unix socket at SWITCHBOARD_EVENTS_SOCKET, mode 0660.  The socket of a process that
 * died is replaced.  SW_ECONFLICT: a process answers there.  SW_EINPUT: the path is too long or
 * cannot be used.  Logs what is wrong.
 */
SW_MUSTCHECK enum sw_err server_listen(const char *path, int *out);

/* Delete the path: no new connection gets in, and another process can listen there. */
void server_remove_path(const char *path);

/* Serve the socket in the event loop of the streams; the server owns it.  False on failure. */
bool server_start(struct server *server, int listen_fd);

/* Accept again, after accepting failed for want of descriptors or memory. */
void server_resume(struct server *server);

/* Close all connections and the socket.  All zero is fine. */
void server_clear(struct server *server);

#endif
