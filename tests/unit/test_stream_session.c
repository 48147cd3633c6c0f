/*
 * stream/session.h and session_index.h: whose sessions are read, and what becomes of their streams.
 * The database, the feeds and the streams are replaced by ones that record their calls.
 */
#include "unit.h"

#include <string.h>

#include "store/stream.h"
#include "stream/feed.h"
#include "stream/session.h"

#define PEOPLE 3
#define STREAMS_EACH 2
#define MANY (SESSION_REACH_MAX + 20)

static struct streams streams;
static struct stream open_streams[MANY];
static size_t ended[MANY];

/* The database: a session's first byte says whose it is. */
static bool is_signed_in[256];
static enum sw_err answer_err;
static size_t queries, asked_count;
static const uint8_t (*asked)[SECRET_SHA256_BYTES];
static uint8_t asked_people[SESSION_REACH_MAX];

enum sw_err
store_session_reach(struct db *db, const uint8_t (*hashes)[SECRET_SHA256_BYTES], size_t count,
    struct session_reach *out)
{
	(void)db;
	*out = (struct session_reach){0};
	assert_in_range(count, 1, SESSION_REACH_MAX);
	queries++;
	asked = hashes;
	asked_count = count;
	for (size_t i = 0; i < count; i++)
		asked_people[i] = hashes[i][0];
	return answer_err;
}

int
session_reach_find(
    const struct session_reach *reach, const uint8_t hash[static SECRET_SHA256_BYTES], int *first)
{
	(void)reach;
	*first = 0;
	return is_signed_in[hash[0]] ? 1 : 0;
}

const char *
session_reach_installation(const struct session_reach *reach, int row)
{
	(void)reach, (void)row;
	return "inst-1";
}

void
session_reach_free(struct session_reach *reach)
{
	(void)reach;
}

enum sw_err
store_session_seen(struct db *db, const uint8_t (*hashes)[SECRET_SHA256_BYTES], size_t count)
{
	(void)db, (void)hashes, (void)count;
	return SW_OK;
}

enum sw_err
feed_subscribe(
    struct feeds *feeds, struct stream *stream, const char *installation_id, int64_t cursor)
{
	(void)feeds, (void)stream, (void)installation_id, (void)cursor;
	return SW_OK;
}

void
feed_unsubscribe(struct subscriber *subscriber)
{
	(void)subscriber;
}

void
stream_put_event(struct stream *stream, const char *text, size_t length,
    const struct subscriber *subscriber, int64_t seq)
{
	(void)stream, (void)text, (void)length, (void)subscriber, (void)seq;
}

bool
stream_is_open(const struct stream *stream)
{
	(void)stream;
	return true;
}

void
stream_end(struct stream *stream)
{
	ended[stream - open_streams]++;
}

/* "count" streams, whose people take turns; all are signed in. */
static void
begin(size_t count)
{
	memset(&streams, 0, sizeof(streams));
	memset(open_streams, 0, sizeof(open_streams));
	memset(ended, 0, sizeof(ended));
	memset(is_signed_in, 1, sizeof(is_signed_in));
	queries = asked_count = 0;
	answer_err = SW_OK;
	for (size_t i = 0; i < count; i++) {
		struct stream *stream = &open_streams[i];

		stream->streams = &streams;
		stream->entry.stream = stream;
		stream->entry.user_id = 1 + (int64_t)(i % PEOPLE);
		memset(stream->session, (int)stream->entry.user_id, sizeof(stream->session));
		stream->session[1] = (uint8_t)i;
		session_index_add(&streams.index, &stream->entry);
	}
}

static void
check(void)
{
	queries = asked_count = 0;
	assert_int_equal(sessions_check(&streams, NULL, NULL), SW_OK);
}

