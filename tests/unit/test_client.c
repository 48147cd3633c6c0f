/*
 * client.h against a scripted HTTP peer: each connection to it is handed, in
 * order, the next script, so that it can be slow, huge, cut or plain wrong.
 */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/client.h"
#include "net/client_pool.h"
#include "base/clock.h"

/* As many as the pool opens connections to one host. */
#define TOGETHER 8

/*
 * The peer: one thread for each connection.  The path of a request says how it is answered.
 */
struct peer {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int listener;
	int port;
	int connections;
	int used;   /* of them, by a request at least */
	int closed; /* of them, by the peer */
	int dead;   /* those up to this one answer nothing and stay open */
	int requests;
	char last[8192]; /* the last request as it came */
	size_t last_length;
};
static struct peer peer = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int
peer_count(const int *counter)
{
	int value;

	pthread_mutex_lock(&peer.lock);
	value = *counter;
	pthread_mutex_unlock(&peer.lock);
	return value;
}

/* Wait until a counter of the peer is at least that, or ten seconds passed. */
static bool
peer_reaches(const int *counter, int value)
{
	struct timespec end;
	int error = 0;
	bool reached;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 10;
	pthread_mutex_lock(&peer.lock);
	while (*counter < value && error == 0)
		error = pthread_cond_timedwait(&peer.changed, &peer.lock, &end);
	reached = *counter >= value;
	pthread_mutex_unlock(&peer.lock);
	return reached;
}

static void
say(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
say_length(int fd, const char *status, const char *headers, const char *body)
{
	char text[1024];

	snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status,
	    headers, strlen(body), body);
	say(fd, text);
}

static void
say_endless(int fd, const char *piece)
{
	static char block[64 * 1024];
	size_t length = 0;

	while (length + strlen(piece) < sizeof(block)) {
		memcpy(block + length, piece, strlen(piece));
		length += strlen(piece);
	}
	say(fd, "HTTP/1.1 200 OK\r\n");
	if (strstr(piece, ": ") == NULL)
		say(fd, "Transfer-Encoding: chunked\r\n\r\n");
	while (send(fd, block, length, MSG_NOSIGNAL) == (ssize_t)length)
		;
}

/* Close with a reset, not with an orderly end. */
static void
set_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* Answer one request; false closes the connection. */
static bool
answer(int fd, const char *path, int count)
{
	char redirect[128];
	char byte;

	if (strcmp(path, "/ok") == 0 || strcmp(path, "/a/./b/../ok") == 0) {
		say_length(fd, "200 OK", "Set-Cookie: a=b\r\n", "fine");
	} else if (strcmp(path, "/limited") == 0) {
		say_length(fd, "429 Too Many Requests",
		    "retry-after: 7\r\nX-RateLimit-Reset:  13933 \r\nX-RateLimit-Remaining: 0\r\n",
		    "{}");
	} else if (strcmp(path, "/odd-limits") == 0) {
		say_length(fd, "429 Too Many Requests",
		    "Retry-After: soon\r\nX-RateLimit-Reset: -1\r\nX-RateLimit-Remaining: 1e9\r\n",
		    "");
	} else if (strcmp(path, "/date") == 0) {
		time_t at = (time_t)clock_now() + 60;
		struct tm tm;

		gmtime_r(&at, &tm);
		strftime(
		    redirect, sizeof(redirect), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
		say_length(fd, "503 Later", redirect, "");
	} else if (strcmp(path, "/redirect") == 0) {
		snprintf(
		    redirect, sizeof(redirect), "Location: http://127.0.0.1:%d/ok\r\n", peer.port);
		say_length(fd, "302 Found", redirect, "");
	} else if (strcmp(path, "/chunked") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			"3\r\nabc\r\n");
		usleep(20000);
		say(fd, "2\r\nde\r\n0\r\n\r\n");
	} else if (strcmp(path, "/huge") == 0) {
		say_endless(fd, "10\r\n0123456789abcdef\r\n");
		return false;
	} else if (strcmp(path, "/huge-headers") == 0) {
		say_endless(fd, "X-Filler: 0123456789abcdef0123456789abcdef\r\n");
		return false;
	} else if (strcmp(path, "/cut") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
		return false;
	} else if (strcmp(path, "/together") == 0) {
		if (!peer_reaches(&peer.requests, TOGETHER))
			return false;
		say_length(fd, "200 OK", "", "all here");
	} else if (strcmp(path, "/hang") == 0) {
		(void)recv(fd, &byte, 1, 0); /* until the client hangs up */
		return false;
	} else if (strcmp(path, "/garbage") == 0) {
		say(fd, "SSH-2.0-OpenSSH_9.2\r\n");
		return false;
	} else if (strcmp(path, "/once-then-dead") == 0) {
		if (count > 0)
			return false; /* a connection that breaks on its second request */
		say_length(fd, "200 OK", "", "first");
	} else if (strcmp(path, "/once-then-reset") == 0) {
		if (count > 0) {
			set_reset(fd);
			return false;
		}
		say_length(fd, "200 OK", "", "first");
	} else if (strcmp(path, "/ok-then-close") == 0) {
		say_length(fd, "200 OK", "", "fine"); /* and no word that it closes */
		return false;
	} else {
		return false;
	}
	return true;
}

