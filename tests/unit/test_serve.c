/*
 * serve.h, from outside: the loop runs in a process of its own on a unix
 * socket, and the test speaks FastCGI to it byte by byte, so that it can also
 * speak it badly.
 */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "net/serve.h"

enum {
	FCGI_BEGIN = 1,
	FCGI_END = 3,
	FCGI_PARAMS = 4,
	FCGI_STDIN = 5,
	FCGI_STDOUT = 6
};

#define BODY_LIMIT 100000
#define SERVERS_MAX 2

static char socket_path[64];
static int listener = -1;
static pid_t servers[SERVERS_MAX];
static int events[2]; /* the servers write one letter for each callback */
static char log_path[] = "/tmp/switchboard-serve-XXXXXX";

/*
 * The program under test
 */

static void
report(char letter)
{
	if (write(events[1], &letter, 1) != 1)
		_exit(3);
}

static enum sw_err
answer_text(struct response *res, const char *text)
{
	response_add_header(res, "Content-Type", "text/plain");
	sbuf_put_text(&res->body, text);
	return SW_OK;
}

static int idle_again; /* how often "idle" asks to be called once more */

/* Replies that were put off, as a program keeps them. */
static struct {
	const struct request *req;
	struct response *res;
} later[SERVE_BATCH_MAX];
static size_t later_count;

static enum sw_err
defer(const struct request *req, struct response *res)
{
	later[later_count].req = req;
	later[later_count++].res = res;
	res->deferred = true;
	return SW_OK;
}

/* How often a request is called before it is answered, when each call puts it off for a time. */
#define AGAIN_CALLS 4
static int again_calls;

/* False: it has been put off once more. */
static bool
is_called_enough(struct response *res)
{
	if (++again_calls >= AGAIN_CALLS)
		return true;
	report('p');
	res->again_ms = 20;
	return false;
}

/* Each reply holds the count of the batch and the query of its own request. */
static void
commit(void *context)
{
	(void)context;
	report('t');
	for (size_t i = 0; i < later_count; i++) {
		sbuf_printf(
		    &later[i].res->body, "%zu of %zu, %s", i + 1, later_count, later[i].req->query);
		later[i].res->deferred = false;
		if (strcmp(later[i].req->path, "/later-again") == 0)
			(void)is_called_enough(later[i].res);
	}
	later_count = 0;
}

/* What parked requests wait for: a request that opens it, or that the loop waits without its
 * socket. */
static bool gate_open;
static unsigned parked;

static enum sw_err
park(const struct request *req, struct response *res)
{
	if (!gate_open) {
		report('p');
		parked++;
		res->awaited = &gate_open;
		return SW_OK;
	}
	parked--;
	return strcmp(req->query, "defer") == 0 ? defer(req, res) : answer_text(res, req->query);
}

static bool
wait_parked(void *context, int fd, int timeout_ms)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	(void)context;
	if (parked == 0)
		return false;
	if (fd < 0)
		gate_open = true;
	else
		poll(&readable, 1, timeout_ms);
	return true;
}

static bool
is_ready(void *context, const void *awaited)
{
	(void)context;
	return *(const bool *)awaited;
}

