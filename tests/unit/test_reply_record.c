/*
 * reply_record.h: what a web server finds on the other end of the connection.
 */
#include "unit.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/reply_record.h"

#define REQUEST_ID 0x0102
#define LONG_BODY ((size_t)1200000) /* more than one write of eight records */

/* What was read of a reply. */
struct reply {
	char *content;
	size_t length;
	size_t largest; /* record */
	bool ended;
};

static void
read_all(int fd, void *data, size_t length)
{
	while (length > 0) {
		ssize_t got = read(fd, data, length);

		assert_true(got > 0);
		data = (char *)data + got;
		length -= (size_t)got;
	}
}

/* Records up to END_REQUEST; each must be of our request. */
static void
read_reply(int fd, struct reply *out)
{
	bool stdout_ended = false;

	*out = (struct reply){.content = malloc(2 * LONG_BODY)};
	while (!out->ended) {
		uint8_t header[8];
		size_t length;

		read_all(fd, header, sizeof(header));
		length = (size_t)header[4] << 8 | header[5];
		assert_int_equal(header[0], 1);
		assert_int_equal(header[2] << 8 | header[3], REQUEST_ID);
		assert_int_equal(header[6], 0);
		assert_true(out->length + length <= 2 * LONG_BODY);
		read_all(fd, out->content + out->length, length);
		if (header[1] == 3) {
			static const uint8_t success[8];

			assert_true(stdout_ended);
			assert_int_equal(length, sizeof(success));
			assert_memory_equal(out->content + out->length, success, length);
			out->ended = true;
			continue;
		}
		assert_int_equal(header[1], 6);
		assert_false(stdout_ended);
		stdout_ended = length == 0;
		out->length += length;
		out->largest = length > out->largest ? length : out->largest;
	}
}

/* Send from a child, so that a full socket does not stop the test. */
static void
exchange(struct reply_part head, struct reply_part body, struct reply *out)
{
	int pair[2];
	int status;
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	child = fork();
	if (child == 0)
		_exit(reply_record_send(pair[1], REQUEST_ID, head, body) ? 0 : 1);
	close(pair[1]);
	read_reply(pair[0], out);
	assert_int_equal(read(pair[0], &status, 1), 0);
	close(pair[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
head_and_body_share_a_record(void **state)
{
	struct reply reply;

	(void)state;
	exchange((struct reply_part){"head", 4}, (struct reply_part){"body\0x", 6}, &reply);
	assert_int_equal(reply.length, 10);
	assert_int_equal(reply.largest, 10);
	assert_memory_equal(reply.content, "headbody\0x", 10);
	free(reply.content);
}

static void
a_reply_may_have_no_body(void **state)
{
	struct reply reply;

	(void)state;
	exchange((struct reply_part){"head", 4}, (struct reply_part){NULL, 0}, &reply);
	assert_int_equal(reply.length, 4);
	free(reply.content);
}

static void
a_long_body_comes_whole(void **state)
{
	char *body = malloc(LONG_BODY);
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < LONG_BODY; i++)
		body[i] = (char)(i * 31 >> 7);
	exchange((struct reply_part){"head", 4}, (struct reply_part){body, LONG_BODY}, &reply);
	assert_int_equal(reply.length, LONG_BODY + 4);
	assert_int_equal(reply.largest, 65535);
	assert_memory_equal(reply.content, "head", 4);
	assert_memory_equal(reply.content + 4, body, LONG_BODY);
	free(reply.content);
	free(body);
}

static void
a_peer_that_left_is_reported(void **state)
{
	int pair[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[0]);
	assert_false(reply_record_send(
	    pair[1], 1, (struct reply_part){"head", 4}, (struct reply_part){NULL, 0}));
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("head and body share a record", head_and_body_share_a_record),
	    SAYS("a reply may have no body", a_reply_may_have_no_body),
	    SAYS("a body of many records comes whole", a_long_body_comes_whole),
	    SAYS("a peer that left is reported", a_peer_that_left_is_reported),
	};

	return RUN_TESTS(tests);
}