/* Read one request, head and body; 0 at the end of the connection. */
static size_t
read_request(int fd, char *text, size_t size)
{
	size_t length = 0;
	size_t want = 0;

	while (want == 0 || length < want) {
		ssize_t got = recv(fd, text + length, size - 1 - length, 0);
		const char *end;

		if (got <= 0)
			return 0;
		length += (size_t)got;
		text[length] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (end != NULL) {
			const char *declared = strstr(text, "Content-Length: ");

			want = (size_t)(end - text) + 4;
			if (declared != NULL)
				want += (size_t)strtoul(declared + 16, NULL, 10);
		}
	}
	return length;
}

static void *
serve_connection(void *argument)
{
	int fd = (int)(intptr_t)argument;
	char text[8192];
	char path[256];
	size_t length;
	int one = 1;
	int number;
	bool more = true;
	bool dead;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	number = peer_count(&peer.connections);
	for (int count = 0; more && (length = read_request(fd, text, sizeof(text))) > 0; count++) {
		pthread_mutex_lock(&peer.lock);
		peer.requests++;
		peer.used += count == 0;
		memcpy(peer.last, text, length + 1);
		peer.last_length = length;
		dead = number <= peer.dead;
		pthread_cond_broadcast(&peer.changed);
		pthread_mutex_unlock(&peer.lock);
		more = sscanf(text, "%*s %255s", path) == 1 &&
		       answer(fd, dead ? "/hang" : path, count);
	}
	close(fd);
	pthread_mutex_lock(&peer.lock);
	peer.closed++;
	pthread_cond_broadcast(&peer.changed);
	pthread_mutex_unlock(&peer.lock);
	return NULL;
}

