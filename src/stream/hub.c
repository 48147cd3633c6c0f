/*
 * Which stream follows which installation, and the delivery of changes.  The
 * cursor in an event's id may only reach a seq with the last event of that
 * seq: rows of one transaction share it, and a reader that reconnects in
 * between must get the rest.
 */
#include "stream/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/hash.h"
#include "stream/format.h"

#define BUCKETS 4096

struct hub {
	char *id;
	struct hubs *hubs;
	struct follow *follows;
	struct hub *next, *prev; /* of its bucket */
	struct hub *marked_next; /* of the marked ones */
	bool marked;
};

struct hubs {
	struct hub *buckets[BUCKETS];
	struct hub *marked;
};

/* A change on its way to the followers: its text lies in a common buffer. */
struct delivery {
	int64_t seq;
	size_t start, length;
};

struct hubs *
hubs_new(void)
{
	return calloc(1, sizeof(struct hubs));
}

/* The platform chooses the ids, so nobody can fill one bucket on purpose. */
static struct hub **
bucket_of(struct hubs *hubs, const char *id)
{
	return &hubs->buckets[hash_text(id) % BUCKETS];
}

static struct hub *
find_hub(struct hubs *hubs, const char *id)
{
	for (struct hub *hub = *bucket_of(hubs, id); hub != NULL; hub = hub->next) {
		if (strcmp(hub->id, id) == 0)
			return hub;
	}
	return NULL;
}

static struct hub *
make_hub(struct hubs *hubs, const char *id)
{
	struct hub **bucket = bucket_of(hubs, id);
	struct hub *hub = calloc(1, sizeof(*hub));

	if (hub == NULL || (hub->id = strdup(id)) == NULL) {
		free(hub);
		return NULL;
	}
	hub->hubs = hubs;
	hub->next = *bucket;
	if (hub->next != NULL)
		hub->next->prev = hub;
	*bucket = hub;
	return hub;
}

static void
mark(struct hub *hub)
{
	if (hub->marked)
		return;
	hub->marked = true;
	hub->marked_next = hub->hubs->marked;
	hub->hubs->marked = hub;
}

static void
free_hub(struct hub *hub)
{
	if (hub->prev != NULL)
		hub->prev->next = hub->next;
	else
		*bucket_of(hub->hubs, hub->id) = hub->next;
	if (hub->next != NULL)
		hub->next->prev = hub->prev;
	free(hub->id);
	free(hub);
}

/* What is left are hubs without followers that no refresh came to. */
void
hubs_free(struct hubs *hubs)
{
	if (hubs == NULL)
		return;
	while (hubs->marked != NULL) {
		struct hub *hub = hubs->marked;

		hubs->marked = hub->marked_next;
		free_hub(hub);
	}
	free(hubs);
}

enum sw_err
hub_follow(struct hubs *hubs, struct stream *stream, const char *installation_id, int64_t cursor)
{
	struct hub *hub = find_hub(hubs, installation_id);
	struct follow *follow = calloc(1, sizeof(*follow));

	if (hub == NULL && follow != NULL)
		hub = make_hub(hubs, installation_id);
	if (hub == NULL || follow == NULL) {
		free(follow);
		return SW_ENOMEM;
	}
	*follow = (struct follow){.stream = stream,
	    .hub = hub,
	    .installation_id = hub->id,
	    .cursor = cursor,
	    .kept = true};
	follow->hub_next = hub->follows;
	if (hub->follows != NULL)
		hub->follows->hub_prev = follow;
	hub->follows = follow;
	follow->next = stream->follows;
	stream->follows = follow;
	mark(hub);
	return SW_OK;
}

/* Out of the hub; a marked hub is freed by the next refresh, which finds it empty. */
static void
leave_hub(struct follow *follow)
{
	struct hub *hub = follow->hub;

	if (follow->hub_prev != NULL)
		follow->hub_prev->hub_next = follow->hub_next;
	else
		hub->follows = follow->hub_next;
	if (follow->hub_next != NULL)
		follow->hub_next->hub_prev = follow->hub_prev;
	if (hub->follows == NULL && !hub->marked)
		free_hub(hub);
}

void
hub_unfollow(struct follow *follow)
{
	struct follow **link = &follow->stream->follows;

	while (*link != follow)
		link = &(*link)->next;
	*link = follow->next;
	leave_hub(follow);
	free(follow);
}

void
hub_unfollow_all(struct stream *stream)
{
	while (stream->follows != NULL)
		hub_unfollow(stream->follows);
}

void
hubs_mark(struct hubs *hubs, const char *installation_id)
{
	struct hub *hub = find_hub(hubs, installation_id);

	if (hub != NULL)
		mark(hub);
}

void
hubs_mark_all(struct hubs *hubs)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct hub *hub = hubs->buckets[i]; hub != NULL; hub = hub->next)
			mark(hub);
	}
}

bool
hubs_are_marked(const struct hubs *hubs)
{
	return hubs->marked != NULL;
}

static int64_t
oldest_cursor(const struct hub *hub)
{
	int64_t oldest = INT64_MAX;

	for (const struct follow *follow = hub->follows; follow != NULL;
	     follow = follow->hub_next) {
		if (follow->cursor < oldest)
			oldest = follow->cursor;
	}
	return oldest;
}

