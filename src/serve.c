/*
 * The FastCGI accept loop (libfcgi).  What it hides: signals are blocked
 * except inside ppoll() on the non-blocking listening socket, so a signal
 * never cuts a request short and never gets lost before a wait; parameters
 * and bodies that arrive incomplete become a 400, not a half request.
 */
#include "serve.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "secret.h"

#define ARENA_LIMIT ((size_t)16 << 20)
/* A reply buffer that grew beyond this is given back instead of kept. */
#define BODY_KEEP ((size_t)1 << 20)

struct served {
	const struct serve_conf *conf;
	FCGX_Request fcgi;
	struct arena arena;
	struct response response;
	unsigned long requests;
	unsigned long recycle_at; /* 0 = never */
};

static volatile sig_atomic_t stop_asked;
static int64_t idle_at_ms = -1; /* when "idle" is due, -1 = not asked for */

static void
on_stop(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
}

void
serve_set_timeout(int ms)
{
	int64_t at;

	if (ms < 0)
		return;
	at = clock_monotonic_ms() + ms;
	if (idle_at_ms < 0 || at < idle_at_ms)
		idle_at_ms = at;
}

static void
run_idle(const struct serve_conf *conf)
{
	idle_at_ms = -1;
	if (conf->idle != NULL)
		serve_set_timeout(conf->idle(conf->context));
}

static void
run_idle_if_due(const struct serve_conf *conf)
{
	if (idle_at_ms >= 0 && clock_monotonic_ms() >= idle_at_ms)
		run_idle(conf);
}

static void
stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

/*
 * Block the stop signals, with "*open" the mask to wait under.  Our handlers
 * come before FCGX_Init(), which would install its own; SIGPIPE after it,
 * because it replaces SIG_IGN too.
 */
static bool
signals_init(sigset_t *open)
{
	struct sigaction action = {.sa_handler = on_stop};
	sigset_t stops;

	stop_asked = 0;
	stop_signals(&stops);
	if (sigprocmask(SIG_BLOCK, &stops, open) != 0)
		return false;
	for (int i = 1; i < NSIG; i++) {
		if (sigismember(&stops, i) == 1) {
			sigdelset(open, i);
			sigaction(i, &action, NULL);
		}
	}
	if (FCGX_Init() != 0)
		return false;
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	return true;
}