static enum sw_err
handle(void *context, const struct request *req, struct response *res)
{
	(void)context;
	if (strcmp(req->path, "/later") == 0 || strcmp(req->path, "/later-again") == 0)
		return defer(req, res);
	if (strcmp(req->path, "/again") == 0)
		return is_called_enough(res) ? answer_text(res, "in the end") : SW_OK;
	if (strcmp(req->path, "/park") == 0)
		return park(req, res);
	if (strcmp(req->path, "/open") == 0)
		gate_open = true;
	if (strcmp(req->path, "/commit") == 0) {
		serve_commit();
		report('s');
		usleep(400000);
		return answer_text(res, "committed before");
	}
	if (strcmp(req->path, "/commit-later") == 0) {
		serve_commit();
		return defer(req, res);
	}
	if (strcmp(req->path, "/echo") == 0) {
		response_add_header(res, "X-Query", req->query);
		sbuf_put(&res->body, req->body, req->body_length);
		return SW_OK;
	}
	if (strcmp(req->path, "/slow") == 0) {
		report('s');
		usleep(400000);
		return answer_text(res, "slow");
	}
	if (strcmp(req->path, "/big") == 0) {
		for (int i = 0; i < 40000; i++)
			sbuf_put_text(
			    &res->body, "0123456789012345678901234567890123456789012345678");
		return SW_OK;
	}
	if (strcmp(req->path, "/broken") == 0) {
		response_add_header(res, "X-Split", "a\r\nb");
		return answer_text(res, "never seen");
	}
	if (strcmp(req->path, "/missing") == 0) {
		answer_text(res, "half a page");
		return SW_ENOTFOUND;
	}
	if (strcmp(req->path, "/nap") == 0)
		usleep(20000);
	if (strcmp(req->path, "/wake") == 0)
		serve_set_timeout(50);
	if (strcmp(req->path, "/wake-twice") == 0) {
		idle_again = 1;
		serve_set_timeout(50);
	}
	if (strcmp(req->path, "/arena") == 0)
		return arena_alloc(req->arena, (size_t)17 << 20) == NULL ? SW_ENOMEM : SW_OK;
	return answer_text(res, "ok");
}

static void
fail_page(void *context, const struct request *req, enum sw_err err, struct response *res)
{
	(void)context;
	(void)req;
	res->status = err_http_status(err);
	sbuf_put_text(&res->body, "sorry: ");
	sbuf_put_text(&res->body, err_name(err));
}

static void
after(void *context)
{
	(void)context;
	report('a');
}

static int
idle(void *context)
{
	(void)context;
	report('i');
	return idle_again-- > 0 ? 20 : -1;
}

/*
 * Starting and stopping it
 */

static size_t batch; /* of the next server */

static pid_t
start_server(unsigned recycle_after, serve_fail *fail)
{
	struct serve_conf conf = {
	    .program = "test",
	    .body_limit = BODY_LIMIT,
	    .recycle_after = recycle_after,
	    .handle = handle,
	    .fail = fail,
	    .batch = batch,
	    .commit = commit,
	    .parked = batch,
	    .wait = batch > 0 ? wait_parked : NULL,
	    .is_ready = is_ready,
	    .after = after,
	    .idle = idle,
	};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		FILE *log = freopen(log_path, "a", stderr);

		if (log == NULL || dup2(listener, 0) != 0)
			_exit(2);
		close(listener);
		log_open("test", LOG_DEBUG);
		exit(serve_run(&conf));
	}
	return pid;
}

static int
set_up_with(unsigned recycle_after, serve_fail *fail)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(socket_path, sizeof(socket_path), "/tmp/switchboard-serve-%d", (int)getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	unlink(socket_path);
	assert_int_equal(truncate(log_path, 0), 0);
	assert_int_equal(pipe(events), 0);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 64), 0);
	servers[0] = start_server(recycle_after, fail);
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	return set_up_with(0, NULL);
}

/* Wait up to thirty seconds for a server to leave; -1 when it does not, or not well. */
static int
wait_exit(size_t index)
{
	int status;

	for (int i = 0; i < 3000; i++) {
		if (waitpid(servers[index], &status, WNOHANG) == servers[index]) {
			servers[index] = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		}
		usleep(10000);
	}
	return -1;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < SERVERS_MAX; i++) {
		if (servers[i] == 0)
			continue;
		kill(servers[i], SIGTERM);
		/* It may have ended in another way than well; 0 would be this process group. */
		if (wait_exit(i) != 0 && servers[i] != 0) {
			kill(servers[i], SIGKILL);
			waitpid(servers[i], NULL, 0);
			servers[i] = 0;
		}
	}
	close(listener);
	close(events[0]);
	close(events[1]);
	unlink(socket_path);
	return 0;
}

/* The next callback's letter within "ms", 0 when there is none. */
static char
next_event(int ms)
{
	struct pollfd wait = {.fd = events[0], .events = POLLIN};
	char letter = 0;

	if (poll(&wait, 1, ms) == 1 && read(events[0], &letter, 1) != 1)
		letter = 0;
	return letter;
}

static bool
log_has(const char *text)
{
	char content[65536];
	FILE *file = fopen(log_path, "r");
	size_t length = fread(content, 1, sizeof(content) - 1, file);

	fclose(file);
	content[length] = '\0';
	return strstr(content, text) != NULL;
}

