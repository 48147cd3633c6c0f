/* Two kinds of lists of entries: one for each bucket, and the unchecked ones. */
#include "stream/session_index.h"

static struct session_entry **
bucket_of(struct session_index *index, int64_t user_id)
{
	return &index->people[(uint64_t)user_id % SESSION_INDEX_BUCKETS];
}

void
session_index_add(struct session_index *index, struct session_entry *entry)
{
	struct session_entry **bucket = bucket_of(index, entry->user_id);

	entry->next = *bucket;
	entry->prev = NULL;
	if (entry->next != NULL)
		entry->next->prev = entry;
	*bucket = entry;
}

static void
unmark(struct session_index *index, struct session_entry *entry)
{
	if (!entry->unchecked)
		return;
	if (entry->unchecked_prev != NULL)
		entry->unchecked_prev->unchecked_next = entry->unchecked_next;
	else
		index->unchecked = entry->unchecked_next;
	if (entry->unchecked_next != NULL)
		entry->unchecked_next->unchecked_prev = entry->unchecked_prev;
	entry->unchecked = false;
}

void
session_index_remove(struct session_index *index, struct session_entry *entry)
{
	unmark(index, entry);
	if (entry->prev != NULL)
		entry->prev->next = entry->next;
	else
		*bucket_of(index, entry->user_id) = entry->next;
	if (entry->next != NULL)
		entry->next->prev = entry->prev;
}

void
session_index_mark(struct session_index *index, struct session_entry *entry)
{
	if (entry->unchecked)
		return;
	entry->unchecked = true;
	entry->unchecked_next = index->unchecked;
	entry->unchecked_prev = NULL;
	if (entry->unchecked_next != NULL)
		entry->unchecked_next->unchecked_prev = entry;
	index->unchecked = entry;
}

void
session_index_mark_user(struct session_index *index, int64_t user_id)
{
	for (struct session_entry *e = *bucket_of(index, user_id); e != NULL; e = e->next) {
		if (e->user_id == user_id)
			session_index_mark(index, e);
	}
}

void
session_index_mark_all(struct session_index *index)
{
	for (size_t i = 0; i < SESSION_INDEX_BUCKETS; i++) {
		for (struct session_entry *e = index->people[i]; e != NULL; e = e->next)
			session_index_mark(index, e);
	}
}

size_t
session_index_take(struct session_index *index, struct stream **taken, size_t max)
{
	size_t count = 0;

	while (index->unchecked != NULL && count < max) {
		taken[count++] = index->unchecked->stream;
		unmark(index, index->unchecked);
	}
	return count;
}
