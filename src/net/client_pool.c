/*
 * Outbound HTTP, many requests at once in an event loop.  What it hides: curl_multi, and the life
 * of each transfer from the copy of its request to its callback.
 */
#include "net/client_pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/secret.h"
#include "net/client_transfer.h"

#define HOST_CONNECTIONS_MAX 8L
#define OPEN_CONNECTIONS_MAX 128L
#define EXTRA_MAX 16
/* libcurl knows the age of connections in whole seconds. */
#define FRESH_S 2

/* A transfer of the pool, with its own copies of what it needs. */
struct pooled {
	struct transfer transfer;
	struct client_reply reply;
	char *body;
	size_t body_length;
	client_done *done;
	void *context;
	int64_t started_ms; /* monotonic */
	struct pooled *next, *previous;
};

struct client_pool {
	CURLM *multi;
	struct pooled *first;
	size_t active;
	int64_t answered_ms;  /* when a reused connection gave a reply last, monotonic */
	int64_t condemned_ms; /* connections opened before then are not used again; 0: none */
};

enum sw_err
client_pool_new(struct client_pool **out)
{
	struct client_pool *pool;

	*out = NULL;
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return SW_ENOMEM;
	if (!transfer_open_library()) {
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
	/* libcurl's default, four per running transfer, closes connections that are needed soon. */
	curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, OPEN_CONNECTIONS_MAX);
	*out = pool;
	return SW_OK;
}

static void
pooled_free(struct pooled *pooled)
{
	if (pooled == NULL)
		return;
	curl_easy_cleanup(pooled->transfer.easy);
	transfer_free_headers(pooled->transfer.headers);
	secret_free(pooled->body, pooled->body_length);
	client_reply_clear(&pooled->reply);
	free(pooled);
}

static void
pool_link(struct client_pool *pool, struct pooled *pooled)
{
	pooled->next = pool->first;
	if (pool->first != NULL)
		pool->first->previous = pooled;
	pool->first = pooled;
	pool->active++;
}

static void
pool_unlink(struct client_pool *pool, struct pooled *pooled)
{
	curl_multi_remove_handle(pool->multi, pooled->transfer.easy);
	if (pooled->previous != NULL)
		pooled->previous->next = pooled->next;
	else
		pool->first = pooled->next;
	if (pooled->next != NULL)
		pooled->next->previous = pooled->previous;
	pool->active--;
}

void
client_pool_free(struct client_pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->first != NULL) {
		struct pooled *pooled = pool->first;

		pool_unlink(pool, pooled);
		pooled_free(pooled);
	}
	curl_multi_cleanup(pool->multi);
	curl_global_cleanup();
	free(pool);
}

/* A transfer with a copy of the body; NULL when out of memory. */
static struct pooled *
pooled_new(const struct client_request *request)
{
	struct pooled *pooled = calloc(1, sizeof(*pooled));

	if (pooled == NULL)
		return NULL;
	pooled->transfer.reply = &pooled->reply;
	pooled->transfer.easy = curl_easy_init();
	if (pooled->transfer.easy == NULL)
		goto fail;
	if (request->body != NULL) {
		pooled->body = malloc(request->body_length + 1);
		if (pooled->body == NULL)
			goto fail;
		memcpy(pooled->body, request->body, request->body_length);
		pooled->body_length = request->body_length;
	}
	return pooled;
fail:
	pooled_free(pooled);
	return NULL;
}

void
client_pool_limit(struct client_pool *pool, long connections)
{
	curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
}

/* Does a transfer still run that may be on a condemned connection? */
static bool
pool_runs_condemned(const struct client_pool *pool)
{
	for (const struct pooled *i = pool->first; i != NULL; i = i->next) {
		if (i->started_ms <= pool->condemned_ms)
			return true;
	}
	return false;
}

/*
 * Keep a new transfer off condemned connections.  libcurl looks at the age of idle ones only, so
 * until all are idle, and their age tells them apart, the transfer gets a connection of its own.
 */
static enum sw_err
avoid_condemned(const struct client_pool *pool, struct pooled *pooled)
{
	CURL *easy = pooled->transfer.easy;
	int64_t age_s = (pooled->started_ms - pool->condemned_ms) / 1000;
	CURLcode code = CURLE_OK;

	if (pool->condemned_ms == 0)
		return SW_OK;
	if (age_s < FRESH_S || pool_runs_condemned(pool))
		code = curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	else if (age_s - 1 < TRANSFER_CONNECTION_LIFE_S)
		code = curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)age_s - 1);
	return code == CURLE_OK ? SW_OK : SW_ENOMEM;
}

/*
 * A connection that died without a word answers nothing, and libcurl goes on using one of HTTP/2
 * whose transfers time out.  So when a transfer times out, and no older connection has given a
 * reply since it began, all are condemned.
 */
static void
judge_connections(struct client_pool *pool, const struct pooled *pooled, enum sw_err err)
{
	int64_t now_ms = clock_monotonic_ms();
	long connects = 1;

	curl_easy_getinfo(pooled->transfer.easy, CURLINFO_NUM_CONNECTS, &connects);
	if (err == SW_OK && connects == 0)
		pool->answered_ms = now_ms;
	if (err == SW_ETIMEOUT && pooled->reply.sent && pooled->started_ms > pool->condemned_ms &&
	    pooled->started_ms > pool->answered_ms)
		pool->condemned_ms = now_ms;
}

enum sw_err
client_pool_start(struct client_pool *pool, const struct client_request *request, client_done *done,
    void *context)
{
	struct pooled *pooled = pooled_new(request);
	enum sw_err err;

	if (pooled == NULL)
		return SW_ENOMEM;
	pooled->done = done;
	pooled->context = context;
	pooled->started_ms = clock_monotonic_ms();
	err = transfer_prepare(&pooled->transfer, request, pooled->body);
	if (err == SW_OK)
		err = avoid_condemned(pool, pooled);
	/*
	 * Over TLS, wait for a first connection, which may be HTTP/2 and then carry all
	 * transfers, before opening more; without TLS there is no HTTP/2.
	 */
	if (err == SW_OK && strncasecmp(request->url, "https:", 6) == 0)
		curl_easy_setopt(pooled->transfer.easy, CURLOPT_PIPEWAIT, 1L);
	if (err == SW_OK &&
	    curl_easy_setopt(pooled->transfer.easy, CURLOPT_PRIVATE, pooled) != CURLE_OK)
		err = SW_ENOMEM;
	if (err == SW_OK && curl_multi_add_handle(pool->multi, pooled->transfer.easy) != CURLM_OK)
		err = SW_ENOMEM;
	if (err != SW_OK) {
		pooled_free(pooled);
		return err;
	}
	pool_link(pool, pooled);
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
		struct pooled *pooled = NULL;
		CURLcode code = message->data.result;
		enum sw_err err;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&pooled);
		err = transfer_finish(&pooled->transfer, code);
		judge_connections(pool, pooled, err);
		pool_unlink(pool, pooled); /* "message" is gone with it */
		pooled->done(pooled->context, err, pooled->transfer.reply);
		pooled_free(pooled);
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