/*
 * The FastCGI peer
 */

static int
dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
put_record(struct sbuf *out, int type, const void *data, size_t length)
{
	unsigned char head[8] = {1, (unsigned char)type, 0, 1, (unsigned char)(length >> 8),
	    (unsigned char)length, 0, 0};

	sbuf_put(out, head, sizeof(head));
	sbuf_put(out, data, length);
}

static void
put_stream(struct sbuf *out, int type, const char *data, size_t length)
{
	while (length > 0) {
		size_t part = length > 60000 ? 60000 : length;

		put_record(out, type, data, part);
		data += part;
		length -= part;
	}
}

static void
put_param(struct sbuf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	sbuf_put_char(out, (char)strlen(name));
	sbuf_put_char(out, (char)strlen(value));
	sbuf_put_text(out, name);
	sbuf_put_text(out, value);
}

/* Begin and parameters; NULL parameters are left out. */
static void
put_head(struct sbuf *out, const char *method, const char *uri, const char *length)
{
	static const unsigned char begin[8] = {0, 1, 0};
	struct sbuf params = {0};

	put_record(out, FCGI_BEGIN, begin, sizeof(begin));
	put_param(&params, "REQUEST_METHOD", method);
	put_param(&params, "REQUEST_URI", uri);
	put_param(&params, "REQUEST_ID", "id123");
	put_param(&params, "CONTENT_LENGTH", length);
	put_record(out, FCGI_PARAMS, params.data, params.length);
	put_record(out, FCGI_PARAMS, "", 0);
	sbuf_clear(&params);
}

static void
send_bytes(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the server answered early and closed: what it said counts */
		data += sent;
		length -= (size_t)sent;
	}
}

/* Read the reply: the STDOUT stream into "text"; false without an END record. */
static bool
read_reply(int fd, struct sbuf *text)
{
	unsigned char head[8];
	static char data[65536 + 256];

	for (;;) {
		size_t length;

		if (recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head))
			return false;
		length = (size_t)head[4] << 8 | head[5];
		if (length + head[6] > 0 &&
		    recv(fd, data, length + head[6], MSG_WAITALL) != (ssize_t)(length + head[6]))
			return false;
		if (head[1] == FCGI_STDOUT)
			sbuf_put(text, data, length);
		if (head[1] == FCGI_END)
			return true;
	}
}

/* A whole well-made exchange. */
static bool
ask(const char *method, const char *uri, const char *length, const char *body, size_t body_length,
    struct sbuf *reply)
{
	struct sbuf out = {0};
	int fd = dial();
	bool complete;

	sbuf_reset(reply);
	put_head(&out, method, uri, length);
	put_stream(&out, FCGI_STDIN, body, body_length);
	put_record(&out, FCGI_STDIN, "", 0);
	send_bytes(fd, out.data, out.length);
	sbuf_clear(&out);
	complete = read_reply(fd, reply);
	close(fd);
	return complete;
}

static bool
get(const char *uri, struct sbuf *reply)
{
	return ask("GET", uri, "", NULL, 0, reply);
}

static void
assert_begins(const struct sbuf *reply, const char *text)
{
	if (strncmp(sbuf_text(reply), text, strlen(text)) != 0)
		fail_msg("the reply is: %.200s", sbuf_text(reply));
}