static void *
accept_all(void *argument)
{
	(void)argument;
	for (;;) {
		int fd = accept(peer.listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			return NULL;
		pthread_mutex_lock(&peer.lock);
		peer.connections++;
		pthread_mutex_unlock(&peer.lock);
		if (pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
	}
}

static int
listen_loopback(int *port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		return -1;
	*port = ntohs(address.sin_port);
	return fd;
}

static int
start_peer(void **state)
{
	pthread_t thread;

	(void)state;
	peer.listener = listen_loopback(&peer.port);
	if (peer.listener < 0 || pthread_create(&thread, NULL, accept_all, NULL) != 0)
		return -1;
	pthread_detach(thread);
	return 0;
}

static int
reset_peer(void **state)
{
	(void)state;
	pthread_mutex_lock(&peer.lock);
	peer.connections = 0;
	peer.used = 0;
	peer.closed = 0;
	peer.requests = 0;
	peer.dead = 0;
	pthread_mutex_unlock(&peer.lock);
	return 0;
}

static const char *
at_peer(const char *path)
{
	static char urls[4][160];
	static unsigned next;
	char *url = urls[next++ % 4];

	snprintf(url, sizeof(urls[0]), "http://127.0.0.1:%d%s", peer.port, path);
	return url;
}

static enum sw_err
get(struct client *client, const char *path, struct client_reply *reply)
{
	struct client_request request = {.url = at_peer(path), .timeout_ms = 5000};

	return client_perform(client, &request, reply);
}

static struct client *
new_client(void)
{
	struct client *client;

	assert_int_equal(client_new(&client), SW_OK);
	return client;
}

/*
 * Blocking use
 */

static void
check_get(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {
	    .url = at_peer("/ok"), .bearer = "token123", .accept = "application/json"};

	(void)state;
	assert_int_equal(client_perform(client, &request, &reply), SW_OK);
	assert_int_equal(reply.status, 200);
	assert_string_equal(sbuf_text(&reply.body), "fine");
	assert_true(reply.sent);
	assert_int_equal(reply.retry_after_ms, -1);
	assert_int_equal(reply.limit_reset_ms, -1);
	assert_int_equal(reply.limit_remaining, -1);
	assert_in_range(reply.elapsed_ms, 0, 10000);
	assert_non_null(strstr(peer.last, "\r\nAuthorization: Bearer token123\r\n"));
	assert_non_null(strstr(peer.last, "\r\nAccept: application/json\r\n"));

	/* nothing of it is in the next request, the cookie neither */
	assert_int_equal(get(client, "/ok", &reply), SW_OK);
	assert_null(strstr(peer.last, "token123"));
	assert_null(strstr(peer.last, "Cookie"));
	assert_int_equal(peer_count(&peer.used), 1);
	assert_int_equal(peer_count(&peer.requests), 2);

	/* a path goes out as it is */
	assert_int_equal(get(client, "/a/./b/../ok", &reply), SW_OK);
	assert_memory_equal(peer.last, "GET /a/./b/../ok HTTP/1.1\r\n", 27);
	client_reply_clear(&reply);
	client_reply_clear(NULL);
	client_free(client);
	client_free(NULL);
}

static void
check_post(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {
	    .method = CLIENT_POST,
	    .url = at_peer("/ok"),
	    .basic_user = "client",
	    .basic_password = "s:cret",
	    .content_type = "application/x-www-form-urlencoded",
	    .body = "a=\0b",
	    .body_length = 4,
	};

	(void)state;
	assert_int_equal(client_perform(client, &request, &reply), SW_OK);
	assert_memory_equal(peer.last, "POST /ok HTTP/1.1\r\n", 19);
	assert_non_null(strstr(peer.last, "\r\nAuthorization: Basic Y2xpZW50OnM6Y3JldA==\r\n"));
	assert_non_null(
	    strstr(peer.last, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	assert_non_null(strstr(peer.last, "\r\nContent-Length: 4\r\n"));
	assert_memory_equal(peer.last + peer.last_length - 4, "a=\0b", 4);

	request = (struct client_request){.method = CLIENT_POST, .url = at_peer("/ok")};
	assert_int_equal(client_perform(client, &request, &reply), SW_OK);
	assert_non_null(strstr(peer.last, "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(peer.last, "Authorization"));
	request.method = CLIENT_DELETE;
	assert_int_equal(client_perform(client, &request, &reply), SW_OK);
	assert_memory_equal(peer.last, "DELETE /ok HTTP/1.1\r\n", 21);
	request.method = CLIENT_GET;
	assert_int_equal(client_perform(client, &request, &reply), SW_OK);
	assert_memory_equal(peer.last, "GET /ok HTTP/1.1\r\n", 18);
	client_reply_clear(&reply);
	client_free(client);
}

static void
check_limits(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};

	(void)state;
	assert_int_equal(get(client, "/limited", &reply), SW_OK);
	assert_int_equal(reply.status, 429);
	assert_int_equal(reply.retry_after_ms, 7000);
	assert_int_equal(reply.limit_reset_ms, 13933);
	assert_int_equal(reply.limit_remaining, 0);
	assert_int_equal(get(client, "/date", &reply), SW_OK);
	assert_in_range(reply.retry_after_ms, 50000, 60000);
	assert_int_equal(reply.limit_remaining, -1);
	assert_int_equal(get(client, "/odd-limits", &reply), SW_OK);
	assert_int_equal(reply.retry_after_ms, -1);
	assert_int_equal(reply.limit_reset_ms, -1);
	assert_int_equal(reply.limit_remaining, -1);
	client_reply_clear(&reply);
	client_free(client);
}

static void
check_redirect(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};

	(void)state;
	assert_int_equal(get(client, "/redirect", &reply), SW_OK);
	assert_int_equal(reply.status, 302);
	assert_int_equal(peer_count(&peer.requests), 1);
	client_reply_clear(&reply);
	client_free(client);
}

static void
check_sizes(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {.url = at_peer("/ok"), .response_limit = 4};

	(void)state;
	assert_int_equal(get(client, "/chunked", &reply), SW_OK);
	assert_string_equal(sbuf_text(&reply.body), "abcde");
	assert_int_equal(client_perform(client, &request, &reply), SW_OK);
	assert_string_equal(sbuf_text(&reply.body), "fine");
	request.response_limit = 3;
	assert_int_equal(client_perform(client, &request, &reply), SW_ETOOLARGE);
	assert_true(reply.sent);
	assert_true(reply.body.length <= 3);
	assert_int_equal(get(client, "/huge", &reply), SW_ETOOLARGE);
	assert_true(reply.body.length <= (size_t)4 << 20);
	assert_int_equal(get(client, "/huge-headers", &reply), SW_ETOOLARGE);
	client_reply_clear(&reply);
	client_free(client);
}

static void
check_failures(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {.url = at_peer("/hang"), .timeout_ms = 200};
	int closed_port;
	int fd = listen_loopback(&closed_port);
	char url[64];
	int64_t start = clock_monotonic_ms();

	(void)state;
	assert_int_equal(client_perform(client, &request, &reply), SW_ETIMEOUT);
	assert_in_range(clock_monotonic_ms() - start, 190, 9000);
	assert_true(reply.sent);
	assert_int_equal(reply.status, 0);
	assert_int_equal(get(client, "/cut", &reply), SW_EUNAVAILABLE);
	assert_true(reply.sent);
	assert_int_equal(get(client, "/garbage", &reply), SW_EUNAVAILABLE);
	assert_true(reply.sent);
	assert_int_equal(get(client, "/close-at-once", &reply), SW_EUNAVAILABLE);
	assert_true(reply.sent);
	close(fd);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", closed_port);
	request.url = url;
	assert_int_equal(client_perform(client, &request, &reply), SW_EUNAVAILABLE);
	assert_false(reply.sent);
	assert_int_equal(reply.status, 0);
	client_reply_clear(&reply);
	client_free(client);
}

static void
check_refused(void **state)
{
	static const char *const urls[] = {NULL, "", "file:///etc/passwd", "ftp://127.0.0.1/",
	    "http://example.com/", "http://10.0.0.1/", "http://u:p@127.0.0.1/", "127.0.0.1",
	    "http://127.0.0.1.example.com/", "gopher://127.0.0.1/", "http:///x"};
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		request.url = urls[i];
		assert_int_equal(client_perform(client, &request, &reply), SW_EINPUT);
		assert_false(reply.sent);
	}
	request.url = at_peer("/ok");
	request.bearer = "a\r\nX-Evil: 1";
	assert_int_equal(client_perform(client, &request, &reply), SW_EINPUT);
	request.bearer = NULL;
	request.basic_user = "a:b";
	request.basic_password = "c";
	assert_int_equal(client_perform(client, &request, &reply), SW_EINPUT);
	assert_int_equal(peer_count(&peer.connections), 0);
	client_reply_clear(&reply);
	client_free(client);
}

/* A plain-text peer behind https: no TLS, so no request may leave. */
static void
check_tls(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {.timeout_ms = 1000, .bearer = "token123"};
	char url[64];

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/ok", peer.port);
	request.url = url;
	assert_int_not_equal(client_perform(client, &request, &reply), SW_OK);
	assert_false(reply.sent);
	assert_int_equal(peer_count(&peer.requests), 0);
	client_reply_clear(&reply);
	client_free(client);
}

static void
check_proxy(void **state)
{
	struct client *client;
	struct client_reply reply = {0};

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	client = new_client();
	assert_int_equal(get(client, "/ok", &reply), SW_OK);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	client_reply_clear(&reply);
	client_free(client);
}

/*
 * libcurl sends a request again by itself when a reused connection breaks before a reply.  What a
 * POST asks for would be done twice and counted once, so of the second the caller hears.
 */
static void
check_not_again(void **state)
{
	static const char *const paths[] = {"/once-then-dead", "/once-then-reset"};
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {.method = CLIENT_POST, .body = "a", .body_length = 1};
	int requests = 0;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(paths); i++) {
		request.url = at_peer(paths[i % COUNT_OF(paths)]);
		request.basic_user = i < COUNT_OF(paths) ? NULL : "u";
		request.basic_password = "p";
		assert_int_equal(client_perform(client, &request, &reply), SW_OK);
		assert_int_equal(peer_count(&peer.requests), ++requests);
		assert_int_equal(client_perform(client, &request, &reply), SW_EUNAVAILABLE);
		assert_int_equal(peer_count(&peer.requests), ++requests);
		assert_int_equal(reply.status, 0);
		assert_true(reply.sent);
		/* the caller may send it again */
		assert_int_equal(client_perform(client, &request, &reply), SW_OK);
		assert_int_equal(peer_count(&peer.requests), ++requests);
		assert_int_equal(get(client, "/close-at-once", &reply), SW_EUNAVAILABLE);
		requests = peer_count(&peer.requests);
	}
	client_reply_clear(&reply);
	client_free(client);
}

/* What may be done twice libcurl does send again: one failure less. */
static void
check_again(void **state)
{
	static const enum client_method methods[] = {CLIENT_GET, CLIENT_DELETE};
	struct client_reply reply = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct client *client = new_client();
		struct client_request request = {
		    .method = methods[i], .url = at_peer("/once-then-dead")};

		reset_peer(NULL);
		assert_int_equal(client_perform(client, &request, &reply), SW_OK);
		assert_int_equal(client_perform(client, &request, &reply), SW_OK);
		assert_int_equal(peer_count(&peer.requests), 3);
		client_free(client);
	}
	client_reply_clear(&reply);
}

/*
 * A connection that the server closed while it was idle: as a rule that is seen before a request
 * goes over it.  When it just is not, the request fails and arrived nowhere.
 */
static void
check_idle_close(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {
	    .method = CLIENT_POST, .url = at_peer("/ok-then-close"), .body = "a", .body_length = 1};
	int succeeded = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		int requests = peer_count(&peer.requests);
		enum sw_err err = client_perform(client, &request, &reply);

		if (err == SW_OK) {
			succeeded++;
			requests++;
		}
		assert_true(err == SW_OK || (err == SW_EUNAVAILABLE && reply.sent));
		assert_int_equal(peer_count(&peer.requests), requests);
		assert_true(peer_reaches(&peer.closed, succeeded));
	}
	assert_true(succeeded > 1);
	client_reply_clear(&reply);
	client_free(client);
}