static void
only_the_person_who_signed_out_is_read(void **state)
{
	(void)state;
	begin(PEOPLE * STREAMS_EACH);
	is_signed_in[2] = false;
	session_index_mark_user(&streams.index, 2);
	check();
	assert_int_equal(queries, 1);
	assert_int_equal(asked_count, STREAMS_EACH);
	for (size_t i = 0; i < asked_count; i++)
		assert_int_equal(asked_people[i], 2);
	for (size_t i = 0; i < PEOPLE * STREAMS_EACH; i++)
		assert_int_equal(ended[i], open_streams[i].entry.user_id == 2 ? 1 : 0);
	check();
	assert_int_equal(queries, 0);
}

static void
people_in_one_bucket_are_told_apart(void **state)
{
	(void)state;
	begin(PEOPLE);
	for (size_t i = 0; i < PEOPLE; i++) {
		session_index_remove(&streams.index, &open_streams[i].entry);
		open_streams[i].entry.user_id = 5 + (int64_t)i * SESSION_INDEX_BUCKETS;
		session_index_add(&streams.index, &open_streams[i].entry);
	}
	session_index_mark_user(&streams.index, 5 + SESSION_INDEX_BUCKETS);
	check();
	assert_int_equal(asked_count, 1);
	assert_memory_equal(asked[0], open_streams[1].session, SECRET_SHA256_BYTES);
}

static void
nobody_marked_is_nobody_read(void **state)
{
	(void)state;
	begin(PEOPLE);
	check();
	session_index_mark_user(&streams.index, 99);
	check();
	assert_int_equal(queries, 0);
}

static void
a_stream_is_read_once_however_often_marked(void **state)
{
	(void)state;
	begin(PEOPLE);
	session_index_mark(&streams.index, &open_streams[0].entry);
	session_index_mark_user(&streams.index, 1);
	session_index_mark(&streams.index, &open_streams[0].entry);
	check();
	assert_int_equal(asked_count, 1);
}

static void
all_are_read_in_several_queries(void **state)
{
	(void)state;
	begin(MANY);
	session_index_mark_all(&streams.index);
	check();
	assert_int_equal(queries, 2);
	assert_int_equal(asked_count, MANY - SESSION_REACH_MAX);
}

static void
what_could_not_be_read_is_read_again(void **state)
{
	(void)state;
	begin(PEOPLE * STREAMS_EACH);
	is_signed_in[1] = false;
	session_index_mark_user(&streams.index, 1);
	answer_err = SW_EUNAVAILABLE;
	assert_int_equal(sessions_check(&streams, NULL, NULL), SW_EUNAVAILABLE);
	assert_int_equal(ended[0], 0);
	answer_err = SW_OK;
	check();
	assert_int_equal(asked_count, STREAMS_EACH);
	assert_int_equal(ended[0], 1);
}

static void
a_closed_stream_is_forgotten(void **state)
{
	(void)state;
	begin(PEOPLE * STREAMS_EACH);
	session_index_mark_all(&streams.index);
	for (size_t i = 0; i < PEOPLE * STREAMS_EACH; i += 2)
		session_index_remove(&streams.index, &open_streams[i].entry);
	check();
	assert_int_equal(asked_count, PEOPLE * STREAMS_EACH / 2);
	for (size_t i = 1; i < PEOPLE * STREAMS_EACH; i += 2)
		session_index_remove(&streams.index, &open_streams[i].entry);
	session_index_mark_all(&streams.index);
	check();
	assert_int_equal(queries, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("of a person who signed out alone the sessions are read, and end",
		only_the_person_who_signed_out_is_read),
	    SAYS("people in one bucket are told apart", people_in_one_bucket_are_told_apart),
	    SAYS("when nobody is marked nothing is read", nobody_marked_is_nobody_read),
	    SAYS("a stream is read once, however often it is marked",
		a_stream_is_read_once_however_often_marked),
	    SAYS("all streams are read in several queries", all_are_read_in_several_queries),
	    SAYS("what could not be read is read again", what_could_not_be_read_is_read_again),
	    SAYS("a closed stream is forgotten", a_closed_stream_is_forgotten),
	};

	return RUN_TESTS(tests);
}