static const char *
body_of(const struct sbuf *reply)
{
	const char *end = strstr(sbuf_text(reply), "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/*
 * The tests
 */

static void
check_get(void **state)
{
	struct sbuf reply = {0};

	(void)state;
	assert_true(get("/hello?code=verysecret", &reply));
	assert_string_equal(sbuf_text(&reply),
	    "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
	assert_int_equal(next_event(10000), 'a');
	assert_true(log_has("event=request request=id123 method=GET path=/hello status=200 ms="));
	assert_true(log_has("bytes=2"));
	assert_false(log_has("verysecret"));
	assert_true(ask("HEAD", "/hello", NULL, NULL, 0, &reply));
	assert_string_equal(sbuf_text(&reply),
	    "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n");
	sbuf_clear(&reply);
}

static void
check_post(void **state)
{
	struct sbuf reply = {0};
	char body[BODY_LIMIT];

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 7);
	assert_true(ask("POST", "/echo?a=b", "100000", body, sizeof(body), &reply));
	assert_begins(&reply, "Status: 200 OK\r\nX-Query: a=b\r\nContent-Length: 100000\r\n\r\n");
	assert_memory_equal(body_of(&reply), body, sizeof(body));
	sbuf_clear(&reply);
}

static void
check_lengths(void **state)
{
	static const struct {
		const char *length, *body, *status, *echo;
	} cases[] = {
	    {"", "", "Status: 200 ", ""},
	    {NULL, "left unread", "Status: 200 ", ""},
	    {"0", "", "Status: 200 ", ""},
	    {"5", "12345", "Status: 200 ", "12345"},
	    {"5", "12345678", "Status: 200 ", "12345"},
	    {"5", "1234", "Status: 400 ", NULL},
	    {"5", "", "Status: 400 ", NULL},
	    {"-1", "", "Status: 400 ", NULL},
	    {"+5", "12345", "Status: 400 ", NULL},
	    {"5x", "12345", "Status: 400 ", NULL},
	    {"0x5", "12345", "Status: 400 ", NULL},
	    {" 5", "12345", "Status: 400 ", NULL},
	    {"100001", "1", "Status: 413 ", NULL},
	    {"18446744073709551617", "1", "Status: 413 ", NULL},
	};
	struct sbuf reply = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_true(ask("POST", "/echo", cases[i].length, cases[i].body,
		    strlen(cases[i].body), &reply));
		assert_begins(&reply, cases[i].status);
		if (cases[i].echo != NULL)
			assert_string_equal(body_of(&reply), cases[i].echo);
	}
	sbuf_clear(&reply);
}

static void
check_huge(void **state)
{
	size_t length = (size_t)20 << 20;
	char *body = calloc(1, length);
	struct sbuf reply = {0};

	(void)state;
	assert_non_null(body);
	ask("POST", "/echo", "20971520", body, length, &reply);
	assert_begins(&reply, "Status: 413 ");
	assert_true(get("/hello", &reply));
	assert_begins(&reply, "Status: 200 ");
	free(body);
	sbuf_clear(&reply);
}

static void
check_big_reply(void **state)
{
	struct sbuf reply = {0};

	(void)state;
	assert_true(get("/big", &reply));
	assert_begins(&reply, "Status: 200 OK\r\nContent-Length: 1960000\r\n");
	assert_int_equal(strlen(body_of(&reply)), 1960000);
	sbuf_clear(&reply);
}

static void
check_errors(void **state)
{
	struct sbuf reply = {0};

	(void)state;
	assert_true(get("/missing", &reply));
	assert_begins(&reply, "Status: 404 ");
	assert_non_null(strstr(sbuf_text(&reply), "\"code\":\"not_found\""));
	assert_null(strstr(sbuf_text(&reply), "half a page"));
	assert_true(get("/broken", &reply));
	assert_begins(&reply, "Status: 500 ");
	assert_null(strstr(sbuf_text(&reply), "never seen"));
	assert_true(get("/arena", &reply));
	assert_begins(&reply, "Status: 500 ");
	assert_true(ask("POST", NULL, NULL, NULL, 0, &reply));
	assert_begins(&reply, "Status: 400 ");
	sbuf_clear(&reply);
}

static int
set_up_page(void **state)
{
	(void)state;
	return set_up_with(0, fail_page);
}

static void
check_fail_page(void **state)
{
	struct sbuf reply = {0};

	(void)state;
	assert_true(get("/missing", &reply));
	assert_begins(&reply, "Status: 404 ");
	assert_string_equal(body_of(&reply), "sorry: not_found");
	assert_true(ask("POST", "/echo", "9", "x", 1, &reply));
	assert_string_equal(body_of(&reply), "sorry: input");
	sbuf_clear(&reply);
}

/* Cut a good request after every "step" bytes; the server must live on and never call it good. */
static void
check_cut(void **state)
{
	struct sbuf out = {0};
	struct sbuf reply = {0};

	(void)state;
	put_head(&out, "POST", "/slow", "4");
	put_record(&out, FCGI_STDIN, "1234", 4);
	for (size_t length = 1; length < out.length; length += 3) {
		int fd = dial();

		send_bytes(fd, out.data, length);
		close(fd);
	}
	assert_true(get("/hello", &reply));
	assert_begins(&reply, "Status: 200 ");
	for (char letter = next_event(300); letter != 0; letter = next_event(300))
		assert_int_equal(letter, 'a'); /* 's' would be a handler that saw half a request */
	sbuf_clear(&out);
	sbuf_clear(&reply);
}

static void
check_gone(void **state)
{
	struct sbuf out = {0};
	struct sbuf reply = {0};

	(void)state;
	for (int i = 0; i < 5; i++) {
		int fd = dial();

		sbuf_reset(&out);
		put_head(&out, "GET", "/big", "");
		put_record(&out, FCGI_STDIN, "", 0);
		send_bytes(fd, out.data, out.length);
		close(fd);
	}
	assert_true(get("/hello", &reply));
	assert_begins(&reply, "Status: 200 ");
	assert_true(log_has("client=left"));
	sbuf_clear(&out);
	sbuf_clear(&reply);
}

static void
check_stop_idle(void **state)
{
	struct sbuf reply = {0};

	(void)state;
	assert_true(get("/hello", &reply));
	kill(servers[0], SIGTERM);
	assert_int_equal(wait_exit(0), 0);
	assert_true(log_has("event=serve.end why=signal requests=1 resident_kb="));
	sbuf_clear(&reply);
}

static void
check_stop_handling(void **state)
{
	struct sbuf out = {0};
	struct sbuf reply = {0};
	int fd = dial();

	(void)state;
	put_head(&out, "GET", "/slow", "");
	put_record(&out, FCGI_STDIN, "", 0);
	send_bytes(fd, out.data, out.length);
	assert_int_equal(next_event(10000), 's');
	kill(servers[0], SIGTERM);
	assert_true(read_reply(fd, &reply));
	close(fd);
	assert_string_equal(body_of(&reply), "slow");
	assert_int_equal(wait_exit(0), 0);
	sbuf_clear(&out);
	sbuf_clear(&reply);
}

/* Until the server has taken all that was sent. */
static void
wait_until_read(int fd)
{
	int left = 1;

	while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0)
		usleep(1000);
	assert_int_equal(left, 0);
}