/*
 * The pool
 */

struct answers {
	struct client_pool *pool;
	int count;
	int ok;
	int failed;
	int more; /* start this many from inside the callback */
	enum sw_err last;
	int last_status;
	bool last_sent;
};

static void
on_done(void *context, enum sw_err err, struct client_reply *reply)
{
	struct answers *answers = context;

	answers->count++;
	answers->last = err;
	answers->last_status = reply->status;
	answers->last_sent = reply->sent;
	if (err == SW_OK)
		answers->ok++;
	else
		answers->failed++;
	if (answers->more-- > 0) {
		struct client_request request = {.url = at_peer("/ok")};

		assert_int_equal(
		    client_pool_start(answers->pool, &request, on_done, answers), SW_OK);
	}
}

static void
run_until(struct client_pool *pool, const struct answers *answers, int count)
{
	int64_t end = clock_monotonic_ms() + 20000;

	while (answers->count < count && clock_monotonic_ms() < end)
		assert_int_equal(client_pool_run(pool, NULL, NULL, 0, 100), SW_OK);
	assert_int_equal(answers->count, count);
}

static struct client_pool *
new_pool(struct answers *answers)
{
	assert_int_equal(client_pool_new(&answers->pool), SW_OK);
	return answers->pool;
}

static void
check_pool(void **state)
{
	struct answers answers = {0};
	struct client_pool *pool = new_pool(&answers);
	char body[] = "copied";
	char url[160];
	struct client_request request = {
	    .method = CLIENT_POST, .url = url, .body = body, .body_length = 6};

	(void)state;
	snprintf(url, sizeof(url), "%s", at_peer("/together"));
	for (int i = 0; i < 12; i++)
		assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	memset(body, 'x', 6);
	memset(url, 'x', 20);
	assert_int_equal(client_pool_active(pool), 12);
	run_until(pool, &answers, 12);
	assert_int_equal(answers.ok, 12);
	assert_int_equal(client_pool_active(pool), 0);
	assert_int_equal(peer_count(&peer.used), TOGETHER);
	assert_memory_equal(peer.last + peer.last_length - 6, "copied", 6);
	client_pool_free(pool);
	client_pool_free(NULL);
}

