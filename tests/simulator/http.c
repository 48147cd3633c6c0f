/*
 * The HTTP server: libmicrohttpd in external epoll mode, driven by the loop.
 * A request goes through phases (received, fault drawn, handled, answered)
 * and may be suspended between them; libmicrohttpd then calls again.
 */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"
#include "loop.h"

#define BODY_LIMIT ((size_t)4 * 1024 * 1024)
#define HANG_CHECK_MS 200
#define SLEEP_MS 60000

static struct MHD_Daemon *server;
static struct exchange *exchanges;
static char *base_url;
static uint64_t hang_timer;
static size_t hung_count;

static struct exchange *
exchange_new(struct MHD_Connection *connection, const char *uri)
{
	struct exchange *x = memory_get(sizeof(*x));
	size_t length = strcspn(uri, "?");

	x->connection = connection;
	x->versioned = strncmp(uri, "/v1/", 4) == 0;
	if (x->versioned) {
		uri += 3;
		length -= 3;
	}
	x->path = text_format("%.*s", (int)length, uri);
	x->query = text_copy(uri[length] == '?' ? uri + length + 1 : "");
	x->next = exchanges;
	if (exchanges != NULL)
		exchanges->previous = x;
	exchanges = x;
	return x;
}

static void
exchange_free(struct exchange *x)
{
	if (x->previous != NULL)
		x->previous->next = x->next;
	else
		exchanges = x->next;
	if (x->next != NULL)
		x->next->previous = x->previous;
	loop_cancel(x->timer);
	free(x->method);
	free(x->path);
	free(x->query);
	text_clear(&x->body);
	json_decref(x->json);
	json_decref(x->token);
	free(x->installed_app_id);
	free(x->reply);
	for (size_t i = 0; i < EXCHANGE_IDS; i++)
		free(x->ids[i]);
	for (size_t i = 0; i < x->header_count; i++) {
		free(x->headers[i][0]);
		free(x->headers[i][1]);
	}
	free(x);
}

static void
exchange_suspend(struct exchange *x)
{
	x->suspended = true;
	MHD_suspend_connection(x->connection);
}

static void
exchange_resume(struct exchange *x)
{
	x->suspended = false;
	MHD_resume_connection(x->connection);
}

static void
delay_over(void *context)
{
	struct exchange *x = context;

	x->timer = 0;
	exchange_resume(x);
}

static bool
client_is_gone(const struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct pollfd socket = {.events = POLLRDHUP};

	if (info == NULL)
		return true;
	socket.fd = info->connect_fd;
	return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* libmicrohttpd does not poll a suspended connection, so its closing is noticed here. */
static void
hang_check(void *unused)
{
	(void)unused;
	hang_timer = 0;
	for (struct exchange *x = exchanges; x != NULL; x = x->next) {
		if (!x->hung || !x->suspended || !client_is_gone(x))
			continue;
		hung_count--;
		x->cut = true;
		exchange_resume(x);
	}
	if (hung_count > 0)
		hang_timer = loop_after(HANG_CHECK_MS, hang_check, NULL);
}

void
answer_never(struct exchange *x)
{
	x->hung = true;
	hung_count++;
	exchange_suspend(x);
	if (hang_timer == 0)
		hang_timer = loop_after(HANG_CHECK_MS, hang_check, NULL);
}

void
answer_later(struct exchange *x)
{
	exchange_suspend(x);
}

void
answer_ready(struct exchange *x)
{
	exchange_resume(x);
}

static void
record_call(struct exchange *x, const char *fault)
{
	if (x->recorded || x->route == NULL || x->route->kind != ROUTE_API)
		return;
	x->recorded = true;
	calls_record(x, fault);
}

static enum MHD_Result
send_answer(struct exchange *x)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	record_call(x, NULL);
	response = MHD_create_response_from_buffer(
	    x->reply_length, x->reply != NULL ? x->reply : "", MHD_RESPMEM_MUST_COPY);
	if (response == NULL)
		return MHD_NO;
	if (x->reply_type != NULL)
		MHD_add_response_header(response, "Content-Type", x->reply_type);
	for (size_t i = 0; i < x->header_count; i++)
		MHD_add_response_header(response, x->headers[i][0], x->headers[i][1]);
	result = MHD_queue_response(x->connection, (unsigned int)x->status, response);
	MHD_destroy_response(response);
	return result;
}

