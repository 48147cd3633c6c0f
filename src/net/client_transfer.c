/*
 * One transfer through libcurl.  What it hides: the options (by default libcurl allows file://,
 * uses proxies of the environment and has no time limit), the limits on the reply, and whether the
 * request may have reached the server.
 */
#include "net/client_transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/secret.h"
#include "formats/base64.h"
#include "formats/number.h"
#include "formats/url.h"

#define CONNECT_TIMEOUT_MS 3000L
#define TIMEOUT_MS 10000L
#define RESPONSE_LIMIT ((size_t)4 << 20)
#define HEADER_BYTES_MAX ((size_t)64 << 10)
#define CREDENTIALS_MAX 1024
#define HEADER_COUNT_MAX INT64_C(999999999999999)
/* Longer than any transfer: what was sent and not acknowledged for so long never will be. */
#define USER_TIMEOUT_MS 20000

bool
transfer_open_library(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void
transfer_init_reply(struct client_reply *reply, size_t limit)
{
	client_reply_clear(reply);
	sbuf_init_secret(&reply->body, limit);
	reply->retry_after_ms = -1;
	reply->limit_reset_ms = -1;
	reply->limit_remaining = -1;
}

/* A header of digits; -1 when it is anything else. */
static int64_t
parse_count(const char *text)
{
	int64_t count = -1;

	return number_parse_text(text, 0, HEADER_COUNT_MAX, &count) == SW_OK ? count : -1;
}

/* Retry-After is seconds or a date (RFC 9110 10.2.3). */
static int64_t
parse_retry_after(const char *text)
{
	int64_t at;
	int64_t seconds = parse_count(text);

	if (seconds >= 0)
		return seconds > INT32_MAX ? INT32_MAX * INT64_C(1000) : seconds * 1000;
	if (!clock_parse_http_date(text, &at))
		return -1;
	at = at * 1000 - clock_now_ms();
	return at > 0 ? at : 0;
}

static void
take_header(struct client_reply *reply, const char *name, const char *value)
{
	if (strcasecmp(name, "Retry-After") == 0)
		reply->retry_after_ms = parse_retry_after(value);
	else if (strcasecmp(name, "X-RateLimit-Reset") == 0)
		reply->limit_reset_ms = parse_count(value);
	else if (strcasecmp(name, "X-RateLimit-Remaining") == 0)
		reply->limit_remaining = parse_count(value);
}

static size_t
on_header(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	size_t length = size * count;
	char line[160];
	char *value;
	char *end;

	transfer->header_bytes += length;
	if (transfer->header_bytes > HEADER_BYTES_MAX) {
		transfer->too_large = true;
		return 0;
	}
	if (length >= sizeof(line)) /* longer than any header that take_header() reads */
		return length;
	memcpy(line, data, length);
	line[length] = '\0';
	value = strchr(line, ':');
	if (value == NULL)
		return length;
	*value++ = '\0';
	value += strspn(value, " \t");
	end = value + strlen(value);
	while (end > value && strchr(" \t\r\n", end[-1]) != NULL)
		*--end = '\0';
	take_header(transfer->reply, line, value);
	return length;
}

static size_t
on_body(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	struct sbuf *body = &transfer->reply->body;
	size_t length = size * count;

	if (length > transfer->response_limit - body->length) {
		transfer->too_large = true;
		return 0;
	}
	sbuf_put(body, data, length);
	return sbuf_failed(body) ? 0 : length;
}

void
transfer_free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *i = headers; i != NULL; i = i->next)
		secret_cleanse(i->data, strlen(i->data));
	curl_slist_free_all(headers);
}

