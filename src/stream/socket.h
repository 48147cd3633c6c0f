#ifndef SWITCHBOARD_STREAM_SOCKET_H
#define SWITCHBOARD_STREAM_SOCKET_H

#include <stdbool.h>
#include "base/err.h"

/*
 * The listening unix socket at SWITCHBOARD_EVENTS_SOCKET, mode 0660.  One left
 * by a process that died is replaced.  SW_ECONFLICT: somebody answers there.  SW_EINPUT: the
 * path is too long or cannot be used.  Says what is wrong in one line.
 */
SW_MUSTCHECK enum sw_err events_socket_open(const char *path, int *out);

/* Take the path away; nobody connects any more. */
void events_socket_remove(const char *path);

#endif
