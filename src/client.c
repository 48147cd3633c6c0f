/*
 * Outbound HTTP through libcurl.  What it hides: curl's handles, the one
 * place where every option is set (defaults of curl would follow file://,
 * proxies of the environment and wait for ever), and whether a request may
 * have reached the server.
 */
#include "client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base64.h"
#include "clock.h"
#include "secret.h"
#include "url.h"

#define CONNECT_TIMEOUT_MS 3000L
#define TIMEOUT_MS 10000L
#define RESPONSE_LIMIT ((size_t)4 << 20)
#define HEADER_BYTES_MAX ((size_t)64 << 10)
#define CREDENTIALS_MAX 1024
#define HOST_CONNECTIONS_MAX 8L
#define EXTRA_MAX 16

/* One exchange, under way or not; what libcurl borrows lives here until it is over. */
struct transfer {
	CURL *easy;
	struct curl_slist *headers;
	struct client_reply *reply;
	size_t response_limit;
	size_t header_bytes;
	bool too_large;
	/* for the pool only */
	struct client_reply own_reply;
	char *body;
	size_t body_length;
	client_done *done;
	void *context;
	struct transfer *next, *previous;
};

struct client {
	CURL *easy;
};

struct client_pool {
	CURLM *multi;
	struct transfer *first;
	size_t active;
};

void
client_reply_clear(struct client_reply *reply)
{
	if (reply == NULL)
		return;
	reply->body.secret = true;
	sbuf_clear(&reply->body);
	memset(reply, 0, sizeof(*reply));
}

static void
reply_init(struct client_reply *reply, size_t limit)
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
	if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 15)
		return -1;
	return (int64_t)strtoimax(text, NULL, 10);
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
	if (length >= sizeof(line)) /* none of ours is that long */
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

/* libcurl keeps its copy of a header: ours is cleansed here when it is dropped. */
static void
headers_free(struct curl_slist *headers)
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

/* HTTP Basic (RFC 7617) made here, so that both copies can be cleansed. */
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

/* http stays on this host; url_split() refuses every other scheme. */
static const char *
allowed_protocols(const char *url)
{
	struct url_parts parts;

	if (url == NULL || url_split(url, &parts) != SW_OK)
		return NULL;
	if (url_is_loopback(&parts))
		return "http,https";
	return strcmp(parts.scheme, "https") == 0 ? "https" : NULL;
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

/* What a transfer may do and for how long; none of it is left to libcurl's defaults. */
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
	ok &= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 60L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 30L) == CURLE_OK;
	ok &=
	    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) == CURLE_OK;
	return ok;
}

/*
 * libcurl sends a request again, a POST too, when a kept connection turns
 * out dead before any answer.  A fresh connection is never retried.
 */
static bool
is_once(const struct client_request *request)
{
	return request->once || request->basic_user != NULL;
}

/*
 * Set every option of a transfer: the one place for both uses.  "body" is
 * borrowed until the transfer is over.
 */
static enum sw_err
prepare(struct transfer *transfer, const struct client_request *request, const char *body)
{
	CURL *easy = transfer->easy;
	const char *protocols = allowed_protocols(request->url);
	enum sw_err err;
	bool ok = true;

	if (protocols == NULL)
		return SW_EINPUT;
	transfer->response_limit =
	    request->response_limit > 0 ? request->response_limit : RESPONSE_LIMIT;
	reply_init(transfer->reply, transfer->response_limit + 1);
	err = make_headers(transfer, request);
	if (err != SW_OK)
		return err;
	ok &= curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "Switchboard") == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, is_once(request) ? 1L : 0L) == CURLE_OK;
	ok &= set_limits(easy, request, protocols);
	ok &= set_method(easy, request, body);
	return ok ? SW_OK : SW_ENOMEM;
}

/*
 * Did the request leave?  Once the connection stood and libcurl began to
 * send, nobody can say how much arrived, so that counts as sent.
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

static enum sw_err
finish(struct transfer *transfer, CURLcode code)
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

/* curl_global_init() counts its callers. */
static bool
library_open(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

enum sw_err
client_new(struct client **out)
{
	struct client *client;

	*out = NULL;
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return SW_ENOMEM;
	if (!library_open()) {
		free(client);
		return SW_EINTERNAL;
	}
	client->easy = curl_easy_init();
	if (client->easy == NULL) {
		curl_global_cleanup();
		free(client);
		return SW_ENOMEM;
	}
	*out = client;
	return SW_OK;
}

void
client_free(struct client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->easy);
	curl_global_cleanup();
	free(client);
}

enum sw_err
client_perform(
    struct client *client, const struct client_request *request, struct client_reply *reply)
{
	struct transfer transfer = {.easy = client->easy, .reply = reply};
	enum sw_err err;

	reply_init(reply, 0);
	err = prepare(&transfer, request, request->body);
	if (err == SW_OK)
		err = finish(&transfer, curl_easy_perform(client->easy));
	/* Pointers to what is freed next live on in the handle until the reset. */
	curl_easy_reset(client->easy);
	headers_free(transfer.headers);
	return err;
}

