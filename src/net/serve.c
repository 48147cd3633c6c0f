/*
 * The FastCGI accept loop (libfcgi).  What it hides: signals are blocked except while it waits for
 * a connection, so a signal never cuts a request short and is never missed just before a wait; and
 * a connection wakes only one of the processes that wait on the same socket.
 */
#include "net/serve.h"

#include <assert.h>
#include <errno.h>
#include <fastcgi.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/exchange.h"
#include "net/stop_signal.h"

#define LAST_IDLE_MS 100
/* So long a signal to stop may have to wait while conf->wait() waits with signals blocked. */
#define SIGNAL_MS 100

struct server {
	const struct serve_conf *conf;
	int poll_fd;
	size_t room;     /* number of exchanges */
	size_t deferred; /* how many, from the first on, have replies that wait for the commit */
	struct exchange *exchanges[SERVE_BATCH_MAX];
	size_t parked_room;
	size_t parked_count; /* how many, from the first on, are parked; the others are unused */
	struct exchange *parked[SERVE_PARKED_MAX];
	unsigned long requests;
	unsigned long recycle_at; /* 0 = never */
};

static struct server server;
static int64_t idle_at_ms = -1; /* monotonic time when "idle" is due, -1 = never */

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
run_idle(void)
{
	idle_at_ms = -1;
	if (server.conf->idle != NULL)
		serve_set_timeout(server.conf->idle(server.conf->context));
}

static void
run_idle_if_due(void)
{
	if (idle_at_ms >= 0 && clock_monotonic_ms() >= idle_at_ms)
		run_idle();
}

/*
 * "*open" is the signal mask to wait with.  Our handlers are installed before FCGX_Init(), which
 * then installs none of its own; SIGPIPE is ignored after it, because it would replace SIG_IGN.
 */
static bool
signals_init(sigset_t *open)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (!stop_signal_init(open) || FCGX_Init() != 0)
		return false;
	return sigaction(SIGPIPE, &ignore, NULL) == 0;
}

/* Descriptor 0 must be a listening socket. */
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

/*
 * With EPOLLEXCLUSIVE a connection wakes one of the processes that wait; with poll(2) it would wake
 * all of them, and all but one would find nothing to accept.
 */
static bool
poll_init(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};

	server.poll_fd = epoll_create1(EPOLL_CLOEXEC);
	return server.poll_fd >= 0 &&
	       epoll_ctl(server.poll_fd, EPOLL_CTL_ADD, FCGI_LISTENSOCK_FILENO, &event) == 0;
}

static bool
exchanges_add(struct exchange **all, size_t *room, size_t count)
{
	while (*room < count) {
		struct exchange *exchange = calloc(1, sizeof(*exchange));

		if (exchange == NULL || !exchange_init(exchange)) {
			free(exchange);
			return false;
		}
		all[(*room)++] = exchange;
	}
	return true;
}

static bool
exchanges_init(void)
{
	size_t count = server.conf->batch == 0 ? 1 : server.conf->batch;

	assert(count <= SERVE_BATCH_MAX && server.conf->parked <= SERVE_PARKED_MAX);
	return exchanges_add(server.exchanges, &server.room, count) &&
	       exchanges_add(server.parked, &server.parked_room, server.conf->parked);
}

static void
exchanges_drop(struct exchange **all, size_t *room)
{
	while (*room > 0) {
		struct exchange *exchange = all[--*room];

		exchange_clear(exchange);
		free(exchange);
	}
}

static void
exchanges_clear(void)
{
	exchanges_drop(server.exchanges, &server.room);
	exchanges_drop(server.parked, &server.parked_room);
}

static void
exchanges_swap(struct exchange **a, struct exchange **b)
{
	struct exchange *kept = *a;

	*a = *b;
	*b = kept;
}

