/*
 * Sessions of open streams: those that a wake-up names, and all of them again and again, as no
 * wake-up is sent for one that expires.
 */
#include "stream/session.h"

#include <string.h>

#include "base/log.h"
#include "base/sbuf.h"
#include "base/secret.h"
#include "store/stream.h"
#include "stream/format.h"

#define SEEN_INTERVAL_MS 600000

static struct subscriber *
find_subscriber(struct stream *stream, const char *installation_id)
{
	for (struct subscriber *s = stream->subscribers; s != NULL; s = s->next) {
		if (strcmp(s->installation_id, installation_id) == 0)
			return s;
	}
	return NULL;
}

/* Subscribe to what is new, and mark what the session may still see. */
static enum sw_err
subscribe_visible(struct feeds *feeds, struct stream *stream, const struct session_reach *reach,
    int first, int count)
{
	for (int i = first; i < first + count; i++) {
		const char *id = session_reach_installation(reach, i);
		struct subscriber *subscriber = find_subscriber(stream, id);
		enum sw_err err;

		if (subscriber != NULL) {
			subscriber->visible = true;
			continue;
		}
		err = feed_subscribe(feeds, stream, id, 0);
		if (err != SW_OK)
			return err;
	}
	return SW_OK;
}

/* An event "removed" for each, unless the feed has written one when the installation was removed.
 */
static void
unsubscribe_invisible(struct stream *stream)
{
	struct subscriber *next;

	for (struct subscriber *s = stream->subscribers; s != NULL; s = next) {
		struct sbuf text = {0};

		next = s->next;
		if (s->visible)
			continue;
		if (!s->removed)
			format_removed(&text, s->installation_id);
		feed_unsubscribe(s);
		if (text.length > 0)
			stream_put_event(stream, sbuf_text(&text), text.length, NULL, 0);
		sbuf_clear(&text);
	}
}

static enum sw_err
check_stream(struct feeds *feeds, struct stream *stream, const struct session_reach *reach)
{
	int first, count = session_reach_find(reach, stream->session, &first);
	enum sw_err err;

	if (count == 0) {
		stream_end(stream);
		return SW_OK;
	}
	for (struct subscriber *s = stream->subscribers; s != NULL; s = s->next)
		s->visible = false;
	err = subscribe_visible(feeds, stream, reach, first, count);
	if (err == SW_OK)
		unsubscribe_invisible(stream);
	return err;
}

/* Check some streams in one statement.  Those that it did not come to are unchecked again. */
static enum sw_err
check_some(struct stream *const *some, size_t count, struct feeds *feeds, struct db *db)
{
	static uint8_t hashes[SESSION_REACH_MAX][SECRET_SHA256_BYTES];
	struct session_reach reach;
	enum sw_err err;

	for (size_t i = 0; i < count; i++)
		memcpy(hashes[i], some[i]->session, SECRET_SHA256_BYTES);
	err = store_session_reach(db, (const uint8_t(*)[SECRET_SHA256_BYTES])hashes, count, &reach);
	for (size_t i = 0; i < count; i++) {
		if (err == SW_OK && stream_is_open(some[i]))
			err = check_stream(feeds, some[i], &reach);
		if (err != SW_OK)
			session_index_mark(&some[i]->streams->index, &some[i]->entry);
	}
	session_reach_free(&reach);
	return err;
}

enum sw_err
sessions_check(struct streams *streams, struct feeds *feeds, struct db *db)
{
	struct stream *some[SESSION_REACH_MAX];
	enum sw_err err = SW_OK;
	size_t count;

	while (err == SW_OK &&
	       (count = session_index_take(&streams->index, some, SESSION_REACH_MAX)) > 0) {
		err = check_some(some, count, feeds, db);
		log_event(LOG_DEBUG, "stream.check", "streams", log_int((long long)count), "err",
		    err == SW_OK ? NULL : err_name(err), (const char *)NULL);
	}
	return err;
}

enum sw_err
sessions_mark_seen(struct streams *streams, struct db *db, int64_t now_ms)
{
	static uint8_t hashes[SESSION_REACH_MAX][SECRET_SHA256_BYTES];
	enum sw_err err = SW_OK;
	size_t count = 0;

	for (struct stream *s = streams->first; s != NULL && err == SW_OK; s = s->next) {
		if (now_ms >= s->seen_ms) {
			s->seen_ms = now_ms + SEEN_INTERVAL_MS;
			memcpy(hashes[count++], s->session, SECRET_SHA256_BYTES);
		}
		if (count == SESSION_REACH_MAX || (count > 0 && s->next == NULL)) {
			err = store_session_seen(
			    db, (const uint8_t(*)[SECRET_SHA256_BYTES])hashes, count);
			count = 0;
		}
	}
	return err;
}
