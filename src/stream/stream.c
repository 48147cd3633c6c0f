/*
 * Streams: their buffers, and their life inside libmicrohttpd.  The body of
 * the answer comes from read_out(), which suspends the connection when there
 * is nothing; wake() is the other half.
 */
#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "formats/cursor.h"
#include "stream/format.h"

/* libmicrohttpd keeps a block of this size for each open stream, and uses it for HTTP/1.0 only. */
#define BLOCK_SIZE 64

static void
wake(struct stream *stream)
{
	if (!stream->suspended)
		return;
	stream->suspended = false;
	*stream->woken = true;
	MHD_resume_connection(stream->connection);
}

static ssize_t
read_out(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct stream *stream = cls;
	size_t left = stream->out.length - stream->written;

	(void)pos;
	if (stream->broken)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (left == 0) {
		/* An idle stream keeps no buffer. */
		sbuf_clear(&stream->out);
		stream->written = 0;
		if (stream->closing)
			return MHD_CONTENT_READER_END_OF_STREAM;
		stream->suspended = true;
		MHD_suspend_connection(stream->connection);
		return 0;
	}
	if (left > max)
		left = max;
	memcpy(buf, stream->out.data + stream->written, left);
	stream->written += left;
	return (ssize_t)left;
}

static void
stream_free(void *cls)
{
	struct stream *stream = cls;
	struct streams *streams;

	if (stream == NULL)
		return;
	streams = stream->streams;
	streams->release(stream);
	if (stream->prev != NULL)
		stream->prev->next = stream->next;
	else
		streams->first = stream->next;
	if (stream->next != NULL)
		stream->next->prev = stream->prev;
	streams->count--;
	sbuf_clear(&stream->out);
	free(stream);
}

struct stream *
stream_new(struct streams *streams, struct MHD_Connection *connection, bool *woken,
    const uint8_t session[static SECRET_SHA256_BYTES], int64_t now_ms)
{
	/* Browsers say when to come back; the comment makes their "open" fire at once. */
	static const char greeting[] = "retry: 2000\n: welcome\n\n";
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->streams = streams;
	stream->connection = connection;
	stream->woken = woken;
	memcpy(stream->session, session, SECRET_SHA256_BYTES);
	sbuf_init(&stream->out, 0);
	sbuf_put(&stream->out, greeting, sizeof(greeting) - 1);
	/* Spread, so that not all speak in the same second. */
	stream->heartbeat_ms = now_ms + STREAM_HEARTBEAT_MS - random() % (STREAM_HEARTBEAT_MS / 2);
	stream->next = streams->first;
	if (stream->next != NULL)
		stream->next->prev = stream;
	streams->first = stream;
	streams->count++;
	return stream;
}

enum MHD_Result
stream_queue(struct stream *stream)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_out, stream, stream_free);
	struct MHD_Connection *connection = stream->connection;
	enum MHD_Result result;

	if (response == NULL) {
		stream_free(stream);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", "text/event-stream");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, STREAM_STALL_S);
	result = MHD_queue_response(connection, MHD_HTTP_OK, response);
	/* From here on the response owns the stream: the last reference frees both. */
	MHD_destroy_response(response);
	return result;
}

static void
put_id(struct stream *stream, const struct follow *follow, int64_t seq)
{
	struct sbuf cursor = {0};

	for (const struct follow *f = stream->follows; f != NULL; f = f->next)
		cursor_put(&cursor, f->installation_id, f == follow ? seq : f->cursor);
	sbuf_put_text(&stream->out, "id: ");
	sbuf_put_text(&stream->out, sbuf_text(&cursor));
	sbuf_put_char(&stream->out, '\n');
	if (sbuf_failed(&cursor))
		stream->broken = true;
	sbuf_clear(&cursor);
}

/* Make room for what comes: what has been written already goes first. */
static void
compact(struct stream *stream)
{
	size_t left = stream->out.length - stream->written;

	if (stream->written == 0)
		return;
	memmove(stream->out.data, stream->out.data + stream->written, left);
	stream->out.length = left;
	stream->written = 0;
}

/* Drop what waits now, the connection as soon as it is asked. */
static void
give_up(struct stream *stream)
{
	stream->broken = true;
	sbuf_clear(&stream->out);
	stream->written = 0;
	wake(stream);
}

void
stream_put_event(struct stream *stream, const char *text, size_t length,
    const struct follow *follow, int64_t seq)
{
	if (stream->broken || stream->closing)
		return;
	compact(stream);
	put_id(stream, follow, seq);
	sbuf_put(&stream->out, text, length);
	sbuf_put_char(&stream->out, '\n');
	stream->heartbeat_ms = clock_monotonic_ms() + STREAM_HEARTBEAT_MS;
	if (sbuf_failed(&stream->out) || stream->broken)
		give_up(stream);
	else
		wake(stream);
}

bool
stream_is_full(const struct stream *stream)
{
	return stream->out.length - stream->written > STREAM_OUT_MAX;
}

void
stream_end(struct stream *stream)
{
	struct sbuf text = {0};

	events_format_bye(&text);
	stream_put_event(stream, sbuf_text(&text), text.length, NULL, 0);
	sbuf_clear(&text);
	stream->closing = true;
	wake(stream);
}

void
streams_beat(struct streams *streams, int64_t now_ms)
{
	for (struct stream *stream = streams->first; stream != NULL; stream = stream->next) {
		if (stream->heartbeat_ms > now_ms || stream->broken || stream->closing)
			continue;
		stream->heartbeat_ms = now_ms + STREAM_HEARTBEAT_MS;
		/* One that has not taken the last bytes yet needs no more. */
		if (stream->out.length > stream->written)
			continue;
		compact(stream);
		sbuf_put(&stream->out, ":\n\n", 3);
		wake(stream);
	}
}

void
streams_close(struct streams *streams)
{
	for (struct stream *stream = streams->first; stream != NULL; stream = stream->next) {
		stream->closing = true;
		wake(stream);
	}
}
