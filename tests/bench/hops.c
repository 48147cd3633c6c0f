/*
 * How long a change takes from the webhook to a browser's stream, and
 * each of the steps that it needs at least, one sample of each in turn:
 *
 *   event    webhook sent -> event of the stream received
 *   request  the same web server in front of an empty program
 *   commit   one row inserted, on disk
 *   notify   NOTIFY of one connection -> received by another
 *   write    a small write over loopback TCP -> readable
 *   select   one row by its key (for the page; not part of the sum)
 *
 *   hops PORT TWIN_PORT WEBHOOKS STREAMS SAMPLES GAP_MS
 *   hops select SAMPLES
 *
 * WEBHOOKS and STREAMS are files of requests as load.c reads them.  All
 * streams are opened; the first is the one whose events are timed, and all
 * webhooks must be for its installation.  BENCH_DATABASE_URL names the owner's database
 * with tables bench_commit (n bigint) and bench_row (n bigint), a 1 in it.  Prints JSON, times in
 * microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "clock.h"

#define TIMEOUT_MS 10000
#define BUFFER 65536
#define SWITCH_EVENT "event: switch\n"

enum hop {
	HOP_EVENT,
	HOP_REQUEST,
	HOP_COMMIT,
	HOP_NOTIFY,
	HOP_WRITE,
	HOP_SELECT,
	HOP_SUM,
	HOP__MAX
};

static const char *const hop_names[HOP__MAX] = {
    [HOP_EVENT] = "event",
    [HOP_REQUEST] = "request",
    [HOP_COMMIT] = "commit",
    [HOP_NOTIFY] = "notify",
    [HOP_WRITE] = "write",
    [HOP_SELECT] = "select",
    [HOP_SUM] = "sum",
};

/* A file of requests, each after its length. */
struct requests {
	char *bytes;
	size_t length, at;
};

static int64_t *times[HOP__MAX];
static PGconn *one, *other;

static void
die(const char *what)
{
	fprintf(stderr, "hops: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
read_requests(const char *path, struct requests *out)
{
	FILE *file = fopen(path, "re");
	long length = 0;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) <= 0)
		die(path);
	rewind(file);
	out->bytes = malloc((size_t)length);
	out->length = (size_t)length;
	out->at = 0;
	if (out->bytes == NULL || fread(out->bytes, 1, out->length, file) != out->length)
		die(path);
	fclose(file);
}

static const char *
take_request(struct requests *requests, uint32_t *length)
{
	const char *request;

	if (requests->at >= requests->length)
		return NULL;
	memcpy(length, requests->bytes + requests->at, sizeof(*length));
	request = requests->bytes + requests->at + sizeof(*length);
	requests->at += sizeof(*length) + *length;
	return request;
}

static int
connect_to(in_port_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
send_all(int fd, const char *bytes, size_t length)
{
	if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
		die("send");
}

/* Read until "text" was received. */
static void
expect(int fd, const char *text, char *buffer)
{
	size_t length = 0;

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&wait, 1, TIMEOUT_MS) != 1)
			die(text);
		got = recv(fd, buffer + length, BUFFER - 1 - length, 0);
		if (got <= 0)
			die("closed");
		length += (size_t)got;
		buffer[length] = '\0';
		if (strstr(buffer, text) != NULL)
			return;
		if (length > BUFFER / 2)
			length = 0;
	}
}

/* Discard everything that was received so far. */
static void
drain(int fd)
{
	char bytes[BUFFER];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

static PGconn *
open_database(void)
{
	PGconn *conn = PQconnectdb(getenv("BENCH_DATABASE_URL"));

	if (PQstatus(conn) != CONNECTION_OK) {
		fprintf(stderr, "hops: %s", PQerrorMessage(conn));
		exit(1);
	}
	return conn;
}

static void
run_sql(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		fprintf(stderr, "hops: %s", PQerrorMessage(conn));
		exit(1);
	}
	PQclear(result);
}

static void
run_prepared(PGconn *conn, const char *name)
{
	PGresult *result = PQexecPrepared(conn, name, 0, NULL, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		fprintf(stderr, "hops: %s: %s", name, PQerrorMessage(conn));
		exit(1);
	}
	PQclear(result);
}

static int64_t
time_notify(void)
{
	int64_t from = now_us();
	PGnotify *notice = NULL;

	run_sql(one, "NOTIFY bench_hop");
	while (notice == NULL) {
		struct pollfd wait = {.fd = PQsocket(other), .events = POLLIN};

		notice = PQnotifies(other);
		if (notice == NULL &&
		    (poll(&wait, 1, TIMEOUT_MS) != 1 || PQconsumeInput(other) == 0))
			die("notify");
	}
	PQfreemem(notice);
	return now_us() - from;
}

static int64_t
time_statement(const char *name)
{
	int64_t from = now_us();

	run_prepared(one, name);
	return now_us() - from;
}

/* Both ends of one loopback connection. */
static void
make_pair(int ends[static 2])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		die("listen");
	ends[0] = connect_to(ntohs(address.sin_port));
	ends[1] = accept(listener, NULL, NULL);
	if (ends[1] < 0)
		die("accept");
	close(listener);
}

static int64_t
time_write(const int ends[static 2], char *buffer)
{
	int64_t from = now_us();

	send_all(ends[0], SWITCH_EVENT, strlen(SWITCH_EVENT));
	expect(ends[1], SWITCH_EVENT, buffer);
	return now_us() - from;
}