static bool
socket_init(void)
{
	int listening = 0;
	socklen_t length = sizeof(listening);
	int flags;

	if (getsockopt(FCGI_LISTENSOCK_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) !=
		0 ||
	    !listening)
		return false;
	flags = fcntl(FCGI_LISTENSOCK_FILENO, F_GETFL);
	return flags >= 0 && fcntl(FCGI_LISTENSOCK_FILENO, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* The number of requests to leave after: within a tenth of what was asked, so siblings spread out.
 */
static unsigned long
recycle_jitter(unsigned asked)
{
	uint32_t random = 0;
	unsigned long spread = asked / 5 + 1;

	if (asked == 0)
		return 0;
	if (secret_random(&random, sizeof(random)) != SW_OK)
		random = (uint32_t)getpid();
	return asked - asked / 10 + random % spread;
}

static long
resident_kb(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL)
		return -1;
	if (fscanf(file, "%*s %ld", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* CONTENT_LENGTH is text, and empty on a GET (RFC 3875 4.1.2). */
static enum sw_err
content_length(const struct request *request, size_t limit, size_t *out)
{
	bool twice;
	const char *text = request_header(request, "CONTENT_LENGTH", &twice);
	size_t digits;

	*out = 0;
	if (twice)
		return SW_EINPUT;
	if (text == NULL || text[0] == '\0')
		return SW_OK;
	digits = strspn(text, "0123456789");
	if (digits != strlen(text))
		return SW_EINPUT;
	if (digits > 15 || strtoumax(text, NULL, 10) > limit)
		return SW_ETOOLARGE;
	*out = (size_t)strtoumax(text, NULL, 10);
	return SW_OK;
}

/* Read exactly the declared body; SW_EINPUT when it is cut short. */
static enum sw_err
read_body(struct served *served, struct request *request)
{
	size_t length;
	size_t got = 0;
	char *body;
	enum sw_err err = content_length(request, served->conf->body_limit, &length);

	if (err != SW_OK || length == 0)
		return err;
	body = arena_alloc(&served->arena, length + 1);
	if (body == NULL)
		return SW_ENOMEM;
	while (got < length) {
		int n = FCGX_GetStr(body + got, (int)(length - got), served->fcgi.in);

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

/* Everything nginx sent, or why it is no request. */
static enum sw_err
read_request(struct served *served, struct request *request)
{
	enum sw_err err = request_from_params(&served->arena, served->fcgi.envp, request);

	log_set_request(request->id);
	/* Accept succeeds even when the parameters were cut off: only this tells. */
	if (FCGX_GetError(served->fcgi.in) != 0)
		return SW_EINPUT;
	if (err == SW_OK)
		err = read_body(served, request);
	return err;
}

/* Replace whatever is in the response by the answer to "err". */
static void
answer_error(struct served *served, const struct request *request, enum sw_err err)
{
	struct response *response = &served->response;

	response_reset(response);
	if (served->conf->fail != NULL)
		served->conf->fail(served->conf->context, request, err, response);
	else
		response_put_error(response, err, "The request could not be served.");
}

/* A response that failed while being built is answered by a 500 that cannot fail the same way. */
static void
answer_broken(struct response *response)
{
	response_clear(response);
	response_init(response);
	response_put_error(response, SW_EINTERNAL, "The reply could not be made.");
	if (response->failed || sbuf_failed(&response->body))
		log_event(LOG_ERROR, "request.no_memory", (const char *)NULL);
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

/* False when the client is gone. */
static bool
send_reply(struct served *served, bool with_body)
{
	const struct response *response = &served->response;
	struct sbuf head = {0};
	FCGX_Stream *out = served->fcgi.out;
	bool sent;

	sbuf_printf(&head, "Status: %d %s\r\n", response->status, reason(response->status));
	for (size_t i = 0; i < response->header_count; i++)
		sbuf_printf(
		    &head, "%s: %s\r\n", response->headers[i].name, response->headers[i].value);
	if (response->status != 204 && response->status != 304)
		sbuf_printf(&head, "Content-Length: %zu\r\n", response->body.length);
	sbuf_put_text(&head, "\r\n");
	sent = !sbuf_failed(&head) && FCGX_PutStr(head.data, (int)head.length, out) >= 0;
	if (sent && with_body && response->body.length > 0)
		sent = FCGX_PutStr(response->body.data, (int)response->body.length, out) >= 0;
	head.secret = true; /* it may hold a session cookie */
	sbuf_clear(&head);
	return sent;
}

static void
log_request(const struct served *served, const struct request *request, int64_t ms, bool sent)
{
	const struct response *response = &served->response;

	log_event(LOG_INFO, "request", "method", request->method_text, "path", request->path,
	    "status", log_int(response->status), "ms", log_int(ms), "bytes",
	    log_int((long long)response->body.length), "client", sent ? NULL : "left",
	    (const char *)NULL);
}

static void
serve_one(struct served *served)
{
	const struct serve_conf *conf = served->conf;
	int64_t start_ms = clock_monotonic_ms();
	struct request request;
	enum sw_err err;
	bool sent;

	err = read_request(served, &request);
	if (err == SW_OK)
		err = conf->handle(conf->context, &request, &served->response);
	if (err != SW_OK)
		answer_error(served, &request, err);
	if (served->response.failed || sbuf_failed(&served->response.body))
		answer_broken(&served->response);
	sent = send_reply(served, request.method != REQUEST_HEAD);
	/* Closing flushes; in this order, as libfcgi ends the request with its last writer. */
	FCGX_FClose(served->fcgi.err);
	if (FCGX_FClose(served->fcgi.out) != 0)
		sent = false;
	log_request(served, &request, clock_monotonic_ms() - start_ms, sent);
	FCGX_Finish_r(&served->fcgi);
	if (conf->after != NULL)
		conf->after(conf->context);
}

static void
clean_up(struct served *served)
{
	log_set_request("");
	if (served->response.body.capacity > BODY_KEEP) {
		response_clear(&served->response);
		response_init(&served->response);
	} else {
		response_reset(&served->response);
	}
	arena_clear(&served->arena);
}

/* Wait for a visitor, a signal or the idle time; true when there is a visitor. */
static bool
wait_for_request(const sigset_t *open)
{
	struct pollfd listener = {.fd = FCGI_LISTENSOCK_FILENO, .events = POLLIN};
	struct timespec timeout;
	int64_t left_ms;

	if (idle_at_ms >= 0) {
		left_ms = idle_at_ms - clock_monotonic_ms();
		if (left_ms < 0)
			left_ms = 0;
		timeout.tv_sec = left_ms / 1000;
		timeout.tv_nsec = left_ms % 1000 * 1000000;
	}
	return ppoll(&listener, 1, idle_at_ms >= 0 ? &timeout : NULL, open) > 0;
}

static bool
is_worn_out(const struct served *served)
{
	return served->recycle_at != 0 && served->requests >= served->recycle_at;
}

static void
loop(struct served *served, const sigset_t *open)
{
	while (!stop_asked && !is_worn_out(served)) {
		run_idle_if_due(served->conf);
		if (!wait_for_request(open))
			continue;
		/* Anything but 0: a sibling was faster, or the visitor left at once. */
		if (FCGX_Accept_r(&served->fcgi) != 0)
			continue;
		served->requests++;
		serve_one(served);
		clean_up(served);
	}
}

int
serve_run(const struct serve_conf *conf)
{
	struct served served = {.conf = conf};
	sigset_t open;

	if (!socket_init()) {
		fprintf(stderr,
		    "%s: descriptor 0 is not a listening socket; start it with "
		    "spawn-fcgi or systemd\n",
		    conf->program);
		return 1;
	}
	if (!signals_init(&open) || FCGX_InitRequest(&served.fcgi, FCGI_LISTENSOCK_FILENO, 0) != 0)
		return 1;
	served.recycle_at = recycle_jitter(conf->recycle_after);
	arena_init(&served.arena, ARENA_LIMIT);
	response_init(&served.response);
	log_event(LOG_INFO, "serve.start", "pid", log_int(getpid()), (const char *)NULL);
	loop(&served, &open);
	if (idle_at_ms >= 0)
		run_idle(conf);
	log_event(LOG_INFO, "serve.end", "why", stop_asked ? "signal" : "recycle", "requests",
	    log_int((long long)served.requests), "resident_kb", log_int(resident_kb()),
	    (const char *)NULL);
	FCGX_Free(&served.fcgi, 1);
	response_clear(&served.response);
	arena_free(&served.arena);
	return 0;
}