/* Up to a tenth more or less, so that the processes do not all restart at the same time. */
static unsigned long
recycle_jitter(unsigned requests)
{
	uint32_t random = 0;
	unsigned long spread = requests / 5 + 1;

	if (requests == 0)
		return 0;
	if (secret_random(&random, sizeof(random)) != SW_OK)
		random = (uint32_t)getpid();
	return requests - requests / 10 + random % spread;
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

/* Replace what is in the response by the reply for "err". */
static void
answer_error(struct exchange *exchange, enum sw_err err)
{
	const struct serve_conf *conf = server.conf;
	struct response *response = &exchange->response;

	response_reset(response);
	if (conf->fail != NULL)
		conf->fail(conf->context, &exchange->request, err, response);
	else
		response_put_error(response, err, "The request could not be served.");
}

/* Replace a response that failed while it was built by a short 500. */
static void
answer_broken(struct response *response)
{
	response_clear(response);
	response_init(response);
	response_put_error(response, SW_EINTERNAL, "The reply could not be made.");
	if (response->failed || sbuf_failed(&response->body))
		log_event(LOG_ERROR, "request.no_memory", (const char *)NULL);
}

static void
finish(struct exchange *exchange)
{
	struct response *response = &exchange->response;

	if (response->failed || sbuf_failed(&response->body))
		answer_broken(response);
	exchange_finish(exchange);
}

/* Has the request to wait before its handler is called again? */
static bool
wants_to_wait(const struct exchange *exchange)
{
	return exchange->response.awaited != NULL || exchange->response.again_ms > 0;
}

/* Park the request in "*place", which gets an unused exchange; false: no more can be parked. */
static bool
park(struct exchange **place)
{
	struct exchange *exchange = *place;

	if (server.parked_count == server.parked_room)
		return false;
	exchange->again_at_ms = clock_monotonic_ms() + exchange->response.again_ms;
	exchanges_swap(place, &server.parked[server.parked_count++]);
	log_set_request("");
	return true;
}

/* Send the reply that a commit filled in, or park the request. */
static void
finish_deferred(struct exchange **place)
{
	assert(!(*place)->response.deferred);
	if (wants_to_wait(*place)) {
		if (park(place))
			return;
		answer_error(*place, SW_EUNAVAILABLE);
	}
	finish(*place);
}

/* Have the deferred replies filled in by a batch commit, and send them. */
static void
commit_deferred(void)
{
	size_t count = server.deferred;

	if (count == 0)
		return;
	server.conf->commit(server.conf->context);
	server.deferred = 0;
	for (size_t i = 0; i < count; i++)
		finish_deferred(&server.exchanges[i]);
	/* The request being handled, if there is one, moves to the front. */
	if (count < server.room) {
		exchanges_swap(&server.exchanges[count], &server.exchanges[0]);
		log_set_request(server.exchanges[0]->request.id);
	}
}

static void
after_replies(void)
{
	if (server.conf->after != NULL)
		server.conf->after(server.conf->context);
}

void
serve_commit(void)
{
	if (server.deferred == 0)
		return;
	commit_deferred();
	after_replies();
}

/* Act on what a handler did with the request in exchanges[deferred]; "err" is what it returned. */
static void
take_outcome(enum sw_err err)
{
	struct exchange *exchange = server.exchanges[server.deferred];

	if (err == SW_OK && wants_to_wait(exchange)) {
		if (park(&server.exchanges[server.deferred]))
			return;
		err = SW_EUNAVAILABLE;
	}
	if (err != SW_OK)
		answer_error(exchange, err);
	if (exchange->response.deferred)
		server.deferred++;
	else
		finish(exchange);
}

static void
serve_one(struct exchange *exchange)
{
	const struct serve_conf *conf = server.conf;
	enum sw_err err = exchange_read(exchange, conf->body_limit);

	if (err == SW_OK)
		err = conf->handle(conf->context, &exchange->request, &exchange->response);
	take_outcome(err);
}

/* Call the handler of a parked request again; its place is taken by the last one of those parked.
 */
static void
unpark(size_t index)
{
	const struct serve_conf *conf = server.conf;
	struct exchange *exchange = server.parked[index];

	exchanges_swap(&server.parked[index], &server.parked[--server.parked_count]);
	exchanges_swap(&server.parked[server.parked_count], &server.exchanges[server.deferred]);
	log_set_request(exchange->request.id);
	response_reset(&exchange->response);
	take_outcome(conf->handle(conf->context, &exchange->request, &exchange->response));
}

static bool
is_due_to_recycle(void)
{
	return server.recycle_at != 0 && server.requests >= server.recycle_at;
}

/* Serve the connections that wait, up to "room" of them, with one batch commit for all. */
static void
serve_waiting(void)
{
	size_t count = 0;

	while (count < server.room && !is_due_to_recycle() &&
	       exchange_accept(server.exchanges[server.deferred])) {
		count++;
		server.requests++;
		serve_one(server.exchanges[server.deferred]);
	}
	commit_deferred();
	/* None: another process accepted it, or its peer closed it at once. */
	if (count > 0)
		after_replies();
}

static bool
is_wait_over(const struct exchange *exchange)
{
	const struct serve_conf *conf = server.conf;

	if (exchange->response.awaited != NULL)
		return conf->is_ready(conf->context, exchange->response.awaited);
	return clock_monotonic_ms() >= exchange->again_at_ms;
}

/*
 * Go on with the parked requests whose wait is over, with one batch commit for all; false when
 * there is none.
 */
static bool
serve_ready(void)
{
	bool any = false;

	for (size_t i = server.parked_count; i-- > 0;) {
		if (!is_wait_over(server.parked[i]))
			continue;
		if (server.deferred == server.room)
			commit_deferred();
		any = true;
		unpark(i);
	}
	commit_deferred();
	if (any)
		after_replies();
	return any;
}

/* The earlier one of two monotonic times, where -1 is never. */
static int64_t
earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/* When the first request that is parked for a time is due, monotonic; -1: there is none. */
static int64_t
again_at_ms(void)
{
	int64_t at_ms = -1;

	for (size_t i = 0; i < server.parked_count; i++) {
		if (server.parked[i]->response.awaited == NULL)
			at_ms = earlier(at_ms, server.parked[i]->again_at_ms);
	}
	return at_ms;
}

/* The ms until a monotonic time; -1 for never. */
static int64_t
time_left(int64_t at_ms)
{
	int64_t left_ms = at_ms - clock_monotonic_ms();

	if (at_ms < 0)
		return -1;
	return left_ms > 0 ? left_ms : 0;
}

/* Have conf->wait() wait; false: it has nothing to wait for. */
static bool
wait_with_program(int fd, int64_t left_ms)
{
	const struct serve_conf *conf = server.conf;

	if (left_ms < 0 || left_ms > SIGNAL_MS)
		left_ms = SIGNAL_MS;
	return conf->wait != NULL && conf->wait(conf->context, fd, (int)left_ms);
}

/*
 * Wait for a connection, a signal, the idle time or what parked requests wait for; true when there
 * may be a connection.
 */
static bool
wait_for_request(const sigset_t *open)
{
	struct epoll_event event;
	int64_t left_ms = time_left(earlier(idle_at_ms, again_at_ms()));

	if (wait_with_program(server.poll_fd, left_ms))
		return true;
	return epoll_pwait(server.poll_fd, &event, 1, (int)left_ms, open) > 0;
}

static void
loop(const sigset_t *open)
{
	while (!stop_signal_came() && !is_due_to_recycle()) {
		run_idle_if_due();
		if (wait_for_request(open)) {
			serve_waiting();
			stop_signal_take();
		}
		(void)serve_ready();
	}
}

/* "ms" is less than a second. */
static void
pause_ms(int64_t ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000};

	if (ms > 0)
		nanosleep(&pause, NULL);
}

