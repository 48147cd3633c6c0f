#ifndef SWITCHBOARD_STREAM_FORMAT_H
#define SWITCHBOARD_STREAM_FORMAT_H

#include "base/sbuf.h"
#include "store/stream.h"

/*
 * Server-sent events (WHATWG HTML 9.2) as the page understands them: the part
 * of an event that is the same for every reader ("event:" and "data:" lines);
 * the "id:" line and the empty line that ends it are the stream's.
 * Data is compact ASCII JSON, so that no line break can hide in it.
 */

/* Append one change; nothing for PAGE_CHANGE_MARK.  Failure is sticky in the buffer. */
void events_format_change(struct sbuf *buf, const struct page_change *change);

/* An installation that this reader may not see any more. */
void events_format_removed(struct sbuf *buf, const char *installation_id);

/* The last event of a stream: the session ended, do not come back. */
void events_format_bye(struct sbuf *buf);

#endif