static void
check_pool_not_again(void **state)
{
	static const char *const paths[] = {"/once-then-dead", "/once-then-reset"};
	struct answers answers = {0};
	struct client_pool *pool = new_pool(&answers);
	struct client_request request = {.method = CLIENT_POST, .body = "a", .body_length = 1};

	(void)state;
	for (int i = 1; i <= 4; i++) {
		request.url = at_peer(paths[(i - 1) / 2]);
		assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
		run_until(pool, &answers, i);
		assert_int_equal(answers.last, i % 2 == 1 ? SW_OK : SW_EUNAVAILABLE);
		assert_true(answers.last_sent);
		assert_int_equal(peer_count(&peer.requests), i);
	}
	client_pool_free(pool);
}

static void
check_pool_chain(void **state)
{
	struct answers answers = {.more = 50};
	struct client_pool *pool = new_pool(&answers);
	struct client_request request = {.url = at_peer("/ok")};

	(void)state;
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	run_until(pool, &answers, 51);
	assert_int_equal(answers.ok, 51);
	assert_int_equal(peer_count(&peer.used), 1);
	client_pool_free(pool);
}

static void
check_pool_failures(void **state)
{
	struct answers answers = {0};
	struct client_pool *pool = new_pool(&answers);
	struct client_request request = {.url = at_peer("/hang"), .timeout_ms = 150};

	(void)state;
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	run_until(pool, &answers, 1);
	assert_int_equal(answers.last, SW_ETIMEOUT);
	assert_true(answers.last_sent);
	request.url = at_peer("/huge");
	request.timeout_ms = 5000;
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	run_until(pool, &answers, 2);
	assert_int_equal(answers.last, SW_ETOOLARGE);
	request.url = "http://127.0.0.1:1/";
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	run_until(pool, &answers, 3);
	assert_int_equal(answers.last, SW_EUNAVAILABLE);
	assert_false(answers.last_sent);
	request.url = "http://example.com/";
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_EINPUT);
	assert_int_equal(client_pool_active(pool), 0);
	/* dropped with one under way: no callback, no leak */
	request.url = at_peer("/hang");
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	assert_int_equal(client_pool_run(pool, NULL, NULL, 0, 10), SW_OK);
	client_pool_free(pool);
	assert_int_equal(answers.count, 3);
}

