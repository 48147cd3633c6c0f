/*
 * Which streams read which installation, and the delivery of changes to them.
 * Rows of one transaction share a seq, so the cursor in the id of an event moves to a seq with the
 * last event of that seq only: a browser that reconnects after the first one gets the rest.
 */
#include "stream/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/hash.h"
#include "stream/format.h"

#define BUCKETS 4096

struct feed {
	char *id;
	struct feeds *feeds;
	struct subscriber *subscribers;
	struct feed *next, *prev; /* in its bucket */
	struct feed *stale_next;  /* in feeds->stale */
	bool stale;               /* changed, perhaps, since it was read last */
};

struct feeds {
	struct feed *buckets[BUCKETS];
	struct feed *stale;
};

/* One event to deliver: its text is a part of a buffer with the texts of all of them. */
struct delivery {
	int64_t seq;
	size_t start, length;
};

struct feeds *
feeds_new(void)
{
	return calloc(1, sizeof(struct feeds));
}

/* The platform chooses the ids, so nobody can fill one bucket on purpose. */
static struct feed **
bucket_of(struct feeds *feeds, const char *id)
{
	return &feeds->buckets[hash_text(id) % BUCKETS];
}

static struct feed *
find_feed(struct feeds *feeds, const char *id)
{
	for (struct feed *feed = *bucket_of(feeds, id); feed != NULL; feed = feed->next) {
		if (strcmp(feed->id, id) == 0)
			return feed;
	}
	return NULL;
}

static struct feed *
make_feed(struct feeds *feeds, const char *id)
{
	struct feed **bucket = bucket_of(feeds, id);
	struct feed *feed = calloc(1, sizeof(*feed));

	if (feed == NULL || (feed->id = strdup(id)) == NULL) {
		free(feed);
		return NULL;
	}
	feed->feeds = feeds;
	feed->next = *bucket;
	if (feed->next != NULL)
		feed->next->prev = feed;
	*bucket = feed;
	return feed;
}

static void
set_stale(struct feed *feed)
{
	if (feed->stale)
		return;
	feed->stale = true;
	feed->stale_next = feed->feeds->stale;
	feed->feeds->stale = feed;
}

static void
free_feed(struct feed *feed)
{
	if (feed->prev != NULL)
		feed->prev->next = feed->next;
	else
		*bucket_of(feed->feeds, feed->id) = feed->next;
	if (feed->next != NULL)
		feed->next->prev = feed->prev;
	free(feed->id);
	free(feed);
}

/* The streams are gone; feeds that were stale when their last subscriber left are still here. */
void
feeds_free(struct feeds *feeds)
{
	if (feeds == NULL)
		return;
	while (feeds->stale != NULL) {
		struct feed *feed = feeds->stale;

		feeds->stale = feed->stale_next;
		free_feed(feed);
	}
	free(feeds);
}

enum sw_err
feed_subscribe(
    struct feeds *feeds, struct stream *stream, const char *installation_id, int64_t cursor)
{
	struct feed *feed = find_feed(feeds, installation_id);
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (feed == NULL && subscriber != NULL)
		feed = make_feed(feeds, installation_id);
	if (feed == NULL || subscriber == NULL) {
		free(subscriber);
		return SW_ENOMEM;
	}
	*subscriber = (struct subscriber){.stream = stream,
	    .feed = feed,
	    .installation_id = feed->id,
	    .cursor = cursor,
	    .visible = true};
	subscriber->feed_next = feed->subscribers;
	if (feed->subscribers != NULL)
		feed->subscribers->feed_prev = subscriber;
	feed->subscribers = subscriber;
	subscriber->next = stream->subscribers;
	stream->subscribers = subscriber;
	set_stale(feed);
	return SW_OK;
}

/* A stale feed is in a list: the next refresh takes it off that and frees it. */
static void
leave_feed(struct subscriber *subscriber)
{
	struct feed *feed = subscriber->feed;

	if (subscriber->feed_prev != NULL)
		subscriber->feed_prev->feed_next = subscriber->feed_next;
	else
		feed->subscribers = subscriber->feed_next;
	if (subscriber->feed_next != NULL)
		subscriber->feed_next->feed_prev = subscriber->feed_prev;
	if (feed->subscribers == NULL && !feed->stale)
		free_feed(feed);
}

void
feed_unsubscribe(struct subscriber *subscriber)
{
	struct subscriber **link = &subscriber->stream->subscribers;

	while (*link != subscriber)
		link = &(*link)->next;
	*link = subscriber->next;
	leave_feed(subscriber);
	free(subscriber);
}

void
feed_unsubscribe_all(struct stream *stream)
{
	while (stream->subscribers != NULL)
		feed_unsubscribe(stream->subscribers);
}

void
feeds_mark_stale(struct feeds *feeds, const char *installation_id)
{
	struct feed *feed = find_feed(feeds, installation_id);

	if (feed != NULL)
		set_stale(feed);
}

void
feeds_mark_all_stale(struct feeds *feeds)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct feed *feed = feeds->buckets[i]; feed != NULL; feed = feed->next)
			set_stale(feed);
	}
}

bool
feeds_have_stale(const struct feeds *feeds)
{
	return feeds->stale != NULL;
}

static int64_t
oldest_cursor(const struct feed *feed)
{
	int64_t oldest = INT64_MAX;

	for (const struct subscriber *s = feed->subscribers; s != NULL; s = s->feed_next) {
		if (s->cursor < oldest)
			oldest = s->cursor;
	}
	return oldest;
}

/*
 * A cursor above the seq of the database comes from before a backup was restored, or was made up:
 * that browser gets everything again.
 */
