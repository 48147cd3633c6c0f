/*
 * The signals that end a FastCGI process.
 */
#include "net/stop_signal.h"

#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t stop_requested;

static void
on_stop(int signal_number)
{
	(void)signal_number;
	stop_requested = 1;
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

bool
stop_signal_init(sigset_t *open)
{
	const struct sigaction action = {.sa_handler = on_stop};
	sigset_t stops;

	stop_requested = 0;
	stop_signals(&stops);
	if (sigprocmask(SIG_BLOCK, &stops, open) != 0)
		return false;
	for (int i = 1; i < NSIG; i++) {
		if (sigismember(&stops, i) == 1) {
			sigdelset(open, i);
			sigaction(i, &action, NULL);
		}
	}
	return true;
}

bool
stop_signal_came(void)
{
	return stop_requested != 0;
}

void
stop_signal_take(void)
{
	const struct timespec at_once = {0};
	sigset_t stops;

	stop_signals(&stops);
	if (sigtimedwait(&stops, NULL, &at_once) > 0)
		stop_requested = 1;
}
