/*
 * One FastCGI connection (libfcgi).  What it hides: that incomplete parameters and bodies become a
 * 400, and that a connection is closed without waiting for the peer to close it first.
 */
#include "net/exchange.h"

#include <fastcgi.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "formats/number.h"
#include "net/reply_record.h"

#define ARENA_LIMIT ((size_t)16 << 20)
/* Bytes.  A reply buffer that grew beyond this is freed, a smaller one serves the next reply. */
#define BODY_REUSE_MAX ((size_t)1 << 20)
/* The web server connects only when it has the whole request, so a slow read is a fault. */
#define READ_TIMEOUT_S 3

bool
exchange_init(struct exchange *exchange)
{
	memset(exchange, 0, sizeof(*exchange));
	arena_init(&exchange->arena, ARENA_LIMIT);
	response_init(&exchange->response);
	return FCGX_InitRequest(&exchange->fcgi, FCGI_LISTENSOCK_FILENO, 0) == 0;
}

void
exchange_clear(struct exchange *exchange)
{
	FCGX_Free(&exchange->fcgi, 1);
	response_clear(&exchange->response);
	arena_free(&exchange->arena);
}

/* libfcgi has no time limit of its own: one stalled peer would stop this process for ever. */
static void
limit_reading(int fd)
{
	const struct timeval limit = {.tv_sec = READ_TIMEOUT_S};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

bool
exchange_accept(struct exchange *exchange)
{
	exchange->read_whole = false;
	if (FCGX_Accept_r(&exchange->fcgi) != 0)
		return false;
	limit_reading(exchange->fcgi.ipcFd);
	exchange->start_ms = clock_monotonic_ms();
	return true;
}

/* CONTENT_LENGTH is text, and empty on a GET (RFC 3875 4.1.2). */
static enum sw_err
content_length(const struct request *request, size_t limit, size_t *out)
{
	bool twice;
	const char *text = request_header(request, "CONTENT_LENGTH", &twice);
	int64_t length = 0;
	enum sw_err err;

	*out = 0;
	if (twice)
		return SW_EINPUT;
	if (text == NULL || text[0] == '\0')
		return SW_OK;
	err = number_parse_text(text, 0, (int64_t)limit, &length);
	*out = (size_t)length;
	return err;
}

/* Read exactly the declared body; SW_EINPUT when it is cut short. */
static enum sw_err
read_body(struct exchange *exchange, size_t limit)
{
	struct request *request = &exchange->request;
	size_t length;
	size_t got = 0;
	char *body;
	enum sw_err err = content_length(request, limit, &length);

	if (err != SW_OK || length == 0)
		return err;
	body = arena_alloc(&exchange->arena, length + 1);
	if (body == NULL)
		return SW_ENOMEM;
	while (got < length) {
		int n = FCGX_GetStr(body + got, (int)(length - got), exchange->fcgi.in);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (got < length)
		return SW_EINPUT;
	request->body = body;
	request->body_length = length;
	return SW_OK;
}

enum sw_err
exchange_read(struct exchange *exchange, size_t body_limit)
{
	enum sw_err err =
	    request_from_params(&exchange->arena, exchange->fcgi.envp, &exchange->request);

	exchange->request.started_ms = exchange->start_ms;
	log_set_request(exchange->request.id);
	/* FCGX_Accept_r() succeeds even when the parameters were cut off; this is the only sign. */
	if (FCGX_GetError(exchange->fcgi.in) != 0)
		return SW_EINPUT;
	if (err == SW_OK)
		err = read_body(exchange, body_limit);
	if (err == SW_OK)
		exchange->read_whole = FCGX_GetChar(exchange->fcgi.in) == EOF;
	return err;
}

static const char *
reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 202:
		return "Accepted";
	case 204:
		return "No Content";
	case 302:
		return "Found";
	case 303:
		return "See Other";
	case 304:
		return "Not Modified";
	case 503:
		return "Service Unavailable";
	default:
		return status < 400 ? "OK" : status < 500 ? "Refused" : "Failed";
	}
}

static void
put_head(struct sbuf *head, const struct response *response)
{
	sbuf_printf(head, "Status: %d %s", response->status, reason(response->status));
	for (size_t i = 0; i < response->header_count; i++)
		sbuf_printf(
		    head, "\r\n%s: %s", response->headers[i].name, response->headers[i].value);
	if (response->status != 204 && response->status != 304)
		sbuf_printf(head, "\r\nContent-Length: %zu", response->body.length);
	sbuf_put_text(head, "\r\n\r\n");
}

/* False when the client has closed the connection. */
static bool
send_reply(struct exchange *exchange)
{
	const struct response *response = &exchange->response;
	struct reply_part body = {response->body.data, response->body.length};
	struct sbuf head = {0};
	bool sent = false;

	if (exchange->request.method == REQUEST_HEAD)
		body.length = 0;
	put_head(&head, response);
	if (!sbuf_failed(&head))
		sent = reply_record_send(exchange->fcgi.ipcFd, exchange->fcgi.requestId,
		    (struct reply_part){head.data, head.length}, body);
	head.secret = true; /* it may hold a session cookie */
	sbuf_clear(&head);
	return sent;
}

/*
 * FCGX_Finish_r() waits until the peer has closed the connection.  That is needed only when input
 * was left unread: closing a unix socket would then discard the reply.
 */
static void
close_connection(struct exchange *exchange)
{
	if (exchange->read_whole) {
		close(exchange->fcgi.ipcFd);
		exchange->fcgi.ipcFd = -1;
	}
	FCGX_Free(&exchange->fcgi, true);
}

static void
prepare_next(struct exchange *exchange)
{
	if (exchange->response.body.capacity > BODY_REUSE_MAX) {
		response_clear(&exchange->response);
		response_init(&exchange->response);
	} else {
		response_reset(&exchange->response);
	}
	memset(&exchange->request, 0, sizeof(exchange->request));
	arena_clear(&exchange->arena);
}

void
exchange_finish(struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	const struct response *response = &exchange->response;
	bool sent = send_reply(exchange);

	close_connection(exchange);
	log_set_request(request->id);
	log_event(LOG_INFO, "request", "method", request->method_text, "path",
	    request_logged_path(request), "status", log_int(response->status), "ms",
	    log_int(clock_monotonic_ms() - exchange->start_ms), "bytes",
	    log_int((long long)response->body.length), "client", sent ? NULL : "left",
	    (const char *)NULL);
	log_set_request("");
	prepare_next(exchange);
}
