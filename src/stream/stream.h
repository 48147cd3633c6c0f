#ifndef SWITCHBOARD_STREAM_STREAM_H
#define SWITCHBOARD_STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <microhttpd.h>
#include "base/sbuf.h"
#include "base/secret.h"

/*
 * One open GET /events: a browser, what it has seen of each of its
 * installations, and what waits to be written to it.  A stream with nothing to say is
 * suspended in libmicrohttpd and costs no work.
 */
struct hub;
struct streams;
struct stream;

/* A stream's place in one hub. */
struct follow {
	struct stream *stream;
	struct hub *hub;
	const char *installation_id; /* the hub's */
	int64_t cursor;              /* seq up to which the browser has everything */
	bool kept;                   /* scratch of the session check */
	bool removed;                /* the browser knows that the installation is gone */
	struct follow *hub_next, *hub_prev;
	struct follow *next; /* of the same stream */
};

struct stream {
	struct streams *streams;
	struct MHD_Connection *connection;
	bool *woken; /* set when its daemon must be run */
	uint8_t session[SECRET_SHA256_BYTES];
	struct follow *follows;
	struct sbuf out;
	size_t written;       /* bytes of "out" that are on their way */
	int64_t heartbeat_ms; /* when to send the next one */
	int64_t see_ms;       /* when to note that its session is in use; 0 = now */
	bool suspended;
	bool closing; /* end when "out" has been written */
	bool broken;  /* end at once: memory ran out */
	struct stream *next, *prev;
};

/* All streams of the process. */
struct streams {
	struct stream *first;
	size_t count;
	void (*release)(struct stream *stream); /* ends its follows, when the connection is gone */
};

/* With more than this waiting for a reader it gets nothing new. */
#define STREAM_OUT_MAX ((size_t)1 << 16)
/* libmicrohttpd drops a connection that takes no byte of what waits for so long. */
#define STREAM_STALL_S 30
#define STREAM_HEARTBEAT_MS 25000

/*
 * A new stream for a connection, in the list, without follows; NULL when out
 * of memory.  "*woken" is set whenever the connection's daemon has to be run for it.  It ends with
 * the connection: libmicrohttpd calls back, and it is taken out of the list and of its hubs, and
 * freed.
 */
struct stream *stream_new(struct streams *streams, struct MHD_Connection *connection, bool *woken,
    const uint8_t session[static SECRET_SHA256_BYTES], int64_t now_ms);

/*
 * Answer the connection with the stream's body.  MHD_NO when that failed: the
 * stream is gone then.
 */
enum MHD_Result stream_queue(struct stream *stream);

/*
 * Write one event: "text" is what events_format made; the id tells the
 * cursors of all follows, with "seq" in place of that of "follow" (NULL: as they are).
 */
void stream_put_event(struct stream *stream, const char *text, size_t length,
    const struct follow *follow, int64_t seq);

/*
 * Does more wait for this reader than it should?  What changes meanwhile is not for it: it keeps
 * its cursor, and is told the state of then at a later look.  One answer of the database goes
 * out whole, whatever its size, so that a large home gets through.
 */
bool stream_is_full(const struct stream *stream);

/* Say goodbye and end. */
void stream_end(struct stream *stream);

/* A comment line to those streams that have been silent for long. */
void streams_beat(struct streams *streams, int64_t now_ms);

/* End all (clean stop): without a goodbye, so that browsers come back. */
void streams_close(struct streams *streams);

#endif