static void
fault_answer(struct exchange *x)
{
	answer_error(x, x->fault.status, "fault asked for by the test");
	if (x->fault.retry_after >= 0) {
		char *seconds = text_format("%d", x->fault.retry_after);

		answer_header(x, "Retry-After", seconds);
		free(seconds);
	}
}

/* Apply the fault.  true: it suspends or ends the exchange with *result. */
static bool
fault_act(struct exchange *x, enum MHD_Result *result)
{
	enum fault_action action = x->fault.action;

	*result = MHD_YES;
	if (action == FAULT_STATUS && x->fault.delay_ms > 0) {
		x->timer = loop_after(x->fault.delay_ms, delay_over, x);
		x->fault.delay_ms = 0;
		exchange_suspend(x);
		return true;
	}
	x->fault.action = FAULT_NONE;
	switch (action) {
	case FAULT_STATUS:
		fault_answer(x);
		x->handled = true;
		return false;
	case FAULT_HANG:
		x->status = 0;
		record_call(x, "hang");
		answer_never(x);
		return true;
	case FAULT_CUT:
		x->status = 0;
		record_call(x, "cut");
		*result = MHD_NO;
		return true;
	case FAULT_SLOW:
		x->timer = loop_after(x->fault.delay_ms, delay_over, x);
		exchange_suspend(x);
		return true;
	default:
		return false;
	}
}

static enum MHD_Result
exchange_step(struct exchange *x)
{
	enum MHD_Result result;

	if (x->cut)
		return MHD_NO;
	if (!x->fault_drawn) {
		x->fault_drawn = true;
		route_find(x);
		if (x->route == NULL || x->route->kind == ROUTE_API ||
		    x->route->kind == ROUTE_BROWSER)
			faults_draw(x->method, x->path, &x->fault);
	}
	if (!x->fault.after_effect && fault_act(x, &result))
		return result;
	if (!x->handled) {
		x->handled = true;
		route_run(x);
		if (x->suspended)
			return MHD_YES;
	}
	if (x->fault.after_effect && fault_act(x, &result))
		return result;
	return send_answer(x);
}

static void
body_parse(struct exchange *x)
{
	if (x->body.length > 0 && (x->body.data[0] == '{' || x->body.data[0] == '['))
		x->json = json_loadb(x->body.data, x->body.length, JSON_REJECT_DUPLICATES, NULL);
}

static enum MHD_Result
on_request(void *closure, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *data, size_t *length, void **context)
{
	struct exchange *x = *context;

	(void)closure;
	(void)connection;
	(void)url;
	if (!x->started) {
		x->started = true;
		x->protocol = version;
		x->method = text_copy(method);
		return MHD_YES;
	}
	if (*length > 0) {
		if (x->body.length + *length > BODY_LIMIT)
			return MHD_NO;
		text_put(&x->body, data, *length);
		*length = 0;
		return MHD_YES;
	}
	if (!x->received) {
		x->received = true;
		body_parse(x);
	}
	return exchange_step(x);
}

static void *
on_request_line(void *closure, const char *uri, struct MHD_Connection *connection)
{
	(void)closure;
	return exchange_new(connection, uri);
}

static void
on_completed(void *closure, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
	(void)closure;
	(void)connection;
	(void)code;
	if (*context != NULL)
		exchange_free(*context);
	*context = NULL;
}

static int
listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 512) != 0)
		die("cannot listen on 127.0.0.1:%d: %s", port, strerror(errno));
	return fd;
}

void
http_open(int port, const char *url)
{
	int fd = listen_on(port);

	base_url = url != NULL ? text_copy(url) : text_format("http://127.0.0.1:%d", port);
	server = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
	    on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
	    on_request_line, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)64 * 1024, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned int)120, MHD_OPTION_END);
	if (server == NULL)
		die("cannot start the HTTP server");
}

void
http_close(void)
{
	for (struct exchange *x = exchanges; x != NULL; x = x->next) {
		x->cut = true;
		if (x->suspended)
			exchange_resume(x);
	}
	MHD_stop_daemon(server);
	free(base_url);
}

const char *
http_base(void)
{
	return base_url;
}

int
http_descriptor(void)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_EPOLL_FD);

	return info->epoll_fd;
}

void
http_run(void)
{
	MHD_run(server);
}

int64_t
http_timeout_ms(void)
{
	MHD_UNSIGNED_LONG_LONG wait;

	if (MHD_get_timeout(server, &wait) != MHD_YES || wait > SLEEP_MS)
		return SLEEP_MS;
	return (int64_t)wait;
}
