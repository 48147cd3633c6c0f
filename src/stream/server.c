/* The HTTP server of the streamer: libevent's, on a unix socket that only nginx may connect to. */
#include "stream/server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "formats/cursor.h"
#include "formats/json.h"
#include "store/session.h"
#include "store/stream.h"

#define BACKLOG 1024
/* nginx passes on a session cookie and a cursor of at most 3600 characters (CURSOR_MAX entries). */
#define HEADERS_MAX 8192
/* A body is read and ignored, for the sake of its answer: 405. */
#define BODY_MAX 8192
/* A connection without a whole request is closed after so long. */
#define REQUEST_TIMEOUT_S 30
/* How long new streams are refused after one that the database failed. */
#define AWAY_MS 1000
/* Any other gets 501 from the library. */
#define METHODS                                                                                    \
	(EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | \
	    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH)

static bool
process_answers(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers;

	if (fd < 0)
		return false;
	answers = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	close(fd);
	return answers;
}

static bool
bind_and_listen(int fd, const struct sockaddr_un *address)
{
	mode_t old = umask(0117);
	int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int error = errno;

	umask(old);
	errno = error;
	return result == 0 && listen(fd, BACKLOG) == 0;
}

static enum sw_err
log_socket_error(const char *path, const char *what, enum sw_err err)
{
	log_event(LOG_ERROR, "events.socket", "variable", "SWITCHBOARD_EVENTS_SOCKET", "path", path,
	    "error", what, (const char *)NULL);
	return err;
}

enum sw_err
server_listen(const char *path, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	struct stat status;
	int fd;

	*out = -1;
	if (length >= sizeof(address.sun_path))
		return log_socket_error(
		    path, "the path of a socket has at most 107 bytes", SW_EINPUT);
	memcpy(address.sun_path, path, length + 1);
	if (process_answers(&address))
		return log_socket_error(path, "another process serves this socket", SW_ECONFLICT);
	if (stat(path, &status) == 0 && S_ISSOCK(status.st_mode))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || !bind_and_listen(fd, &address)) {
		enum sw_err err = log_socket_error(path, strerror(errno), SW_EINPUT);

		if (fd >= 0)
			close(fd);
		return err;
	}
	*out = fd;
	return SW_OK;
}

void
server_remove_path(const char *path)
{
	unlink(path);
}

static void
put_error_headers(struct evkeyvalq *headers, enum sw_err err)
{
	evhttp_add_header(headers, "Content-Type", "application/json");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	if (err == SW_EUNAVAILABLE)
		evhttp_add_header(headers, "Retry-After", "5");
	if (err == SW_EMETHOD)
		evhttp_add_header(headers, "Allow", "GET");
}

static void
answer_error(struct evhttp_request *request, enum sw_err err, const char *message)
{
	json_t *body =
	    json_pack("{s:{s:s, s:s}}", "error", "code", err_name(err), "message", message);
	struct evbuffer *buffer = evbuffer_new();
	struct sbuf text = {0};

	if (body != NULL)
		jsonx_put(&text, body);
	json_decref(body);
	put_error_headers(evhttp_request_get_output_headers(request), err);
	/* The library would send the body of an answer to HEAD. */
	if (buffer != NULL && evhttp_request_get_command(request) != EVHTTP_REQ_HEAD)
		evbuffer_add(buffer, sbuf_text(&text), text.length);
	evhttp_send_reply(request, err_http_status(err), NULL, buffer);
	sbuf_clear(&text);
	if (buffer != NULL)
		evbuffer_free(buffer);
}

/* From which seq of each installation on; nothing when it cannot be read. */
static void
read_cursor(struct evhttp_request *request, struct arena *arena, struct cursor_entry **entries,
    size_t *count)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
	const char *text =
	    evhttp_find_header(evhttp_request_get_input_headers(request), "Last-Event-ID");
	struct evkeyvalq fields = {0};

	if (text == NULL && query != NULL && evhttp_parse_query_str(query, &fields) == 0)
		text = evhttp_find_header(&fields, "cursor");
	if (text == NULL || cursor_parse(arena, text, entries, count) != SW_OK)
		*count = 0;
	evhttp_clear_headers(&fields);
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
subscribe_all(struct server *server, struct stream *stream, const struct session_reach *reach,
    int first, int end)
{
	struct cursor_entry *entries = NULL;
	struct arena arena = {0};
	enum sw_err err = SW_OK;
	size_t count = 0;

	read_cursor(stream->request, &arena, &entries, &count);
	for (int i = first; err == SW_OK && i < end; i++) {
		const char *id = session_reach_installation(reach, i);

		err = feed_subscribe(server->feeds, stream, id, cursor_of(entries, count, id));
	}
	arena_free(&arena);
	return err;
}

