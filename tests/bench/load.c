/*
 * Load over HTTP/1.1: sends ready-made requests over kept-alive connections
 * and prints one line of JSON about them; all times are microseconds.
 *
 *   load PORT CONNECTIONS SECONDS RATE FILE [again]
 *
 * FILE holds requests, each after its length in 4 bytes (this machine's
 * order); without "again" its end is the end.  RATE 0 sends the next request
 * of a connection when its answer has come; otherwise that many a second are
 * due in all, and a request that has to wait for a connection is late: its
 * time counts from the moment it was due.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

#define CONNECTIONS_MAX 1024
#define HEAD_MAX 16384
#define READ_MAX 65536
#define ANSWER_US 30000000

struct connection {
	bool busy;
	int64_t since_us;
	int64_t first_us; /* when the first byte of the answer came */
	char head[HEAD_MAX + 1];
	size_t head_length;
	bool in_body;
	bool closes;
	long long body_left;
	int status;
};

static struct connection connections[CONNECTIONS_MAX];
static struct pollfd sockets[CONNECTIONS_MAX];
static size_t connection_count;
static in_port_t port;

static const char *requests, *next_request, *requests_end;
static bool again;

static uint32_t *times, *first_times;
static size_t time_count, time_room;
static size_t good, bad, broken;
static int first_bad;

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
read_requests(const char *path)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &about) != 0 || about.st_size <= 4)
		die(path);
	requests = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (requests == MAP_FAILED)
		die(path);
	close(fd);
	next_request = requests;
	requests_end = requests + about.st_size;
}

/* The next request and its length; NULL when there is none left. */
static const char *
take_request(uint32_t *length)
{
	const char *request;

	if (next_request == requests_end && again)
		next_request = requests;
	if (next_request == requests_end)
		return NULL;
	memcpy(length, next_request, sizeof(*length));
	request = next_request + sizeof(*length);
	next_request = request + *length;
	return request;
}

static void
reconnect(size_t i)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = port};
	int on = 1;
	int fd;

	if (sockets[i].fd >= 0)
		close(sockets[i].fd);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	memset(&connections[i], 0, sizeof(connections[i]));
	sockets[i] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Requests are far smaller than a socket's buffer: one write takes them whole. */
static bool
start_request(size_t i, int64_t since_us)
{
	struct connection *connection = &connections[i];
	uint32_t length;
	const char *request = take_request(&length);

	if (request == NULL)
		return false;
	connection->busy = true;
	connection->since_us = since_us;
	connection->first_us = 0;
	connection->head_length = 0;
	connection->in_body = false;
	if (send(sockets[i].fd, request, length, MSG_NOSIGNAL) == (ssize_t)length)
		return true;
	/* The server closed the connection between two requests: use a new one. */
	reconnect(i);
	connection->busy = true;
	connection->since_us = since_us;
	if (send(sockets[i].fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		die("send");
	return true;
}

static uint32_t *
grow(uint32_t *list)
{
	list = realloc(list, time_room * sizeof(*list));
	if (list == NULL)
		die("memory");
	return list;
}

static void
note_times(int64_t us, int64_t first_us)
{
	if (time_count == time_room) {
		time_room = time_room == 0 ? 65536 : time_room * 2;
		times = grow(times);
		first_times = grow(first_times);
	}
	times[time_count] = (uint32_t)us;
	first_times[time_count++] = (uint32_t)first_us;
}

static void
end_request(size_t i)
{
	struct connection *connection = &connections[i];

	note_times(now_us() - connection->since_us, connection->first_us - connection->since_us);
	if (connection->status == 200) {
		good++;
	} else if (bad++ == 0) {
		first_bad = connection->status;
	}
	connection->busy = false;
	if (connection->closes)
		reconnect(i);
}

/* Read status and length from a complete head; nginx sends a length with each of these answers. */
static void
read_head(struct connection *connection)
{
	const char *line = connection->head;

	connection->status = atoi(connection->head + strlen("HTTP/1.1 "));
	connection->closes = false;
	connection->body_left = -1;
	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, "Content-Length:", 15) == 0)
			connection->body_left = atoll(line + 15);
		else if (strncasecmp(line, "Connection: close", 17) == 0)
			connection->closes = true;
	}
	if (connection->body_left < 0) {
		fprintf(stderr, "load: an answer without a length: %s\n", connection->head);
		exit(1);
	}
	connection->in_body = true;
}

static void
take_bytes(size_t i, const char *bytes, size_t length)
{
	struct connection *connection = &connections[i];
	size_t kept = HEAD_MAX - connection->head_length;
	size_t before = connection->head_length;
	char *end;

	if (connection->in_body) {
		connection->body_left -= (long long)length;
	} else {
		if (kept > length)
			kept = length;
		memcpy(connection->head + before, bytes, kept);
		connection->head_length += kept;
		connection->head[connection->head_length] = '\0';
		end = strstr(connection->head, "\r\n\r\n");
		if (end == NULL)
			return;
		end[2] = '\0';
		read_head(connection);
		connection->body_left -=
		    (long long)(length - ((size_t)(end + 4 - connection->head) - before));
	}
	if (connection->body_left <= 0)
		end_request(i);
}