/*
 * A cursor from beyond the database's seq (a restored backup, a made-up
 * header) has seen nothing that counts: start anew.
 */
static bool
reset_impossible(struct hub *hub, int64_t seq)
{
	bool reset = false;

	for (struct follow *follow = hub->follows; follow != NULL; follow = follow->hub_next) {
		if (follow->cursor > seq) {
			follow->cursor = 0;
			reset = true;
		}
	}
	return reset;
}

static void
deliver_to(struct follow *follow, const struct sbuf *texts, const struct delivery *list,
    size_t count, int64_t seq, bool gone)
{
	int64_t reached = follow->cursor;

	/* Its turn comes when it has read what it has: hubs are marked every few seconds. */
	if (stream_is_full(follow->stream))
		return;
	for (size_t i = 0; i < count; i++) {
		if (list[i].seq <= follow->cursor)
			continue;
		if (i + 1 == count || list[i + 1].seq > list[i].seq)
			reached = list[i].seq;
		stream_put_event(
		    follow->stream, texts->data + list[i].start, list[i].length, follow, reached);
	}
	if (seq > follow->cursor)
		follow->cursor = seq;
	follow->removed = gone;
}

/* Change "seq" is the next for all, or has been seen. */
static bool
is_next(const struct hub *hub, int64_t seq)
{
	return hub->follows == NULL || oldest_cursor(hub) >= seq - 1;
}

void
hubs_tell(struct hubs *hubs, const struct page_change *change)
{
	struct hub *hub = find_hub(hubs, change->row.installation_id);
	struct delivery one = {.seq = change->row.seq};
	struct sbuf text = {0};

	if (hub == NULL || hub->marked)
		return;
	events_format_change(&text, change);
	one.length = text.length;
	if (sbuf_failed(&text) || !is_next(hub, one.seq))
		mark(hub);
	else
		for (struct follow *f = hub->follows; f != NULL; f = f->hub_next)
			deliver_to(f, &text, &one, 1, one.seq, false);
	sbuf_clear(&text);
}

/* The rows [first, end) are one installation's, ordered by seq, one of them the mark. */
static enum sw_err
deliver(struct hub *hub, const struct page_changes *changes, int first, int end, bool *removed)
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
			gone = change.row.state != NULL && strcmp(change.row.state, "removed") == 0;
			continue;
		}
		list[count] = (struct delivery){.seq = change.row.seq, .start = texts.length};
		events_format_change(&texts, &change);
		list[count].length = texts.length - list[count].start;
		count++;
	}
	*removed = *removed || gone;
	FAILPOINT("events.delivering");
	if (!sbuf_failed(&texts)) {
		if (reset_impossible(hub, seq))
			mark(hub);
		else
			for (struct follow *f = hub->follows; f != NULL; f = f->hub_next)
				deliver_to(f, &texts, list, count, seq, gone);
	}
	free(list);
	sbuf_clear(&texts);
	return SW_OK;
}

/* Give the rows of one answer to their hubs; installations without a row are not in the database.
 */
static enum sw_err
deliver_all(struct hubs *hubs, const struct page_changes *changes, bool *removed)
{
	enum sw_err err = SW_OK;
	int first = 0;

	while (err == SW_OK && first < changes->count) {
		struct page_change change;
		struct hub *hub;
		int end;

		page_changes_get(changes, first, &change);
		hub = find_hub(hubs, change.row.installation_id);
		for (end = first + 1; end < changes->count; end++) {
			struct page_change other;

			page_changes_get(changes, end, &other);
			if (strcmp(other.row.installation_id, change.row.installation_id) != 0)
				break;
		}
		if (hub != NULL)
			err = deliver(hub, changes, first, end, removed);
		first = end;
	}
	return err;
}

/* Take marked hubs off the list, at most PAGE_CHANGES_MAX; those without followers go. */
static size_t
take_marked(struct hubs *hubs, struct hub **taken)
{
	size_t count = 0;

	while (hubs->marked != NULL && count < PAGE_CHANGES_MAX) {
		struct hub *hub = hubs->marked;

		hubs->marked = hub->marked_next;
		hub->marked = false;
		if (hub->follows == NULL)
			free_hub(hub);
		else
			taken[count++] = hub;
	}
	return count;
}

enum sw_err
hubs_refresh(struct hubs *hubs, struct db *db, bool *removed)
{
	struct hub *taken[PAGE_CHANGES_MAX];
	const char *ids[PAGE_CHANGES_MAX];
	int64_t cursors[PAGE_CHANGES_MAX];
	struct page_changes changes = {0};
	enum sw_err err = SW_OK;
	size_t count;

	while (err == SW_OK && (count = take_marked(hubs, taken)) > 0) {
		for (size_t i = 0; i < count; i++) {
			ids[i] = taken[i]->id;
			cursors[i] = oldest_cursor(taken[i]);
		}
		err = store_page_changes(db, ids, cursors, count, &changes);
		if (err == SW_OK)
			err = deliver_all(hubs, &changes, removed);
		for (size_t i = 0; err != SW_OK && i < count; i++)
			mark(taken[i]);
		page_changes_free(&changes);
	}
	return err;
}
