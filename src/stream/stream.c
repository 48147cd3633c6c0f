/*
 * A stream is a chunked reply of libevent's HTTP server that does not end.  The library frees the
 * request when the reply has ended or the server goes, but not when the connection breaks before:
 * close_stream() does.
 */
#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/clock.h"
#include "base/sbuf.h"
#include "formats/cursor.h"
#include "stream/format.h"

bool
streams_init(
    struct streams *streams, struct event_base *base, void (*unsubscribe)(struct stream *stream))
{
	*streams =
	    (struct streams){.base = base, .chunk = evbuffer_new(), .unsubscribe = unsubscribe};
	return streams->chunk != NULL;
}

void
streams_clear(struct streams *streams)
{
	if (streams->chunk != NULL)
		evbuffer_free(streams->chunk);
	*streams = (struct streams){0};
}

bool
stream_is_open(const struct stream *stream)
{
	return stream->request != NULL && !stream->broken;
}

/* Of an open stream. */
static struct bufferevent *
connection_buffer(const struct stream *stream)
{
	return evhttp_connection_get_bufferevent(evhttp_request_get_connection(stream->request));
}

static size_t
waiting(const struct stream *stream)
{
	return evbuffer_get_length(bufferevent_get_output(connection_buffer(stream)));
}

/* Callers walk through lists of streams, so the connection is closed by the loop, not here. */
void
stream_drop(struct stream *stream)
{
	if (!stream_is_open(stream))
		return;
	bufferevent_trigger_event(
	    connection_buffer(stream), BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
	stream->broken = true;
}

static void
send_text(struct stream *stream, const char *text, size_t length)
{
	stream->heartbeat_ms = clock_monotonic_ms() + STREAM_HEARTBEAT_MS;
	if (evbuffer_add(stream->streams->chunk, text, length) == 0)
		evhttp_send_reply_chunk(stream->request, stream->streams->chunk);
	else
		stream_drop(stream);
}

static void
close_stream(struct evhttp_connection *connection, void *cls)
{
	struct stream *stream = cls;
	struct streams *streams = stream->streams;

	(void)connection;
	if (stream->request != NULL && evhttp_request_get_connection(stream->request) == NULL)
		evhttp_request_free(stream->request);
	streams->unsubscribe(stream);
	session_index_remove(&streams->index, &stream->entry);
	if (stream->prev != NULL)
		stream->prev->next = stream->next;
	else
		streams->first = stream->next;
	if (stream->next != NULL)
		stream->next->prev = stream->prev;
	free(stream);
	if (--streams->count == 0 && streams->closing)
		event_base_loopbreak(streams->base);
}

static void
start_reply(struct stream *stream)
{
	/* The browser waits 2 s before it reconnects; the comment makes it report "open" at once.
	 */
	static const char greeting[] = "retry: 2000\n: welcome\n\n";
	const struct timeval stall = {.tv_sec = STREAM_STALL_S};
	struct evkeyvalq *headers = evhttp_request_get_output_headers(stream->request);
	struct evhttp_connection *connection = evhttp_request_get_connection(stream->request);

	evhttp_add_header(headers, "Content-Type", "text/event-stream");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Accel-Buffering", "no");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	/* What the client sends after its request is not read, so there can be no other. */
	evhttp_add_header(headers, "Connection", "close");
	bufferevent_setwatermark(connection_buffer(stream), EV_READ, 0, 1);
	bufferevent_set_timeouts(connection_buffer(stream), NULL, &stall);
	evhttp_connection_set_closecb(connection, close_stream, stream);
	evhttp_send_reply_start(stream->request, HTTP_OK, NULL);
	send_text(stream, greeting, sizeof(greeting) - 1);
}

struct stream *
stream_open(struct streams *streams, struct evhttp_request *request,
    const uint8_t session[static SECRET_SHA256_BYTES], int64_t user_id, int64_t now_ms)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->streams = streams;
	stream->request = request;
	memcpy(stream->session, session, SECRET_SHA256_BYTES);
	stream->entry = (struct session_entry){.stream = stream, .user_id = user_id};
	start_reply(stream);
	/* Streams that open in the same second send their heartbeats in different ones. */
	stream->heartbeat_ms = now_ms + STREAM_HEARTBEAT_MS - random() % (STREAM_HEARTBEAT_MS / 2);
	stream->next = streams->first;
	if (stream->next != NULL)
		stream->next->prev = stream;
	streams->first = stream;
	session_index_add(&streams->index, &stream->entry);
	streams->count++;
	return stream;
}

static void
put_id(struct sbuf *text, const struct stream *stream, const struct subscriber *subscriber,
    int64_t seq)
{
	struct sbuf cursor = {0};

	for (const struct subscriber *s = stream->subscribers; s != NULL; s = s->next)
		cursor_put(&cursor, s->installation_id, s == subscriber ? seq : s->cursor);
	sbuf_put_text(text, "id: ");
	sbuf_put_text(text, sbuf_text(&cursor));
	sbuf_put_char(text, '\n');
	if (sbuf_failed(&cursor))
		text->failed = true;
	sbuf_clear(&cursor);
}

void
stream_put_event(struct stream *stream, const char *text, size_t length,
    const struct subscriber *subscriber, int64_t seq)
{
	struct sbuf event = {0};

	if (!stream_is_open(stream))
		return;
	put_id(&event, stream, subscriber, seq);
	sbuf_put(&event, text, length);
	sbuf_put_char(&event, '\n');
	if (sbuf_failed(&event))
		stream_drop(stream);
	else
		send_text(stream, event.data, event.length);
	sbuf_clear(&event);
}

bool
stream_is_full(const struct stream *stream)
{
	return stream_is_open(stream) && waiting(stream) > STREAM_OUT_MAX;
}

/* The library may free request and stream at once when nothing waits. */
static void
end_reply(struct stream *stream)
{
	struct evhttp_request *request = stream->request;

	stream->request = NULL;
	evhttp_send_reply_end(request);
}

void
stream_end(struct stream *stream)
{
	struct sbuf text = {0};

	format_bye(&text);
	stream_put_event(stream, sbuf_text(&text), text.length, NULL, 0);
	sbuf_clear(&text);
	if (stream_is_open(stream))
		end_reply(stream);
}

void
streams_beat(struct streams *streams, int64_t now_ms)
{
	for (struct stream *stream = streams->first; stream != NULL; stream = stream->next) {
		/* While something waits the connection is known to be alive, or closed soon. */
		if (stream->heartbeat_ms <= now_ms && stream_is_open(stream) &&
		    waiting(stream) == 0)
			send_text(stream, ":\n\n", 3);
	}
}

void
streams_close(struct streams *streams)
{
	struct stream *next;

	streams->closing = true;
	if (streams->first == NULL)
		event_base_loopbreak(streams->base);
	for (struct stream *stream = streams->first; stream != NULL; stream = next) {
		next = stream->next;
		if (stream_is_open(stream))
			end_reply(stream);
	}
}
