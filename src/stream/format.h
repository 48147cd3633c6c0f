#ifndef SWITCHBOARD_STREAM_FORMAT_H
#define SWITCHBOARD_STREAM_FORMAT_H

#include "base/sbuf.h"
#include "store/stream.h"

/*
 * Server-sent events (WHATWG HTML 9.2): the lines of an event that are the same in every stream,
 * "event:" and "data:".  stream_put_event() adds the "id:" line and the empty line that ends it.
 * Data is compact ASCII JSON: a line break in it would begin another line of the event.
 */

/* Append one change; nothing for PAGE_CHANGE_MARK.  Failure is sticky in the buffer. */
void format_change(struct sbuf *buf, const struct page_change *change);

/* Append an event "installation" with status removed: the session may not see it any more. */
void format_removed(struct sbuf *buf, const char *installation_id);

/* Append the last event of a stream: the session has ended, the page must not reconnect. */
void format_bye(struct sbuf *buf);

#endif