/* What a router does that changes its address at night. */
static void
kill_connections(void)
{
	pthread_mutex_lock(&peer.lock);
	peer.dead = peer.connections;
	pthread_mutex_unlock(&peer.lock);
}

static void
check_pool_dead(void **state)
{
	struct answers answers = {0};
	struct client_pool *pool = new_pool(&answers);
	struct client_request request = {.url = at_peer("/together"), .timeout_ms = 5000};
	int used;

	(void)state;
	for (int i = 0; i < TOGETHER; i++)
		assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	run_until(pool, &answers, TOGETHER);
	kill_connections();
	request.url = at_peer("/ok");
	request.timeout_ms = 300;
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	run_until(pool, &answers, TOGETHER + 1);
	assert_int_equal(answers.last, SW_ETIMEOUT);
	/* Those that follow at once, and those of later, when connections are reused again. */
	request.timeout_ms = 5000;
	for (int i = 1; i <= 12; i++) {
		if (i == 4)
			usleep(3200000);
		used = peer_count(&peer.used);
		assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
		run_until(pool, &answers, TOGETHER + 1 + i);
		assert_int_equal(answers.last, SW_OK);
	}
	assert_int_equal(peer_count(&peer.used), used);
	assert_int_equal(answers.failed, 1);
	client_pool_free(pool);
}

/* One thing at the platform that hangs says nothing of the connections. */
static void
check_pool_alive(void **state)
{
	struct answers hung = {0};
	struct answers answers = {.more = 20};
	struct client_pool *pool = new_pool(&answers);
	struct client_request request = {.url = at_peer("/hang"), .timeout_ms = 300};

	(void)state;
	assert_int_equal(client_pool_start(pool, &request, on_done, &hung), SW_OK);
	request.url = at_peer("/ok");
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	run_until(pool, &hung, 1);
	assert_int_equal(hung.last, SW_ETIMEOUT);
	run_until(pool, &answers, 21);
	assert_int_equal(client_pool_start(pool, &request, on_done, &answers), SW_OK);
	run_until(pool, &answers, 22);
	assert_int_equal(answers.ok, 22);
	assert_int_equal(peer_count(&peer.used), 2);
	client_pool_free(pool);
}

