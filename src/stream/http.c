/* The requests of the event streamer; what it hides is libmicrohttpd's way of being asked twice. */
#include "stream/http.h"

#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "formats/cursor.h"
#include "formats/json.h"
#include "base/log.h"
#include "store/session.h"
#include "store/stream.h"

/* How long new streams are refused after one that the database failed. */
#define AWAY_MS 1000

static enum MHD_Result
answer_error(struct MHD_Connection *connection, enum sw_err err, const char *message)
{
	json_t *body =
	    json_pack("{s:{s:s, s:s}}", "error", "code", err_name(err), "message", message);
	struct sbuf text = {0};
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;

	if (body != NULL)
		jsonx_put(&text, body);
	json_decref(body);
	response = MHD_create_response_from_buffer(
	    text.length, (void *)sbuf_text(&text), MHD_RESPMEM_MUST_COPY);
	sbuf_clear(&text);
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (err == SW_EUNAVAILABLE)
		MHD_add_response_header(response, "Retry-After", "5");
	if (err == SW_EMETHOD)
		MHD_add_response_header(response, "Allow", "GET");
	result = MHD_queue_response(connection, (unsigned)err_http_status(err), response);
	MHD_destroy_response(response);
	return result;
}

/* Where this browser says it is; anything unreadable is nowhere. */
static void
read_cursor(struct MHD_Connection *connection, struct arena *arena, struct cursor_entry **entries,
    size_t *count)
{
	const char *text =
	    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");

	if (text == NULL)
		text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "cursor");
	if (text == NULL || cursor_parse(arena, text, entries, count) != SW_OK)
		*count = 0;
}

static int64_t
cursor_of(const struct cursor_entry *entries, size_t count, const char *installation_id)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(entries[i].installation_id, installation_id) == 0)
			return entries[i].seq;
	}
	return 0;
}

static enum sw_err
follow_all(struct events_http *http, struct stream *stream, const struct session_reach *reach,
    int first, int end)
{
	struct cursor_entry *entries = NULL;
	struct arena arena = {0};
	enum sw_err err = SW_OK;
	size_t count = 0;

	read_cursor(stream->connection, &arena, &entries, &count);
	for (int i = first; err == SW_OK && i < end; i++) {
		const char *id = session_reach_installation(reach, i);

		err = hub_follow(http->hubs, stream, id, cursor_of(entries, count, id));
	}
	arena_free(&arena);
	return err;
}

/* On failure of any kind the connection gets an answer, or is closed when even that fails. */
static enum MHD_Result
open_stream(struct shard *shard, struct MHD_Connection *connection,
    const uint8_t session[static SECRET_SHA256_BYTES], const struct session_reach *reach)
{
	struct events_http *http = shard->shards->context;
	int first, count = session_reach_find(reach, session, &first);
	struct stream *stream;

	if (count == 0)
		return answer_error(connection, SW_EAUTH, "Sign in first.");
	stream =
	    stream_new(&http->streams, connection, &shard->woken, session, clock_monotonic_ms());
	if (stream == NULL)
		return answer_error(connection, SW_EUNAVAILABLE, "Too many streams: try again.");
	if (follow_all(http, stream, reach, first, first + count) != SW_OK)
		stream->broken = true;
	log_event(LOG_DEBUG, "stream.open", "installations", log_int(count), "streams",
	    log_int((long long)http->streams.count), (const char *)NULL);
	return stream_queue(stream);
}

/*
 * What the session may see.  After a failure nobody else is let to wait for
 * the database for a while: a crowd that comes back while it hangs would hold
 * up the heartbeats of all others, one timeout after the other.
 */
static bool
read_reach(
    struct events_http *http, uint8_t session[1][SECRET_SHA256_BYTES], struct session_reach *reach)
{
	if (clock_monotonic_ms() < http->away_until_ms)
		return false;
	if (store_session_reach(
		http->db, (const uint8_t(*)[SECRET_SHA256_BYTES])session, 1, reach) == SW_OK)
		return true;
	http->away_until_ms = clock_monotonic_ms() + AWAY_MS;
	return false;
}

static enum MHD_Result
serve_events(struct shard *shard, struct MHD_Connection *connection)
{
	struct events_http *http = shard->shards->context;
	const char *cookie = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Cookie");
	uint8_t session[1][SECRET_SHA256_BYTES];
	struct session_reach reach;
	enum MHD_Result result;

	if (!session_read_cookie(cookie, http->config->public_is_https, session[0], NULL))
		return answer_error(connection, SW_EAUTH, "Sign in first.");
	if (http->stopping || !read_reach(http, session, &reach))
		return answer_error(
		    connection, SW_EUNAVAILABLE, "Not now: try again in a few seconds.");
	result = open_stream(shard, connection, session[0], &reach);
	session_reach_free(&reach);
	return result;
}

static enum MHD_Result
handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload_data, size_t *upload_size, void **request)
{
	static int asked_before;
	const char *id;
	enum MHD_Result result;

	(void)version;
	(void)upload_data;
	/* First call: the headers are there; an answer is only allowed at the second. */
	if (*request == NULL) {
		*request = &asked_before;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Request-Id");
	log_set_request(id != NULL ? id : "");
	if (strcmp(url, "/events") != 0)
		result = answer_error(connection, SW_ENOTFOUND, "No such address.");
	else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		result = answer_error(connection, SW_EMETHOD, "Events are read with GET.");
	else
		result = serve_events(cls, connection);
	log_set_request("");
	return result;
}

bool
events_http_start(struct events_http *http, int listen_fd, unsigned connections)
{
	http->streams.release = hub_unfollow_all;
	return shards_start(&http->shards, listen_fd, connections, handle, http);
}