static bool
reset_impossible_cursors(struct feed *feed, int64_t seq)
{
	bool reset = false;

	for (struct subscriber *s = feed->subscribers; s != NULL; s = s->feed_next) {
		if (s->cursor > seq) {
			s->cursor = 0;
			reset = true;
		}
	}
	return reset;
}

static void
deliver_to(struct subscriber *subscriber, const struct sbuf *texts, const struct delivery *list,
    size_t count, int64_t seq, bool gone)
{
	int64_t reached = subscriber->cursor;

	/* It keeps its cursor for a later refresh: all feeds become stale every 5 s. */
	if (stream_is_full(subscriber->stream))
		return;
	for (size_t i = 0; i < count; i++) {
		if (list[i].seq <= subscriber->cursor)
			continue;
		if (i + 1 == count || list[i + 1].seq > list[i].seq)
			reached = list[i].seq;
		stream_put_event(subscriber->stream, texts->data + list[i].start, list[i].length,
		    subscriber, reached);
	}
	if (seq > subscriber->cursor)
		subscriber->cursor = seq;
	subscriber->removed = gone;
}

/* The session may have ended with the installation. */
static void
mark_unchecked(struct feed *feed)
{
	for (struct subscriber *s = feed->subscribers; s != NULL; s = s->feed_next)
		session_index_mark(&s->stream->streams->index, &s->stream->entry);
}

/* Have all subscribers seen everything before "seq"? */
static bool
have_all_before(const struct feed *feed, int64_t seq)
{
	return oldest_cursor(feed) >= seq - 1;
}

void
feeds_notify(struct feeds *feeds, const struct page_change *change)
{
	struct feed *feed = find_feed(feeds, change->row.installation_id);
	struct delivery one = {.seq = change->row.seq};
	struct sbuf text = {0};

	if (feed == NULL || feed->stale)
		return;
	format_change(&text, change);
	one.length = text.length;
	if (sbuf_failed(&text) || !have_all_before(feed, one.seq))
		set_stale(feed);
	else
		for (struct subscriber *s = feed->subscribers; s != NULL; s = s->feed_next)
			deliver_to(s, &text, &one, 1, one.seq, false);
	sbuf_clear(&text);
}

static bool
is_removed(const struct switch_row *mark)
{
	return mark->state != NULL && strcmp(mark->state, "removed") == 0;
}

/* The rows [first, end) are one installation's, in the order of seq, one of them the mark. */
static enum sw_err
deliver_rows(struct feed *feed, const struct page_changes *changes, int first, int end)
{
	struct delivery *list = calloc((size_t)(end - first), sizeof(*list));
	struct sbuf texts = {0};
	size_t count = 0;
	int64_t seq = 0;
	bool gone = false;

	if (list == NULL)
		return SW_ENOMEM;
	for (int i = first; i < end; i++) {
		struct page_change change;

		page_changes_get(changes, i, &change);
		if (change.kind == PAGE_CHANGE_MARK) {
			seq = change.row.seq;
			gone = is_removed(&change.row);
			continue;
		}
		list[count] = (struct delivery){.seq = change.row.seq, .start = texts.length};
		format_change(&texts, &change);
		list[count].length = texts.length - list[count].start;
		count++;
	}
	if (gone)
		mark_unchecked(feed);
	FAILPOINT("events.delivering");
	if (!sbuf_failed(&texts) && reset_impossible_cursors(feed, seq))
		set_stale(feed);
	else if (!sbuf_failed(&texts))
		for (struct subscriber *s = feed->subscribers; s != NULL; s = s->feed_next)
			deliver_to(s, &texts, list, count, seq, gone);
	free(list);
	sbuf_clear(&texts);
	return SW_OK;
}

/* An installation without a row is not in the database any more: its subscribers get nothing. */
static enum sw_err
deliver_all(struct feeds *feeds, const struct page_changes *changes)
{
	enum sw_err err = SW_OK;
	int first = 0;

	while (err == SW_OK && first < changes->count) {
		struct page_change change;
		struct feed *feed;
		int end;

		page_changes_get(changes, first, &change);
		feed = find_feed(feeds, change.row.installation_id);
		for (end = first + 1; end < changes->count; end++) {
			struct page_change other;

			page_changes_get(changes, end, &other);
			if (strcmp(other.row.installation_id, change.row.installation_id) != 0)
				break;
		}
		if (feed != NULL)
			err = deliver_rows(feed, changes, first, end);
		first = end;
	}
	return err;
}

/* Take at most PAGE_CHANGES_MAX feeds off the list of stale ones; free those without subscribers.
 */
static size_t
take_stale(struct feeds *feeds, struct feed **taken)
{
	size_t count = 0;

	while (feeds->stale != NULL && count < PAGE_CHANGES_MAX) {
		struct feed *feed = feeds->stale;

		feeds->stale = feed->stale_next;
		feed->stale = false;
		if (feed->subscribers == NULL)
			free_feed(feed);
		else
			taken[count++] = feed;
	}
	return count;
}

enum sw_err
feeds_refresh(struct feeds *feeds, struct db *db)
{
	struct feed *taken[PAGE_CHANGES_MAX];
	const char *ids[PAGE_CHANGES_MAX];
	int64_t cursors[PAGE_CHANGES_MAX];
	struct page_changes changes = {0};
	enum sw_err err = SW_OK;
	size_t count;

	while (err == SW_OK && (count = take_stale(feeds, taken)) > 0) {
		for (size_t i = 0; i < count; i++) {
			ids[i] = taken[i]->id;
			cursors[i] = oldest_cursor(taken[i]);
		}
		err = store_page_changes(db, ids, cursors, count, &changes);
		if (err == SW_OK)
			err = deliver_all(feeds, &changes);
		for (size_t i = 0; err != SW_OK && i < count; i++)
			set_stale(taken[i]);
		page_changes_free(&changes);
	}
	return err;
}