/* Append "name: value"; NULL values are skipped.  SW_EINPUT when it would split the request. */
static enum sw_err
header_add(struct transfer *transfer, const char *name, const char *scheme, const char *value)
{
	struct sbuf line;
	struct curl_slist *list;
	enum sw_err err = SW_OK;

	if (value == NULL)
		return SW_OK;
	if (strpbrk(value, "\r\n") != NULL)
		return SW_EINPUT;
	sbuf_init_secret(&line, 0);
	sbuf_printf(&line, "%s: %s", name, scheme);
	sbuf_put_text(&line, value);
	list = sbuf_failed(&line) ? NULL : curl_slist_append(transfer->headers, line.data);
	if (list == NULL)
		err = SW_ENOMEM;
	else
		transfer->headers = list;
	sbuf_clear(&line);
	return err;
}

/* HTTP Basic (RFC 7617), made here and not by libcurl, so that both copies can be cleansed. */
static enum sw_err
basic_add(struct transfer *transfer, const char *user, const char *password)
{
	char plain[CREDENTIALS_MAX];
	char encoded[BASE64_ENCODED_SIZE(CREDENTIALS_MAX)];
	struct sbuf text;
	enum sw_err err;

	if (user == NULL)
		return SW_OK;
	if (password == NULL || strchr(user, ':') != NULL)
		return SW_EINPUT;
	if (strlen(user) + 1 + strlen(password) >= sizeof(plain))
		return SW_EINPUT;
	sbuf_init_secret(&text, 0);
	sbuf_put_text(&text, user);
	sbuf_put_char(&text, ':');
	sbuf_put_text(&text, password);
	if (sbuf_failed(&text)) {
		err = SW_ENOMEM;
	} else {
		base64_encode(text.data, text.length, encoded);
		err = header_add(transfer, "Authorization", "Basic ", encoded);
		secret_cleanse(encoded, sizeof(encoded));
	}
	sbuf_clear(&text);
	return err;
}

static enum sw_err
make_headers(struct transfer *transfer, const struct client_request *request)
{
	enum sw_err err = header_add(transfer, "Authorization", "Bearer ", request->bearer);

	if (err == SW_OK)
		err = basic_add(transfer, request->basic_user, request->basic_password);
	if (err == SW_OK)
		err = header_add(transfer, "Content-Type", "", request->content_type);
	if (err == SW_OK)
		err = header_add(transfer, "Accept", "", request->accept);
	return err;
}

/* Plain http only to this host; url_split() refuses every other scheme. */
static enum sw_err
find_protocols(const char *url, const char **out)
{
	struct url_parts parts;
	enum sw_err err = url_split(url, &parts);

	if (err != SW_OK)
		return err;
	*out = url_is_loopback(&parts) ? "http,https" : "https";
	return strcmp(parts.scheme, "http") == 0 && !url_is_loopback(&parts) ? SW_EINPUT : SW_OK;
}

static bool
set_method(CURL *easy, const struct client_request *request, const char *body)
{
	bool ok = true;

	switch (request->method) {
	case CLIENT_GET:
		ok = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
		break;
	case CLIENT_POST:
		ok = curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK;
		ok &= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
			  (curl_off_t)(body == NULL ? 0 : request->body_length)) == CURLE_OK;
		ok &= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body == NULL ? "" : body) ==
		      CURLE_OK;
		break;
	case CLIENT_DELETE:
		ok = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE") == CURLE_OK;
		break;
	case CLIENT_METHOD__MAX:
		ok = false;
		break;
	}
	return ok;
}

/* Without it, TCP sends again for a quarter of an hour before it reports a dead connection. */
static int
on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
	const unsigned timeout_ms = USER_TIMEOUT_MS;

	(void)context;
	(void)purpose;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	return CURL_SOCKOPT_OK;
}

static bool
set_connection(CURL *easy)
{
	bool ok = true;

	ok &= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 60L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 30L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, TRANSFER_CONNECTION_LIFE_S) ==
	      CURLE_OK;
	ok &=
	    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) == CURLE_OK;
	return ok;
}

/*
 * The authorities whose certificates are believed are the system's.  In a build for tests (see
 * base/failpoint.h) SWITCHBOARD_TEST_CA_FILE names the test's own instead.
 */
