#ifndef SWITCHBOARD_FORMATS_CURSOR_H
#define SWITCHBOARD_FORMATS_CURSOR_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"

/*
 * A cursor: the sequence number up to which a browser has received the changes of each of its
 * installations.  Its text form "installationId:seq,installationId:seq" is the id of every event of
 * the stream, the cursor of GET /api/switches and ?cursor= of GET /events.
 */
#define CURSOR_MAX 64 /* installations of one user */

struct cursor_entry {
	const char *installation_id;
	int64_t seq;
};

/*
 * Parse at most CURSOR_MAX entries into the arena.  SW_EINPUT: malformed in any way (the caller
 * starts from nothing then, which sends everything anew).  "" is no entry.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
cursor_parse(struct arena *arena, const char *text, struct cursor_entry **out, size_t *count);

/* Append one entry, with a comma when the buffer is not empty. */
void cursor_put(struct sbuf *buf, const char *installation_id, int64_t seq);

#endif
