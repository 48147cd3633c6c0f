#ifndef SWITCHBOARD_STREAM_SESSION_INDEX_H
#define SWITCHBOARD_STREAM_SESSION_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Streams by the person whose session they have, and those of them that are unchecked: what their
 * session may see has, perhaps, changed.  So a person who signs out costs a look at this person's
 * streams, however many others are open.
 */
struct stream;

/* A power of two. */
#define SESSION_INDEX_BUCKETS 1024

/* A part of a stream. */
struct session_entry {
	struct stream *stream; /* that it is a part of */
	int64_t user_id;       /* whose session it has; that never changes */
	bool unchecked;
	struct session_entry *unchecked_next, *unchecked_prev;
	struct session_entry *next, *prev; /* in its bucket */
};

struct session_index {
	struct session_entry *people[SESSION_INDEX_BUCKETS];
	struct session_entry *unchecked;
};

/* Add a stream's entry, with "stream" and "user_id" set and the rest zero. */
void session_index_add(struct session_index *index, struct session_entry *entry);

/* Before the stream is freed. */
void session_index_remove(struct session_index *index, struct session_entry *entry);

/* One stream is unchecked. */
void session_index_mark(struct session_index *index, struct session_entry *entry);

/* All streams of a person are. */
void session_index_mark_user(struct session_index *index, int64_t user_id);

/* All streams are. */
void session_index_mark_all(struct session_index *index);

/*
 * Take at most "max" of the unchecked streams, which are not unchecked any more; returns how many,
 * 0: there is none.
 */
size_t session_index_take(struct session_index *index, struct stream **taken, size_t max);

#endif