enum sw_err
client_pool_new(struct client_pool **out)
{
	struct client_pool *pool;

	*out = NULL;
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return SW_ENOMEM;
	if (!library_open()) {
		free(pool);
		return SW_EINTERNAL;
	}
	pool->multi = curl_multi_init();
	if (pool->multi == NULL) {
		curl_global_cleanup();
		free(pool);
		return SW_ENOMEM;
	}
	curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, HOST_CONNECTIONS_MAX);
	*out = pool;
	return SW_OK;
}

static void
transfer_free(struct transfer *transfer)
{
	if (transfer == NULL)
		return;
	curl_easy_cleanup(transfer->easy);
	headers_free(transfer->headers);
	secret_free(transfer->body, transfer->body_length);
	client_reply_clear(&transfer->own_reply);
	free(transfer);
}

static void
pool_link(struct client_pool *pool, struct transfer *transfer)
{
	transfer->next = pool->first;
	if (pool->first != NULL)
		pool->first->previous = transfer;
	pool->first = transfer;
	pool->active++;
}

static void
pool_unlink(struct client_pool *pool, struct transfer *transfer)
{
	curl_multi_remove_handle(pool->multi, transfer->easy);
	if (transfer->previous != NULL)
		transfer->previous->next = transfer->next;
	else
		pool->first = transfer->next;
	if (transfer->next != NULL)
		transfer->next->previous = transfer->previous;
	pool->active--;
}

void
client_pool_free(struct client_pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->first != NULL) {
		struct transfer *transfer = pool->first;

		pool_unlink(pool, transfer);
		transfer_free(transfer);
	}
	curl_multi_cleanup(pool->multi);
	curl_global_cleanup();
	free(pool);
}

/* A transfer with a copy of the body; NULL when out of memory. */
static struct transfer *
transfer_new(const struct client_request *request)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));

	if (transfer == NULL)
		return NULL;
	transfer->reply = &transfer->own_reply;
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL)
		goto fail;
	if (request->body != NULL) {
		transfer->body = malloc(request->body_length + 1);
		if (transfer->body == NULL)
			goto fail;
		memcpy(transfer->body, request->body, request->body_length);
		transfer->body_length = request->body_length;
	}
	return transfer;
fail:
	transfer_free(transfer);
	return NULL;
}

enum sw_err
client_pool_start(struct client_pool *pool, const struct client_request *request, client_done *done,
    void *context)
{
	struct transfer *transfer = transfer_new(request);
	enum sw_err err;

	if (transfer == NULL)
		return SW_ENOMEM;
	transfer->done = done;
	transfer->context = context;
	err = prepare(transfer, request, transfer->body);
	/*
	 * Over TLS, wait for a connection that may take many streams rather than open eight at
	 * once; without TLS there is no HTTP/2 to wait for.
	 */
	if (err == SW_OK && !is_once(request) && strncasecmp(request->url, "https:", 6) == 0)
		curl_easy_setopt(transfer->easy, CURLOPT_PIPEWAIT, 1L);
	if (err == SW_OK && curl_multi_add_handle(pool->multi, transfer->easy) != CURLM_OK)
		err = SW_ENOMEM;
	if (err != SW_OK) {
		transfer_free(transfer);
		return err;
	}
	pool_link(pool, transfer);
	return SW_OK;
}

size_t
client_pool_active(const struct client_pool *pool)
{
	return pool->active;
}

/* Call back for transfers that ended.  A callback may start new ones. */
static void
pool_collect(struct client_pool *pool)
{
	struct CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
		struct transfer *transfer = NULL;
		CURLcode code = message->data.result;
		enum sw_err err;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		err = finish(transfer, code);
		pool_unlink(pool, transfer); /* "message" is gone with it */
		transfer->done(transfer->context, err, transfer->reply);
		transfer_free(transfer);
	}
}

enum sw_err
client_pool_run(struct client_pool *pool, const int *extra, bool *extra_ready, size_t extra_count,
    int timeout_ms)
{
	struct curl_waitfd waits[EXTRA_MAX] = {0};
	unsigned used = 0;
	int running;

	assert(extra_count <= EXTRA_MAX);
	for (size_t i = 0; i < extra_count; i++) {
		extra_ready[i] = false;
		if (extra[i] < 0)
			continue;
		waits[used].fd = extra[i];
		waits[used++].events = CURL_WAIT_POLLIN;
	}
	if (curl_multi_poll(pool->multi, waits, used, timeout_ms, NULL) != CURLM_OK)
		return SW_EINTERNAL;
	used = 0;
	for (size_t i = 0; i < extra_count; i++) {
		if (extra[i] >= 0)
			extra_ready[i] = waits[used++].revents != 0;
	}
	if (curl_multi_perform(pool->multi, &running) != CURLM_OK)
		return SW_EINTERNAL;
	pool_collect(pool);
	return SW_OK;
}