static void
check_stop_body(void **state)
{
	struct sbuf out = {0};
	struct sbuf reply = {0};
	int fd = dial();

	(void)state;
	put_head(&out, "POST", "/echo", "8");
	put_record(&out, FCGI_STDIN, "1234", 4);
	send_bytes(fd, out.data, out.length);
	wait_until_read(fd); /* it sits in the body now */
	kill(servers[0], SIGTERM);
	kill(servers[0], SIGHUP);
	usleep(100000);
	sbuf_reset(&out);
	put_record(&out, FCGI_STDIN, "5678", 4);
	put_record(&out, FCGI_STDIN, "", 0);
	send_bytes(fd, out.data, out.length);
	assert_true(read_reply(fd, &reply));
	close(fd);
	assert_string_equal(body_of(&reply), "12345678");
	assert_int_equal(wait_exit(0), 0);
	sbuf_clear(&out);
	sbuf_clear(&reply);
}

static void
check_idle(void **state)
{
	struct sbuf reply = {0};

	(void)state;
	assert_true(get("/wake", &reply));
	assert_int_equal(next_event(10000), 'a');
	assert_int_equal(next_event(10000), 'i');
	assert_int_equal(next_event(150), 0); /* once is once */
	/* also while requests come without a pause */
	for (int i = 0; i < 100; i++)
		assert_true(get("/wake", &reply));
	{
		int idles = 0;

		for (char letter = next_event(200); letter != 0; letter = next_event(200))
			idles += letter == 'i';
		assert_in_range(idles, 1, 60);
	}
	assert_true(get("/wake", &reply));
	assert_int_equal(next_event(10000), 'a');
	kill(servers[0], SIGTERM);
	assert_int_equal(next_event(10000), 'i'); /* a stop does not lose it */
	assert_int_equal(wait_exit(0), 0);
	sbuf_clear(&reply);
}

