#ifndef SWITCHBOARD_STREAM_STREAM_H
#define SWITCHBOARD_STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/secret.h"
#include "stream/session_index.h"

/*
 * One open GET /events: a browser's connection, and what it has seen of each of its installations.
 * What it has not taken yet waits in libevent's buffer of the connection; an idle stream has none.
 */
struct evbuffer;
struct event_base;
struct evhttp_request;
struct feed;
struct streams;
struct stream;

/* A stream as one of those that read a feed. */
struct subscriber {
	struct stream *stream;
	struct feed *feed;
	const char *installation_id; /* the feed's */
	int64_t cursor;              /* seq up to which the browser has everything */
	bool visible;                /* the session may see it: used by sessions_check() only */
	bool removed;                /* the browser knows that the installation was removed */
	struct subscriber *feed_next, *feed_prev;
	struct subscriber *next; /* of the same stream */
};

struct stream {
	struct streams *streams;
	struct evhttp_request *request; /* NULL: its end is on the way, libevent frees it */
	bool broken;                    /* the loop will close the connection */
	uint8_t session[SECRET_SHA256_BYTES];
	struct subscriber *subscribers;
	int64_t heartbeat_ms; /* when to send the next one */
	int64_t seen_ms;      /* when to record next that its session is in use; 0 = now */
	struct stream *next, *prev;
	struct session_entry entry;
};

/* All streams of the process. */
struct streams {
	struct event_base *base;
	struct evbuffer *chunk; /* the next piece of a reply, empty in between */
	struct stream *first;
	struct session_index index; /* the same ones */
	size_t count;
	bool closing; /* the loop ends with the last stream */
	void (*unsubscribe)(struct stream *stream);
};

/* While more than this waits for a browser its stream gets no new changes. */
#define STREAM_OUT_MAX ((size_t)1 << 16)
/* A connection that takes no byte of what waits for so long is closed. */
#define STREAM_STALL_S 30
#define STREAM_HEARTBEAT_MS 25000

/*
 * "base" is borrowed; "unsubscribe" is called with a stream whose connection is gone, and must free
 * its subscribers.  False when out of memory.
 */
bool streams_init(
    struct streams *streams, struct event_base *base, void (*unsubscribe)(struct stream *stream));

/* Only when no stream is left; all zero is fine. */
void streams_clear(struct streams *streams);

/*
 * Answer a request with 200 and a stream without subscribers, of a session of user_id.  It belongs
 * to the connection, and is freed with it.  NULL when out of memory: the request has no answer yet.
 */
struct stream *stream_open(struct streams *streams, struct evhttp_request *request,
    const uint8_t session[static SECRET_SHA256_BYTES], int64_t user_id, int64_t now_ms);

/*
 * Write one event: "text" is what format.h makes.  Its id holds the cursors of all subscribers of
 * the stream, with "seq" in place of that of "subscriber" (NULL: all as they are).
 */
void stream_put_event(struct stream *stream, const char *text, size_t length,
    const struct subscriber *subscriber, int64_t seq);

/*
 * Does more than STREAM_OUT_MAX wait?  Then the subscriber keeps its cursor, and a later refresh
 * writes the state of that time.  The changes of one refresh are written as a whole, whatever their
 * size, so that an installation with many switches gets through.
 */
bool stream_is_full(const struct stream *stream);

/* False once the stream was ended, closed or dropped: nothing more is written to it. */
bool stream_is_open(const struct stream *stream);

/* Write "bye", and close the connection when that has been sent. */
void stream_end(struct stream *stream);

/* Close the connection without sending what waits: the browser reconnects, and loses nothing. */
void stream_drop(struct stream *stream);

/* Write a comment to the streams that have been silent for STREAM_HEARTBEAT_MS. */
void streams_beat(struct streams *streams, int64_t now_ms);

/*
 * End all streams without "bye", so that browsers reconnect; when the last one is gone the event
 * loop ends.
 */
void streams_close(struct streams *streams);

#endif
