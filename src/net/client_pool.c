/*
 * Outbound HTTP, many requests at once in an event loop.  What it hides:
 * curl_multi and the life of each exchange, from the copy of its request to its callback.
 */
#include "net/client_pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/client_transfer.h"
#include "base/secret.h"

#define HOST_CONNECTIONS_MAX 8L
#define KEPT_CONNECTIONS_MAX 128L
#define EXTRA_MAX 16

/* A transfer with everything it needs of its own. */
struct exchange {
	struct transfer transfer;
	struct client_reply reply;
	char *body;
	size_t body_length;
	client_done *done;
	void *context;
	struct exchange *next, *previous;
};

struct client_pool {
	CURLM *multi;
	struct exchange *first;
	size_t active;
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
	/* Else libcurl keeps four for each transfer under way: few, when many have just ended. */
	curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS_MAX);
	*out = pool;
	return SW_OK;
}

static void
exchange_free(struct exchange *exchange)
{
	if (exchange == NULL)
		return;
	curl_easy_cleanup(exchange->transfer.easy);
	transfer_free_headers(exchange->transfer.headers);
	secret_free(exchange->body, exchange->body_length);
	client_reply_clear(&exchange->reply);
	free(exchange);
}

static void
pool_link(struct client_pool *pool, struct exchange *exchange)
{
	exchange->next = pool->first;
	if (pool->first != NULL)
		pool->first->previous = exchange;
	pool->first = exchange;
	pool->active++;
}

static void
pool_unlink(struct client_pool *pool, struct exchange *exchange)
{
	curl_multi_remove_handle(pool->multi, exchange->transfer.easy);
	if (exchange->previous != NULL)
		exchange->previous->next = exchange->next;
	else
		pool->first = exchange->next;
	if (exchange->next != NULL)
		exchange->next->previous = exchange->previous;
	pool->active--;
}

void
client_pool_free(struct client_pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->first != NULL) {
		struct exchange *exchange = pool->first;

		pool_unlink(pool, exchange);
		exchange_free(exchange);
	}
	curl_multi_cleanup(pool->multi);
	curl_global_cleanup();
	free(pool);
}

/* An exchange with a copy of the body; NULL when out of memory. */
static struct exchange *
exchange_new(const struct client_request *request)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (exchange == NULL)
		return NULL;
	exchange->transfer.reply = &exchange->reply;
	exchange->transfer.easy = curl_easy_init();
	if (exchange->transfer.easy == NULL)
		goto fail;
	if (request->body != NULL) {
		exchange->body = malloc(request->body_length + 1);
		if (exchange->body == NULL)
			goto fail;
		memcpy(exchange->body, request->body, request->body_length);
		exchange->body_length = request->body_length;
	}
	return exchange;
fail:
	exchange_free(exchange);
	return NULL;
}

void
client_pool_limit(struct client_pool *pool, long connections)
{
	curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
}

enum sw_err
client_pool_start(struct client_pool *pool, const struct client_request *request, client_done *done,
    void *context)
{
	struct exchange *exchange = exchange_new(request);
	enum sw_err err;

	if (exchange == NULL)
		return SW_ENOMEM;
	exchange->done = done;
	exchange->context = context;
	err = transfer_prepare(&exchange->transfer, request, exchange->body);
	/*
	 * Over TLS, wait for a connection that may take many streams rather than open eight at
	 * once; without TLS there is no HTTP/2 to wait for.
	 */
	if (err == SW_OK && strncasecmp(request->url, "https:", 6) == 0)
		curl_easy_setopt(exchange->transfer.easy, CURLOPT_PIPEWAIT, 1L);
	if (err == SW_OK &&
	    curl_easy_setopt(exchange->transfer.easy, CURLOPT_PRIVATE, exchange) != CURLE_OK)
		err = SW_ENOMEM;
	if (err == SW_OK && curl_multi_add_handle(pool->multi, exchange->transfer.easy) != CURLM_OK)
		err = SW_ENOMEM;
	if (err != SW_OK) {
		exchange_free(exchange);
		return err;
	}
	pool_link(pool, exchange);
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
		struct exchange *exchange = NULL;
		CURLcode code = message->data.result;
		enum sw_err err;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
		err = transfer_finish(&exchange->transfer, code);
		pool_unlink(pool, exchange); /* "message" is gone with it */
		exchange->done(exchange->context, err, exchange->transfer.reply);
		exchange_free(exchange);
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