static void
check_last_idle(void **state)
{
	struct sbuf reply = {0};

	(void)state;
	assert_true(get("/wake-twice", &reply));
	assert_int_equal(next_event(10000), 'a');
	kill(servers[0], SIGTERM);
	assert_int_equal(next_event(10000), 'i');
	assert_int_equal(next_event(10000), 'i');
	assert_int_equal(wait_exit(0), 0);
	sbuf_clear(&reply);
}

static int
set_up_recycled(void **state)
{
	(void)state;
	return set_up_with(20, NULL);
}

static void
check_recycle(void **state)
{
	struct sbuf reply = {0};
	int served = 0;

	(void)state;
	while (served < 30 && servers[0] != 0) {
		int status;
		int fd;

		if (waitpid(servers[0], &status, WNOHANG) == servers[0]) {
			servers[0] = 0;
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			break;
		}
		fd = dial();
		{
			struct sbuf out = {0};
			struct timeval patience = {.tv_sec = 5};

			sbuf_reset(&reply);
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
			put_head(&out, "GET", "/hello", "");
			put_record(&out, FCGI_STDIN, "", 0);
			send_bytes(fd, out.data, out.length);
			sbuf_clear(&out);
		}
		if (read_reply(fd, &reply))
			served++;
		close(fd);
	}
	assert_in_range(served, 18, 22);
	assert_true(log_has("why=recycle"));
	sbuf_clear(&reply);
}

static void
check_two(void **state)
{
	struct sbuf reply = {0};

	(void)state;
	servers[1] = start_server(0, NULL);
	for (int i = 0; i < 300; i++) {
		assert_true(get("/hello", &reply));
		assert_string_equal(body_of(&reply), "ok");
	}
	/* one leaves, the other goes on without an error */
	kill(servers[0], SIGTERM);
	for (int i = 0; i < 100; i++)
		assert_true(get("/hello", &reply));
	assert_int_equal(wait_exit(0), 0);
	assert_true(get("/hello", &reply));
	sbuf_clear(&reply);
}

static int
set_up_batch(void **state)
{
	int result;

	(void)state;
	batch = 3;
	result = set_up_with(0, NULL);
	batch = 0;
	return result;
}

/* A connection with a GET on it, not yet read from. */
static int
begin(const char *uri)
{
	struct sbuf out = {0};
	int fd = dial();

	put_head(&out, "GET", uri, "");
	put_record(&out, FCGI_STDIN, "", 0);
	send_bytes(fd, out.data, out.length);
	sbuf_clear(&out);
	return fd;
}

static void
assert_answer(int fd, const char *body)
{
	struct sbuf reply = {0};

	assert_true(read_reply(fd, &reply));
	close(fd);
	assert_begins(&reply, "Status: 200 ");
	assert_string_equal(body_of(&reply), body);
	sbuf_clear(&reply);
}

/* What comes while the server is busy waits together. */
static void
check_batch(void **state)
{
	int busy = begin("/slow");
	int waiting[5];
	struct sbuf reply = {0};

	(void)state;
	assert_int_equal(next_event(10000), 's');
	for (size_t i = 0; i < 4; i++) {
		char uri[16];

		snprintf(uri, sizeof(uri), "/later?n%zu", i);
		waiting[i] = begin(uri);
	}
	waiting[4] = begin("/hello");
	assert_answer(busy, "slow");
	/* the busy one's round had room for two more */
	assert_int_equal(next_event(10000), 't');
	assert_answer(waiting[0], "1 of 2, n0");
	assert_answer(waiting[1], "2 of 2, n1");
	assert_int_equal(next_event(10000), 'a');
	assert_int_equal(next_event(10000), 't');
	assert_answer(waiting[2], "1 of 2, n2");
	assert_answer(waiting[3], "2 of 2, n3");
	assert_answer(waiting[4], "ok");
	assert_int_equal(next_event(10000), 'a');
	/* and what comes alone does not wait */
	assert_true(get("/later?alone", &reply));
	assert_string_equal(body_of(&reply), "1 of 1, alone");
	sbuf_clear(&reply);
}