/* Before the process ends, answer the requests that are parked. */
static void
finish_parked(void)
{
	bool goes_on = true;

	while (server.parked_count > 0 && goes_on) {
		int64_t left_ms = time_left(again_at_ms());

		if (!wait_with_program(-1, left_ms)) {
			goes_on = left_ms >= 0;
			if (goes_on)
				pause_ms(left_ms < SIGNAL_MS ? left_ms : SIGNAL_MS);
		}
		goes_on = serve_ready() || goes_on;
	}
}

/* Before the process ends, run "idle" as long as it is due within LAST_IDLE_MS. */
static void
run_last_idle(void)
{
	int64_t end_ms = clock_monotonic_ms() + LAST_IDLE_MS;

	while (idle_at_ms >= 0 && idle_at_ms <= end_ms) {
		pause_ms(idle_at_ms - clock_monotonic_ms());
		run_idle();
	}
}

int
serve_run(const struct serve_conf *conf)
{
	sigset_t open;

	server = (struct server){.conf = conf, .poll_fd = -1};
	if (!socket_init()) {
		fprintf(stderr,
		    "%s: descriptor 0 is not a listening socket; start it with "
		    "spawn-fcgi or systemd\n",
		    conf->program);
		return 1;
	}
	if (!signals_init(&open) || !exchanges_init() || !poll_init()) {
		log_event(LOG_ERROR, "serve.start", "err", strerror(errno), (const char *)NULL);
		return 1;
	}
	server.recycle_at = recycle_jitter(conf->recycle_after);
	log_event(LOG_INFO, "serve.start", "pid", log_int(getpid()), (const char *)NULL);
	loop(&open);
	finish_parked();
	run_last_idle();
	log_event(LOG_INFO, "serve.end", "why", stop_signal_came() ? "signal" : "recycle",
	    "requests", log_int((long long)server.requests), "resident_kb", log_int(resident_kb()),
	    (const char *)NULL);
	close(server.poll_fd);
	exchanges_clear();
	return 0;
}