static void
read_answer(size_t i)
{
	static char bytes[READ_MAX];
	ssize_t got = recv(sockets[i].fd, bytes, sizeof(bytes), 0);

	if (got > 0 && connections[i].busy) {
		if (connections[i].first_us == 0)
			connections[i].first_us = now_us();
		take_bytes(i, bytes, (size_t)got);
		return;
	}
	if (connections[i].busy)
		broken++;
	reconnect(i);
}

/* Wait for answers until "until_us", or for one read of them. */
static void
wait_for_answers(int64_t until_us)
{
	int64_t left_us = until_us - now_us();
	struct timespec timeout = {0};
	int ready;

	if (left_us > 0) {
		timeout.tv_sec = left_us / 1000000;
		timeout.tv_nsec = left_us % 1000000 * 1000;
	}
	ready = ppoll(sockets, connection_count, &timeout, NULL);
	if (ready < 0 && errno != EINTR)
		die("poll");
	for (size_t i = 0; i < connection_count && ready > 0; i++) {
		if (sockets[i].revents == 0)
			continue;
		ready--;
		read_answer(i);
	}
}

static void
run_closed(int64_t end_us)
{
	bool more = true;

	while (more && now_us() < end_us) {
		for (size_t i = 0; i < connection_count && more; i++) {
			if (!connections[i].busy)
				more = start_request(i, now_us());
		}
		if (more)
			wait_for_answers(end_us);
	}
}

static void
run_paced(int64_t start_us, int64_t end_us, double rate)
{
	size_t sent = 0;
	size_t at = 0; /* the connection that sent last */
	bool more = true;

	while (more && now_us() < end_us) {
		int64_t due_us = start_us + (int64_t)((double)sent * 1e6 / rate);

		for (size_t tries = 0; tries < connection_count && more && due_us <= now_us();
		     tries++) {
			at = (at + 1) % connection_count;
			if (connections[at].busy)
				continue;
			more = start_request(at, due_us);
			due_us = start_us + (int64_t)((double)++sent * 1e6 / rate);
			tries = 0;
		}
		wait_for_answers(due_us > now_us() ? due_us : now_us() + 1000);
	}
}

/* Wait for the answers to requests in flight; one that does not come in ANSWER_US is broken. */
static void
finish(void)
{
	int64_t end_us = now_us() + ANSWER_US;
	bool waiting = true;

	while (waiting && now_us() < end_us) {
		waiting = false;
		for (size_t i = 0; i < connection_count; i++)
			waiting = waiting || connections[i].busy;
		if (waiting)
			wait_for_answers(end_us);
	}
	for (size_t i = 0; i < connection_count; i++)
		broken += connections[i].busy ? 1 : 0;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y ? 1 : 0;
}

static unsigned
percentile(const uint32_t *list, double part)
{
	return time_count == 0 ? 0 : list[(size_t)(part * (double)(time_count - 1))];
}

static void
report(int64_t us)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	qsort(times, time_count, sizeof(*times), compare);
	qsort(first_times, time_count, sizeof(*first_times), compare);
	printf("{\"requests\":%zu,\"good\":%zu,\"bad\":%zu,\"firstBad\":%d,\"broken\":%zu,"
	       "\"seconds\":%.6f,\"rate\":%.1f,\"p50\":%u,\"p90\":%u,\"p99\":%u,\"max\":%u,"
	       "\"firstByte\":%u,"
	       "\"cpu\":%.6f,\"left\":%s}\n",
	    time_count, good, bad, first_bad, broken, (double)us / 1e6,
	    (double)time_count * 1e6 / (double)us, percentile(times, 0.5), percentile(times, 0.9),
	    percentile(times, 0.99), percentile(times, 1), percentile(first_times, 0.5),
	    (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
	    next_request == requests_end && !again ? "false" : "true");
}

int
main(int argc, char **argv)
{
	int64_t start_us, end_us;
	double rate;

	if (argc < 6) {
		fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS RATE FILE [again]\n");
		return 64;
	}
	port = htons((in_port_t)atoi(argv[1]));
	connection_count = (size_t)atoi(argv[2]);
	rate = atof(argv[4]);
	read_requests(argv[5]);
	again = argc > 6;
	if (connection_count < 1 || connection_count > CONNECTIONS_MAX)
		return 64;
	for (size_t i = 0; i < connection_count; i++) {
		sockets[i].fd = -1;
		reconnect(i);
	}
	start_us = now_us();
	end_us = start_us + (int64_t)(atof(argv[3]) * 1e6);
	if (rate > 0)
		run_paced(start_us, end_us, rate);
	else
		run_closed(end_us);
	finish();
	report(now_us() - start_us);
	return 0;
}
