#ifndef SWITCHBOARD_STREAM_HTTP_H
#define SWITCHBOARD_STREAM_HTTP_H

#include <microhttpd.h>
#include "formats/config.h"
#include "db/db.h"
#include "stream/hub.h"
#include "stream/shards.h"
#include "stream/stream.h"

/*
 * GET /events (design.md "HTTP surface"): 200 and a stream for who is signed
 * in; 401 before any stream for who is not; 503 with Retry-After while the
 * database is away; 404 and 405 for the rest, all as JSON errors.  Where to go on: Last-Event-ID,
 * else ?cursor=, else from the beginning; a cursor that is malformed, or names what is not this
 * user's, counts for nothing there.
 */
struct events_http {
	const struct config *config;
	struct db *db;
	struct shards shards;
	struct streams streams;
	struct hubs *hubs;
	bool stopping;         /* 503 for new ones */
	int64_t away_until_ms; /* the same: the database has just failed one */
};

/* Start the daemons on a listening socket; they are driven by the caller through events_shards.h.
 * False on failure. */
bool events_http_start(struct events_http *http, int listen_fd, unsigned connections);

#endif
