#ifndef SWITCHBOARD_NET_REPLY_RECORD_H
#define SWITCHBOARD_NET_REPLY_RECORD_H

#include <stdbool.h>
#include <stddef.h>

/* Text of a reply; with its length, for it may hold a NUL. */
struct reply_part {
	const char *data;
	size_t length;
};

/*
 * Send a whole reply and the end of its request on a FastCGI connection (FastCGI specification
 * 3.3, 5.5): head, then body, in records of up to 65 535 bytes that are written together.  libfcgi
 * would write every 8 KB apart.  "fd" is a blocking socket, SIGPIPE is ignored.  Blocks until the
 * web server has taken it.  False when the connection broke.
 */
bool reply_record_send(int fd, int request_id, struct reply_part head, struct reply_part body);

#endif