static void
open_stream(struct server *server, struct evhttp_request *request,
    const uint8_t session[static SECRET_SHA256_BYTES], const struct session_reach *reach)
{
	const struct timeval now = {0};
	int first, count = session_reach_find(reach, session, &first);
	struct stream *stream;

	if (count == 0) {
		answer_error(request, SW_EAUTH, "Sign in first.");
		return;
	}
	stream = stream_open(server->streams, request, session, session_reach_user(reach, first),
	    clock_monotonic_ms());
	if (stream == NULL) {
		answer_error(request, SW_EUNAVAILABLE, "Too many streams: try again.");
		return;
	}
	if (subscribe_all(server, stream, reach, first, first + count) != SW_OK)
		stream_drop(stream);
	/* Held as long as the stream is open, and not needed any more. */
	evhttp_clear_headers(evhttp_request_get_input_headers(request));
	log_event(LOG_DEBUG, "stream.open", "installations", log_int(count), "streams",
	    log_int((long long)server->streams->count), (const char *)NULL);
	/* At the next pass of the loop, so that streams opened in this one share a statement. */
	event_add(server->refresh, &now);
}

/*
 * What the session may see.  After a failure no request queries the database for a second: each
 * could take the whole statement timeout, and the heartbeats of all streams would be late.
 */
static bool
read_reach(
    struct server *server, uint8_t session[1][SECRET_SHA256_BYTES], struct session_reach *reach)
{
	if (clock_monotonic_ms() < server->away_until_ms)
		return false;
	if (store_session_reach(
		server->db, (const uint8_t(*)[SECRET_SHA256_BYTES])session, 1, reach) == SW_OK)
		return true;
	server->away_until_ms = clock_monotonic_ms() + AWAY_MS;
	return false;
}

/* Descriptors are given lowest first: one at the limit means that all below are in use. */
static bool
is_over_limit(const struct server *server, struct evhttp_request *request)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request);

	return bufferevent_getfd(evhttp_connection_get_bufferevent(connection)) >=
	       server->descriptors_max;
}

static void
serve_events(struct server *server, struct evhttp_request *request)
{
	const char *cookie =
	    evhttp_find_header(evhttp_request_get_input_headers(request), "Cookie");
	uint8_t session[1][SECRET_SHA256_BYTES];
	struct session_reach reach;

	if (!session_read_cookie(cookie, server->config->public_is_https, session[0], NULL)) {
		answer_error(request, SW_EAUTH, "Sign in first.");
		return;
	}
	if (server->stopping || is_over_limit(server, request) ||
	    !read_reach(server, session, &reach)) {
		answer_error(request, SW_EUNAVAILABLE, "Not now: try again in a few seconds.");
		return;
	}
	open_stream(server, request, session[0], &reach);
	session_reach_free(&reach);
}

static void
handle_events(struct evhttp_request *request, void *cls)
{
	const char *id =
	    evhttp_find_header(evhttp_request_get_input_headers(request), "X-Request-Id");

	log_set_request(id != NULL ? id : "");
	if (evhttp_request_get_command(request) == EVHTTP_REQ_GET)
		serve_events(cls, request);
	else
		answer_error(request, SW_EMETHOD, "Events are read with GET.");
	log_set_request("");
}

static void
handle_other(struct evhttp_request *request, void *cls)
{
	(void)cls;
	answer_error(request, SW_ENOTFOUND, "No such address.");
}

/* The socket stays readable while accepting fails: wait for server_resume() instead of spinning. */
static void
accept_failed(struct evconnlistener *listener, void *cls)
{
	(void)cls;
	log_event(LOG_WARN, "events.accept", "err", strerror(errno), (const char *)NULL);
	evconnlistener_disable(listener);
}

bool
server_start(struct server *server, int listen_fd)
{
	struct evhttp_bound_socket *bound;

	server->http = evhttp_new(server->streams->base);
	if (server->http == NULL)
		return false;
	evhttp_set_max_headers_size(server->http, HEADERS_MAX);
	evhttp_set_max_body_size(server->http, BODY_MAX);
	evhttp_set_allowed_methods(server->http, METHODS);
	evhttp_set_timeout(server->http, REQUEST_TIMEOUT_S);
	evhttp_set_cb(server->http, "/events", handle_events, server);
	evhttp_set_gencb(server->http, handle_other, NULL);
	bound = evhttp_accept_socket_with_handle(server->http, listen_fd);
	if (bound == NULL)
		return false;
	server->listener = evhttp_bound_socket_get_listener(bound);
	evconnlistener_set_error_cb(server->listener, accept_failed);
	return true;
}

void
server_resume(struct server *server)
{
	evconnlistener_enable(server->listener);
}

void
server_clear(struct server *server)
{
	if (server->http != NULL)
		evhttp_free(server->http);
	*server = (struct server){0};
}
