/*
 * The FastCGI accept loop (libfcgi).  What it hides: signals are blocked
 * except while waiting on the non-blocking listening socket, so a signal
 * never cuts a request short and never gets lost before a wait; of several
 * processes that wait on one socket, a visitor wakes one.
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

#define LAST_IDLE_MS 100

struct server {
	const struct serve_conf *conf;
	int poll_fd;
	size_t room;     /* exchanges there are */
	size_t deferred; /* of them, the first ones, whose replies wait for the commit */
	struct exchange *exchanges[SERVE_BATCH_MAX];
	unsigned long requests;
	unsigned long recycle_at; /* 0 = never */
};

static struct server server;
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
 * With EPOLLEXCLUSIVE a visitor wakes one of the processes that wait; with poll(2) it woke all of
 * them, for each to find that another had been faster.
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
exchanges_init(void)
{
	size_t count = server.conf->batch == 0 ? 1 : server.conf->batch;

	assert(count <= SERVE_BATCH_MAX);
	while (server.room < count) {
		struct exchange *exchange = calloc(1, sizeof(*exchange));

		if (exchange == NULL || !exchange_init(exchange)) {
			free(exchange);
			return false;
		}
		server.exchanges[server.room++] = exchange;
	}
	return true;
}

static void
exchanges_clear(void)
{
	while (server.room > 0) {
		struct exchange *exchange = server.exchanges[--server.room];

		exchange_clear(exchange);
		free(exchange);
	}
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

/* Replace whatever is in the response by the answer to "err". */
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

static void
finish(struct exchange *exchange)
{
	struct response *response = &exchange->response;

	if (response->failed || sbuf_failed(&response->body))
		answer_broken(response);
	exchange_finish(exchange);
}

/* Have the deferred replies filled in, and send them. */
static void
commit_deferred(void)
{
	size_t count = server.deferred;

	if (count == 0)
		return;
	server.conf->commit(server.conf->context);
	server.deferred = 0;
	for (size_t i = 0; i < count; i++) {
		assert(!server.exchanges[i]->response.deferred);
		finish(server.exchanges[i]);
	}
	/* The one in hand, if there is one, is the first again. */
	if (count < server.room) {
		struct exchange *in_hand = server.exchanges[count];

		server.exchanges[count] = server.exchanges[0];
		server.exchanges[0] = in_hand;
		log_set_request(in_hand->request.id);
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

static void
serve_one(struct exchange *exchange)
{
	const struct serve_conf *conf = server.conf;
	enum sw_err err = exchange_read(exchange, conf->body_limit);

	if (err == SW_OK)
		err = conf->handle(conf->context, &exchange->request, &exchange->response);
	if (err != SW_OK)
		answer_error(exchange, err);
	if (exchange->response.deferred) {
		server.deferred++;
		return;
	}
	finish(exchange);
}

static bool
is_worn_out(void)
{
	return server.recycle_at != 0 && server.requests >= server.recycle_at;
}

/*
 * Those who wait, up to "room" of them; where there is room for one, one.  What was logged is on
 * its way before the reply is; the lines that tell of the replies go together.
 */
static void
serve_waiting(void)
{
	size_t count = 0;

	while (count < server.room && !is_worn_out() &&
	       exchange_accept(server.exchanges[server.deferred])) {
		count++;
		server.requests++;
		serve_one(server.exchanges[server.deferred]);
	}
	commit_deferred();
	/* None: a sibling was faster, or the visitor left at once. */
	if (count > 0)
		after_replies();
}

/* Wait for a visitor, a signal or the idle time; true when there is a visitor. */
static bool
wait_for_request(const sigset_t *open)
{
	struct epoll_event event;
	int64_t left_ms = -1;

	if (idle_at_ms >= 0) {
		left_ms = idle_at_ms - clock_monotonic_ms();
		if (left_ms < 0)
			left_ms = 0;
	}
	return epoll_pwait(server.poll_fd, &event, 1, (int)left_ms, open) > 0;
}

/* While there is always a visitor the wait never sleeps, and lets no signal in. */
static void
take_stop_signal(void)
{
	const struct timespec at_once = {0};
	sigset_t stops;

	stop_signals(&stops);
	if (sigtimedwait(&stops, NULL, &at_once) > 0)
		stop_asked = 1;
}

static void
loop(const sigset_t *open)
{
	while (!stop_asked && !is_worn_out()) {
		run_idle_if_due();
		if (wait_for_request(open)) {
			serve_waiting();
			take_stop_signal();
		}
	}
}

/* What was asked for is done before the end, if it does not take long. */
static void
run_last_idle(void)
{
	int64_t end_ms = clock_monotonic_ms() + LAST_IDLE_MS;

	while (idle_at_ms >= 0 && idle_at_ms <= end_ms) {
		int64_t left_ms = idle_at_ms - clock_monotonic_ms();
		const struct timespec pause = {.tv_nsec = left_ms * 1000000};

		if (left_ms > 0)
			nanosleep(&pause, NULL);
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
	run_last_idle();
	log_event(LOG_INFO, "serve.end", "why", stop_asked ? "signal" : "recycle", "requests",
	    log_int((long long)server.requests), "resident_kb", log_int(resident_kb()),
	    (const char *)NULL);
	close(server.poll_fd);
	exchanges_clear();
	return 0;
}
