/* The event loop, built on curl_multi_poll(). */
#include "loop.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "http.h"
#include "text.h"

struct timer {
	struct timer *next;
	uint64_t number;
	int64_t at; /* monotonic ms */
	loop_timer_fn *fn;
	void *context;
};

static CURLM *multi;
static struct timer *timers; /* soonest first */
static uint64_t timer_count;
static int signal_fd = -1;
static loop_transfer_fn *transfer_done;

void
loop_open(void)
{
	sigset_t stop;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		die("cannot wait for signals");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (multi = curl_multi_init()) == NULL)
		die("cannot start libcurl");
}

void
loop_close(void)
{
	while (timers != NULL) {
		struct timer *timer = timers;

		timers = timer->next;
		free(timer);
	}
	curl_multi_cleanup(multi);
	curl_global_cleanup();
	close(signal_fd);
}

void
loop_on_transfer(loop_transfer_fn *done)
{
	transfer_done = done;
}

CURLM *
loop_multi(void)
{
	return multi;
}

uint64_t
loop_after(int64_t ms, loop_timer_fn *fn, void *context)
{
	struct timer **place = &timers;
	struct timer *timer = memory_get(sizeof(*timer));

	timer->number = ++timer_count;
	timer->at = time_monotonic_ms() + ms;
	timer->fn = fn;
	timer->context = context;
	while (*place != NULL && (*place)->at <= timer->at)
		place = &(*place)->next;
	timer->next = *place;
	*place = timer;
	return timer->number;
}

void
loop_cancel(uint64_t number)
{
	for (struct timer **place = &timers; *place != NULL; place = &(*place)->next) {
		struct timer *timer = *place;

		if (timer->number == number) {
			*place = timer->next;
			free(timer);
			return;
		}
	}
}

static void
timers_run(void)
{
	int64_t now = time_monotonic_ms();

	while (timers != NULL && timers->at <= now) {
		struct timer *timer = timers;

		timers = timer->next;
		timer->fn(timer->context);
		free(timer);
	}
}

static void
transfers_run(void)
{
	CURLMsg *message;
	int left;

	curl_multi_perform(multi, &left);
	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		if (message->msg == CURLMSG_DONE)
			transfer_done(message->easy_handle, message->data.result);
	}
}

/* How long the loop may sleep: until the server's or the first timer's time, whichever is sooner.
 */
static int
sleep_ms(void)
{
	int64_t wait = http_timeout_ms();

	if (timers != NULL) {
		int64_t timer = timers->at - time_monotonic_ms();

		if (timer < 0)
			timer = 0;
		if (timer < wait)
			wait = timer;
	}
	return (int)wait;
}

void
loop_run(void)
{
	struct curl_waitfd watched[2] = {
	    {.fd = http_descriptor(), .events = CURL_WAIT_POLLIN},
	    {.fd = signal_fd, .events = CURL_WAIT_POLLIN},
	};

	for (;;) {
		struct signalfd_siginfo signal_info;

		timers_run();
		transfers_run();
		/* Last, so that answers which timers and transfers made ready are sent before the
		 * poll. */
		http_run();
		curl_multi_poll(multi, watched, 2, sleep_ms(), NULL);
		if (read(signal_fd, &signal_info, sizeof(signal_info)) > 0)
			return;
	}
}
