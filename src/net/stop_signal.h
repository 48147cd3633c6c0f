#ifndef SWITCHBOARD_NET_STOP_SIGNAL_H
#define SWITCHBOARD_NET_STOP_SIGNAL_H

#include <signal.h>
#include <stdbool.h>

/*
 * SIGTERM, SIGINT, SIGHUP and SIGUSR1 ask a FastCGI process to end.  They stay blocked except in a
 * wait with the mask of stop_signal_init(), so that none cuts a request short.
 */

/* Block them and install their handlers; "*open" is the signal mask to wait with.  False with
 * errno when the mask cannot be set. */
bool stop_signal_init(sigset_t *open);

/* Has one come since stop_signal_init()? */
bool stop_signal_came(void);

/* Take one that is pending: while there is always a connection a wait with the mask returns at once
 * and delivers none. */
void stop_signal_take(void);

#endif