static int64_t
time_request(in_port_t port, const char *request, size_t length, char *buffer)
{
	int fd = connect_to(port);
	int64_t from = now_us();

	send_all(fd, request, length);
	expect(fd, "\r\n\r\n", buffer);
	from = now_us() - from;
	close(fd);
	return from;
}

/* Webhook sent -> event received; the webhook's own answer is awaited after that. */
static int64_t
time_event(in_port_t port, int stream, const char *request, size_t length, char *buffer)
{
	int fd = connect_to(port);
	int64_t from;

	drain(stream);
	from = now_us();
	send_all(fd, request, length);
	expect(stream, SWITCH_EVENT, buffer);
	from = now_us() - from;
	expect(fd, "200 OK", buffer);
	close(fd);
	return from;
}

/* The first is not in the set: it is read by time_event(). */
static int
open_streams(in_port_t port, struct requests *streams, int *first)
{
	int set = epoll_create1(EPOLL_CLOEXEC);
	char buffer[BUFFER];
	const char *request;
	uint32_t length;

	*first = -1;
	while ((request = take_request(streams, &length)) != NULL) {
		struct epoll_event event = {.events = EPOLLIN};
		int fd = connect_to(port);

		send_all(fd, request, length);
		expect(fd, "200 OK", buffer);
		event.data.fd = fd;
		if (*first < 0)
			*first = fd;
		else if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) != 0)
			die("epoll");
	}
	return set;
}

/* Read from the other streams for "ms"; returns how many were closed. */
static int
read_streams(int set, int ms)
{
	int64_t end_us = now_us() + (int64_t)ms * 1000;
	struct epoll_event ready[64];
	char bytes[BUFFER];
	int closed = 0;
	int count;

	do {
		count = epoll_wait(set, ready, 64, 1);
		for (int i = 0; i < count; i++) {
			if (recv(ready[i].data.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
				continue;
			closed++;
			close(ready[i].data.fd);
		}
	} while (now_us() < end_us);
	return closed;
}

static void
open_databases(void)
{
	one = open_database();
	other = open_database();
	run_sql(one, "SET search_path = switchboard");
	run_sql(one, "PREPARE bench_commit AS INSERT INTO bench_commit VALUES (1)");
	run_sql(one, "PREPARE bench_select AS SELECT n FROM bench_row WHERE n = 1");
	run_sql(other, "LISTEN bench_hop");
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y ? 1 : 0;
}

static void
report(size_t samples, int closed)
{
	for (int hop = 0; hop < HOP__MAX; hop++) {
		qsort(times[hop], samples, sizeof(*times[hop]), compare);
		printf("%s\"%s\":{\"p50\":%lld,\"p99\":%lld}", hop == 0 ? "{" : ",", hop_names[hop],
		    (long long)times[hop][samples / 2],
		    (long long)times[hop][(samples - 1) * 99 / 100]);
	}
	printf(",\"closed\":%d}\n", closed);
}

static void
sample(in_port_t port, in_port_t twin, int stream, struct requests *webhooks, size_t i)
{
	static char buffer[BUFFER];
	static int pair[2] = {-1, -1};
	uint32_t length;
	const char *request = take_request(webhooks, &length);

	if (request == NULL)
		die("too few webhooks");
	if (pair[0] < 0)
		make_pair(pair);
	times[HOP_EVENT][i] = time_event(port, stream, request, length, buffer);
	times[HOP_REQUEST][i] = time_request(twin, request, length, buffer);
	times[HOP_COMMIT][i] = time_statement("bench_commit");
	times[HOP_NOTIFY][i] = time_notify();
	times[HOP_WRITE][i] = time_write(pair, buffer);
	times[HOP_SELECT][i] = time_statement("bench_select");
	times[HOP_SUM][i] = times[HOP_REQUEST][i] + times[HOP_COMMIT][i] + times[HOP_NOTIFY][i] +
			    times[HOP_WRITE][i];
}

static void
make_times(size_t samples)
{
	for (int hop = 0; hop < HOP__MAX; hop++) {
		times[hop] = calloc(samples, sizeof(*times[hop]));
		if (times[hop] == NULL)
			die("memory");
	}
}

static void
measure_select(size_t samples)
{
	make_times(samples);
	open_databases();
	for (size_t i = 0; i < samples; i++)
		times[HOP_SELECT][i] = time_statement("bench_select");
	report(samples, 0);
}

int
main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
	struct requests webhooks, streams;
	in_port_t port, twin;
	size_t samples;
	int set, stream, gap_ms;
	int closed = 0;

	if (argc == 3 && atoi(argv[2]) > 0) {
		measure_select((size_t)atoi(argv[2]));
		return 0;
	}
	if (argc != 7) {
		fprintf(stderr, "usage: hops PORT TWIN_PORT WEBHOOKS STREAMS SAMPLES GAP_MS\n");
		return 64;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files);
	port = (in_port_t)atoi(argv[1]);
	twin = (in_port_t)atoi(argv[2]);
	read_requests(argv[3], &webhooks);
	read_requests(argv[4], &streams);
	samples = (size_t)atoi(argv[5]);
	gap_ms = atoi(argv[6]);
	if (samples == 0)
		return 64;
	make_times(samples);
	open_databases();
	set = open_streams(port, &streams, &stream);
	fprintf(stderr, "open\n"); /* events.mjs measures memory then */
	closed += read_streams(set, 1000);
	for (size_t i = 0; i < samples; i++) {
		sample(port, twin, stream, &webhooks, i);
		closed += read_streams(set, gap_ms);
	}
	report(samples, closed);
	return 0;
}
