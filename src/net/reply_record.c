/*
 * The records of a FastCGI reply.  What it hides: their layout, and writes that take a part.
 */
#include "net/reply_record.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#define HEADER_BYTES 8
#define FCGI_VERSION 1
#define END_REQUEST 3
#define STDOUT 6
#define CONTENT_MAX ((size_t)0xffff)
/* A longer reply goes out in several writes of as many records. */
#define RECORDS_MAX 8

struct record_header {
	uint8_t bytes[HEADER_BYTES];
};

static struct record_header
make_header(int type, int request_id, size_t length)
{
	return (struct record_header){{FCGI_VERSION, (uint8_t)type, (uint8_t)(request_id >> 8),
	    (uint8_t)request_id, (uint8_t)(length >> 8), (uint8_t)length}};
}

/* All of it; advances the vectors.  False when the connection broke. */
static bool
write_all(int fd, struct iovec *vectors, int count)
{
	while (count > 0) {
		ssize_t written = writev(fd, vectors, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		while (count > 0 && (size_t)written >= vectors->iov_len) {
			written -= (ssize_t)vectors->iov_len;
			vectors++;
			count--;
		}
		if (count > 0) {
			vectors->iov_base = (char *)vectors->iov_base + written;
			vectors->iov_len -= (size_t)written;
		}
	}
	return true;
}

/* Up to "most" bytes of a part as a vector; the part loses them. */
static size_t
take(struct reply_part *part, size_t most, struct iovec *vectors, int *count)
{
	size_t length = part->length < most ? part->length : most;

	if (length == 0)
		return 0;
	vectors[(*count)++] = (struct iovec){(void *)part->data, length};
	part->data += length;
	part->length -= length;
	return length;
}

bool
reply_record_send(int fd, int request_id, struct reply_part head, struct reply_part body)
{
	/* No bytes of STDOUT, which end it, and the body of END_REQUEST: all zero is success. */
	struct record_header end[] = {make_header(STDOUT, request_id, 0),
	    make_header(END_REQUEST, request_id, HEADER_BYTES), {{0}}};

	for (;;) {
		struct record_header headers[RECORDS_MAX];
		struct iovec vectors[RECORDS_MAX * 3 + 1];
		int count = 0;

		for (int i = 0; i < RECORDS_MAX && head.length + body.length > 0; i++) {
			struct iovec *header = &vectors[count++];
			size_t length = take(&head, CONTENT_MAX, vectors, &count);

			length += take(&body, CONTENT_MAX - length, vectors, &count);
			headers[i] = make_header(STDOUT, request_id, length);
			*header = (struct iovec){&headers[i], sizeof(headers[i])};
		}
		if (head.length + body.length == 0) {
			vectors[count++] = (struct iovec){end, sizeof(end)};
			return write_all(fd, vectors, count);
		}
		if (!write_all(fd, vectors, count))
			return false;
	}
}
