/* Sessions of open streams, looked at again and again. */
#include "stream/session.h"

#include <string.h>

#include "stream/format.h"
#include "store/stream.h"

#define SEE_MS 600000

static struct follow *
find_follow(struct stream *stream, const char *installation_id)
{
	for (struct follow *follow = stream->follows; follow != NULL; follow = follow->next) {
		if (strcmp(follow->installation_id, installation_id) == 0)
			return follow;
	}
	return NULL;
}

/* Take in what is new; what stays is marked as kept. */
static enum sw_err
follow_reach(struct hubs *hubs, struct stream *stream, const struct session_reach *reach, int first,
    int count)
{
	for (int i = first; i < first + count; i++) {
		const char *id = session_reach_installation(reach, i);
		struct follow *follow = find_follow(stream, id);
		enum sw_err err;

		if (follow != NULL) {
			follow->kept = true;
			continue;
		}
		err = hub_follow(hubs, stream, id, 0);
		if (err != SW_OK)
			return err;
	}
	return SW_OK;
}

/* Let go of what the session may not see any more, and tell the browser. */
static void
drop_rest(struct stream *stream)
{
	struct follow *next;

	for (struct follow *follow = stream->follows; follow != NULL; follow = next) {
		struct sbuf text = {0};

		next = follow->next;
		if (follow->kept)
			continue;
		if (!follow->removed)
			events_format_removed(&text, follow->installation_id);
		hub_unfollow(follow);
		if (text.length > 0)
			stream_put_event(stream, sbuf_text(&text), text.length, NULL, 0);
		sbuf_clear(&text);
	}
}

static enum sw_err
check_stream(struct hubs *hubs, struct stream *stream, const struct session_reach *reach)
{
	int first, count = session_reach_find(reach, stream->session, &first);
	enum sw_err err;

	if (count == 0) {
		stream_end(stream);
		return SW_OK;
	}
	for (struct follow *follow = stream->follows; follow != NULL; follow = follow->next)
		follow->kept = false;
	err = follow_reach(hubs, stream, reach, first, count);
	if (err == SW_OK)
		drop_rest(stream);
	return err;
}

enum sw_err
events_check_sessions(struct streams *streams, struct hubs *hubs, struct db *db)
{
	static uint8_t hashes[SESSION_REACH_MAX][SECRET_SHA256_BYTES];
	struct stream *stream = streams->first;
	enum sw_err err = SW_OK;

	while (err == SW_OK && stream != NULL) {
		struct stream *begin = stream;
		struct session_reach reach;
		size_t count = 0;

		for (; stream != NULL && count < SESSION_REACH_MAX; stream = stream->next)
			memcpy(hashes[count++], stream->session, SECRET_SHA256_BYTES);
		err = store_session_reach(
		    db, (const uint8_t(*)[SECRET_SHA256_BYTES])hashes, count, &reach);
		for (; err == SW_OK && begin != stream; begin = begin->next) {
			if (!begin->closing && !begin->broken)
				err = check_stream(hubs, begin, &reach);
		}
		session_reach_free(&reach);
	}
	return err;
}

enum sw_err
events_see_sessions(struct streams *streams, struct db *db, int64_t now_ms)
{
	static uint8_t hashes[SESSION_REACH_MAX][SECRET_SHA256_BYTES];
	enum sw_err err = SW_OK;
	size_t count = 0;

	for (struct stream *s = streams->first; s != NULL && err == SW_OK; s = s->next) {
		if (now_ms >= s->see_ms) {
			s->see_ms = now_ms + SEE_MS;
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