static void
check_commit(void **state)
{
	int busy = begin("/slow");
	int first;
	int second;

	(void)state;
	assert_int_equal(next_event(10000), 's');
	first = begin("/later?first");
	second = begin("/commit");
	assert_answer(busy, "slow");
	assert_int_equal(next_event(10000), 't');
	assert_answer(first, "1 of 1, first");
	assert_int_equal(next_event(10000), 'a'); /* nor need those who are to be woken */
	assert_int_equal(next_event(10000), 's'); /* the other is at its slow work still */
	assert_answer(second, "committed before");
	assert_int_equal(next_event(10000), 'a');
	/* with nothing put off it does nothing, and the one in hand can be put off after it */
	busy = begin("/slow");
	assert_int_equal(next_event(10000), 's');
	first = begin("/later?first");
	second = begin("/commit-later?second");
	assert_answer(busy, "slow");
	assert_answer(first, "1 of 1, first");
	assert_answer(second, "1 of 1, second");
	assert_answer(begin("/commit-later?third"), "1 of 1, third");
}

/* Somebody is always waiting: the server never gets to sleep. */
static void
check_stop_busy(void **state)
{
	int waiting[40];
	int answered = 0;
	struct sbuf reply = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(waiting); i++)
		waiting[i] = begin("/nap");
	assert_int_equal(next_event(10000), 'a');
	kill(servers[0], SIGTERM);
	assert_int_equal(wait_exit(0), 0);
	for (size_t i = 0; i < COUNT_OF(waiting); i++) {
		int there;

		sbuf_reset(&reply);
		if (ioctl(waiting[i], FIONREAD, &there) == 0 && there > 0)
			answered += read_reply(waiting[i], &reply);
		close(waiting[i]);
	}
	assert_in_range(answered, 1, COUNT_OF(waiting) - 1);
	sbuf_clear(&reply);
}

/* A peer that says half and keeps the connection. */
static void
check_stalled(void **state)
{
	struct sbuf out = {0};
	struct sbuf reply = {0};
	int stalled = dial();
	int other;

	(void)state;
	put_head(&out, "POST", "/echo", "8");
	put_record(&out, FCGI_STDIN, "1234", 4);
	send_bytes(stalled, out.data, out.length);
	wait_until_read(stalled);
	other = begin("/hello");
	assert_true(read_reply(stalled, &reply));
	assert_begins(&reply, "Status: 400 ");
	close(stalled);
	assert_answer(other, "ok");
	sbuf_clear(&out);
	sbuf_clear(&reply);
}

static void
check_stop_batch(void **state)
{
	int busy = begin("/slow");
	int waiting;

	(void)state;
	assert_int_equal(next_event(10000), 's');
	waiting = begin("/later?last");
	kill(servers[0], SIGTERM);
	assert_answer(busy, "slow");
	assert_answer(waiting, "1 of 1, last");
	assert_int_equal(wait_exit(0), 0);
}

/* The server has room for three of them. */
static void
park_three(int waiting[static 3])
{
	static const char *const uris[] = {"/park?one", "/park?defer", "/park?three"};

	for (size_t i = 0; i < COUNT_OF(uris); i++) {
		waiting[i] = begin(uris[i]);
		do
			assert_false(log_has("level=error"));
		while (next_event(10000) != 'p');
	}
}

static void
check_parked(void **state)
{
	int waiting[3];
	struct sbuf reply = {0};

	(void)state;
	park_three(waiting);
	assert_true(get("/hello", &reply));
	assert_string_equal(body_of(&reply), "ok");
	assert_true(get("/later?other", &reply));
	assert_string_equal(body_of(&reply), "1 of 1, other");
	assert_true(get("/park?four", &reply));
	assert_begins(&reply, "Status: 503 ");
	assert_true(get("/open", &reply));
	assert_answer(waiting[0], "one");
	assert_answer(waiting[1], "1 of 1, defer");
	assert_answer(waiting[2], "three");
	assert_true(get("/later?last", &reply));
	assert_string_equal(body_of(&reply), "1 of 1, last");
	sbuf_clear(&reply);
}

static void
check_stop_parked(void **state)
{
	int waiting[3];

	(void)state;
	park_three(waiting);
	kill(servers[0], SIGTERM);
	assert_answer(waiting[0], "one");
	assert_answer(waiting[1], "1 of 1, defer");
	assert_answer(waiting[2], "three");
	assert_int_equal(wait_exit(0), 0);
}