static bool
set_authorities(CURL *easy)
{
#ifdef SWITCHBOARD_FAILPOINTS
	const char *file = getenv("SWITCHBOARD_TEST_CA_FILE");

	if (file != NULL)
		return curl_easy_setopt(easy, CURLOPT_CAINFO, file) == CURLE_OK;
#endif
	(void)easy;
	return true;
}

/* Limits on protocols, certificates and time, all set here: libcurl's defaults are too lax. */
static bool
set_limits(CURL *easy, const struct client_request *request, const char *protocols)
{
	long connect_ms =
	    request->connect_timeout_ms > 0 ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	long total_ms = request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_MS;
	bool ok = true;

	ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total_ms) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	return ok;
}

/*
 * libcurl calls this before it sends, and again before it repeats a request: when a reused
 * connection broke before the first byte of the reply, or when HTTP/2 refused the stream.  A POST
 * of which a byte was sent may have had its effect, so only the caller may repeat it.
 */
static int
on_send(void *context, char *peer, char *local, int peer_port, int local_port)
{
	const struct transfer *transfer = context;
	long bytes = 0;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	if (!transfer->once)
		return CURL_PREREQFUNC_OK;
	if (curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK)
		return CURL_PREREQFUNC_ABORT;
	return bytes == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

enum sw_err
transfer_prepare(struct transfer *transfer, const struct client_request *request, const char *body)
{
	CURL *easy = transfer->easy;
	const char *protocols;
	enum sw_err err = find_protocols(request->url, &protocols);
	bool ok = true;

	if (err != SW_OK)
		return err;
	transfer->once = request->method == CLIENT_POST;
	transfer->response_limit =
	    request->response_limit > 0 ? request->response_limit : RESPONSE_LIMIT;
	transfer_init_reply(transfer->reply, transfer->response_limit + 1);
	err = make_headers(transfer, request);
	if (err != SW_OK)
		return err;
	ok &= curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
	/* As it is: libcurl would take out segments of dots, so that many names fetch one thing. */
	ok &= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "Switchboard") == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer) == CURLE_OK;
	/* Refuses a Content-Length over the limit; without one, on_body() cuts the reply off. */
	ok &= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
		  (curl_off_t)transfer->response_limit) == CURLE_OK;
	ok &= set_limits(easy, request, protocols);
	ok &= set_authorities(easy);
	ok &= set_connection(easy);
	ok &= set_method(easy, request, body);
	return ok ? SW_OK : SW_ENOMEM;
}

/*
 * Was any of the request sent?  Once libcurl began to send, it is unknown how much the server got,
 * so that counts as sent.
 */
static bool
was_sent(CURL *easy, CURLcode code)
{
	long bytes = 0;
	curl_off_t pretransfer_us = 0;

	if (code == CURLE_OK)
		return true;
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
	curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
	return bytes > 0 || pretransfer_us > 0;
}

static enum sw_err
outcome(const struct transfer *transfer, CURLcode code)
{
	if (transfer->too_large)
		return SW_ETOOLARGE;
	if (sbuf_failed(&transfer->reply->body))
		return SW_ENOMEM;
	switch (code) {
	case CURLE_OK:
		return SW_OK;
	case CURLE_FILESIZE_EXCEEDED:
		return SW_ETOOLARGE;
	case CURLE_OPERATION_TIMEDOUT:
		return SW_ETIMEOUT;
	case CURLE_URL_MALFORMAT:
		return SW_EINPUT;
	case CURLE_OUT_OF_MEMORY:
		return SW_ENOMEM;
	default:
		return SW_EUNAVAILABLE;
	}
}

enum sw_err
transfer_finish(struct transfer *transfer, CURLcode code)
{
	struct client_reply *reply = transfer->reply;
	curl_off_t elapsed_us = 0;
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &elapsed_us);
	reply->status = (int)status;
	reply->elapsed_ms = elapsed_us / 1000;
	reply->sent = was_sent(transfer->easy, code);
	return outcome(transfer, code);
}