static void
check_dead(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {.url = at_peer("/ok"), .timeout_ms = 300};

	(void)state;
	assert_int_equal(get(client, "/ok", &reply), SW_OK);
	kill_connections();
	assert_int_equal(client_perform(client, &request, &reply), SW_ETIMEOUT);
	assert_int_equal(get(client, "/ok", &reply), SW_OK);
	client_reply_clear(&reply);
	client_free(client);
}

/* What cannot be repeated is sent over a new connection from the start. */
static void
check_disconnect(void **state)
{
	struct client *client = new_client();
	struct client_reply reply = {0};
	struct client_request request = {.method = CLIENT_POST,
	    .url = at_peer("/ok"),
	    .body = "a",
	    .body_length = 1,
	    .timeout_ms = 5000};

	(void)state;
	assert_int_equal(get(client, "/ok", &reply), SW_OK);
	kill_connections();
	assert_int_equal(client_disconnect(client), SW_OK);
	assert_int_equal(client_perform(client, &request, &reply), SW_OK);
	assert_int_equal(peer_count(&peer.used), 2);
	client_reply_clear(&reply);
	client_free(client);
}

static void
check_pool_extra(void **state)
{
	struct answers answers = {0};
	struct client_pool *pool = new_pool(&answers);
	int pipes[2];
	sigset_t set;
	int extra[3] = {-1, -1, -1};
	bool ready[3] = {true, true, true};
	int64_t start = clock_monotonic_ms();

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	assert_int_equal(pipe(pipes), 0);
	extra[1] = pipes[0];
	extra[2] = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	assert_int_equal(client_pool_run(pool, extra, ready, 3, 100), SW_OK);
	assert_in_range(clock_monotonic_ms() - start, 90, 9000);
	assert_false(ready[0] || ready[1] || ready[2]);
	start = clock_monotonic_ms();
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(client_pool_run(pool, extra, ready, 3, 20000), SW_OK);
	assert_true(!ready[0] && ready[1] && !ready[2]);
	raise(SIGUSR2); /* before the wait: it must not be lost */
	assert_int_equal(client_pool_run(pool, extra, ready, 3, 20000), SW_OK);
	assert_true(ready[1] && ready[2]);
	assert_true(clock_monotonic_ms() - start < 10000);
	close(pipes[0]);
	close(pipes[1]);
	close(extra[2]);
	client_pool_free(pool);
}

#define ASKS(sentence, function)                                                      \
	{                                                                             \
		.name = (sentence), .test_func = (function), .setup_func = reset_peer \
	}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    ASKS("of a request only the connection remains", check_get),
	    ASKS("methods, bodies and Basic are sent as given", check_post),
	    ASKS("headers with the platform's limits are read, malformed ones are not",
		check_limits),
	    ASKS("a redirect is a reply and is not followed", check_redirect),
	    ASKS("an answer over the limit is cut off", check_sizes),
	    ASKS("each failure has its error, and says whether the request was sent",
		check_failures),
	    ASKS("addresses that are not https or loopback never connect", check_refused),
	    ASKS("without a TLS handshake nothing is sent", check_tls),
	    ASKS("proxies of the environment are not used", check_proxy),
	    ASKS("a POST is not sent again when a reused connection breaks", check_not_again),
	    ASKS("a GET or DELETE is sent again when a reused connection breaks", check_again),
	    ASKS("a POST succeeds after its connection was closed while idle", check_idle_close),
	    ASKS("the pool runs many at once with copies of everything", check_pool),
	    ASKS("the pool does not send a POST again either", check_pool_not_again),
	    ASKS("a callback may start another transfer", check_pool_chain),
	    ASKS("the pool reports each failure once", check_pool_failures),
	    ASKS(
		"after a connection that died without a word a request gets a new one", check_dead),
	    ASKS("after all connections were closed a POST gets a new one", check_disconnect),
	    ASKS("when one connection died without a word the pool uses none of before",
		check_pool_dead),
	    ASKS("a transfer that hangs alone leaves the connections in use", check_pool_alive),
	    ASKS("other descriptors and signals wake the pool", check_pool_extra),
	};

	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, start_peer, NULL);
}