/* The second call comes after another request was answered: the first one keeps nobody waiting. */
static void
check_again(void **state)
{
	struct sbuf reply = {0};
	int waiting = begin("/again");

	(void)state;
	assert_int_equal(next_event(10000), 'p');
	assert_true(get("/hello", &reply));
	assert_string_equal(body_of(&reply), "ok");
	assert_answer(waiting, "in the end");
	sbuf_clear(&reply);
}

/* Each commit puts it off once more; what it had written is dropped. */
static void
check_commit_again(void **state)
{
	struct sbuf reply = {0};
	int waiting = begin("/later-again?x");

	(void)state;
	assert_int_equal(next_event(10000), 't');
	assert_true(get("/hello", &reply));
	assert_string_equal(body_of(&reply), "ok");
	assert_answer(waiting, "1 of 1, x");
	sbuf_clear(&reply);
}

static void
check_stop_again(void **state)
{
	int waiting = begin("/again");

	(void)state;
	assert_int_equal(next_event(10000), 'p');
	kill(servers[0], SIGTERM);
	assert_answer(waiting, "in the end");
	assert_int_equal(wait_exit(0), 0);
}

static void
check_no_socket(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct serve_conf conf = {.program = "test", .handle = handle};
		FILE *log = freopen("/dev/null", "w", stderr);
		FILE *input = freopen("/dev/null", "r", stdin);

		_exit(log == NULL || input == NULL ? 9 : serve_run(&conf));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

#define SERVES(sentence, function, start)                                           \
	{                                                                           \
		.name = (sentence), .test_func = (function), .setup_func = (start), \
		.teardown_func = (tear_down)                                        \
	}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SERVES("a request is answered and logged without its query", check_get, set_up),
	    SERVES("a body arrives byte for byte", check_post, set_up),
	    SERVES("the declared length is read exactly or refused", check_lengths, set_up),
	    SERVES("a huge body is refused without being stored", check_huge, set_up),
	    SERVES("a big reply arrives whole", check_big_reply, set_up),
	    SERVES("what a failed handler wrote is never sent", check_errors, set_up),
	    SERVES("a program can make its own error replies", check_fail_page, set_up_page),
	    SERVES("a request cut anywhere never reaches a handler", check_cut, set_up),
	    SERVES("a client that closes early is logged and harms nothing", check_gone, set_up),
	    SERVES("SIGTERM ends an idle process at once", check_stop_idle, set_up),
	    SERVES("SIGTERM lets a handler finish", check_stop_handling, set_up),
	    SERVES("a signal inside a body does not cut it", check_stop_body, set_up),
	    SERVES("deferred work is done in time, once, and before the end", check_idle, set_up),
	    SERVES("idle work that is due just before the end is done", check_last_idle, set_up),
	    SERVES("a process ends after about its configured number of requests", check_recycle,
		set_up_recycled),
	    SERVES("two processes share a socket, and one may end", check_two, set_up),
	    SERVES("deferred replies are committed together", check_batch, set_up_batch),
	    SERVES("deferred replies need not wait for a slow handler", check_commit, set_up_batch),
	    SERVES(
		"SIGTERM ends a process for which requests always wait", check_stop_busy, set_up),
	    SERVES("a peer that stalls within a request is dropped after the time limit",
		check_stalled, set_up),
	    SERVES("SIGTERM does not lose deferred replies", check_stop_batch, set_up_batch),
	    SERVES("parked requests keep no other waiting", check_parked, set_up_batch),
	    SERVES("SIGTERM does not lose parked requests", check_stop_parked, set_up_batch),
	    SERVES("a request that is put off for a time is handled again then", check_again,
		set_up_batch),
	    SERVES("a commit can put a request off for a time", check_commit_again, set_up_batch),
	    SERVES("SIGTERM does not lose requests that were put off for a time", check_stop_again,
		set_up_batch),
	    SAYS("without a listening socket the program reports it and ends", check_no_socket),
	};
	int fd = mkstemp(log_path);
	int failures;

	if (fd < 0)
		return 99;
	close(fd);
	failures = RUN_TESTS(tests);
	unlink(log_path);
	return failures;
}
