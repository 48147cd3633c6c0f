/* Sending one webhook. */
#include "webhook.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <curl/curl.h>

#include "loop.h"
#include "signing.h"
#include "text.h"

#define ANSWER_TIMEOUT_MS 10000L
#define ANSWER_MAX 65536

struct webhook {
	CURL *easy;
	struct curl_slist *headers;
	struct text answer;
	bool set_cookie;
	int64_t started_at;
	webhook_done_fn *done;
	void *context;
};

static size_t
take_answer(char *data, size_t size, size_t count, void *context)
{
	struct webhook *webhook = context;

	if (webhook->answer.length + count <= ANSWER_MAX)
		text_put(&webhook->answer, data, count);
	return size * count;
}

static size_t
take_header(char *data, size_t size, size_t count, void *context)
{
	struct webhook *webhook = context;

	if (count >= 11 && strncasecmp(data, "set-cookie:", 11) == 0)
		webhook->set_cookie = true;
	return size * count;
}

static void
header_add(struct webhook *webhook, const char *name, const char *value)
{
	char *line = text_format("%s: %s", name, value);
	struct curl_slist *list = curl_slist_append(webhook->headers, line);

	if (list == NULL)
		die("out of memory (header)");
	webhook->headers = list;
	free(line);
}

/* The path and query of a URL, as they stand on the request line. */
static const char *
target_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host != NULL ? strchr(host + 3, '/') : NULL;

	return path != NULL ? path : "/";
}

static void
add_headers(struct webhook *webhook, const char *url, const char *body, size_t length)
{
	struct signed_headers made = {0};
	char *correlation = uuid_random();

	signing_make("post", target_of(url), body, length, NULL, NULL, &made);
	header_add(webhook, "Authorization", made.authorization);
	header_add(webhook, "Digest", made.digest);
	header_add(webhook, "Date", made.date);
	header_add(webhook, "X-ST-Correlation", correlation);
	header_add(webhook, "Content-Type", "application/json");
	header_add(webhook, "Expect", "");
	signing_clear(&made);
	free(correlation);
}

struct webhook *
webhook_start(
    const char *url, const char *body, size_t length, webhook_done_fn *done, void *context)
{
	struct webhook *webhook = memory_get(sizeof(*webhook));
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		die("out of memory (transfer)");
	webhook->easy = easy;
	webhook->done = done;
	webhook->context = context;
	webhook->started_at = time_monotonic_ms();
	add_headers(webhook, url, body, length);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ANSWER_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, webhook->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, webhook);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, webhook);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, webhook);
	if (curl_multi_add_handle(loop_multi(), easy) != CURLM_OK)
		die("cannot start a transfer");
	return webhook;
}

void
webhook_cancel(struct webhook *webhook)
{
	if (webhook == NULL)
		return;
	curl_multi_remove_handle(loop_multi(), webhook->easy);
	curl_easy_cleanup(webhook->easy);
	curl_slist_free_all(webhook->headers);
	text_clear(&webhook->answer);
	free(webhook);
}

static void
transfer_done(CURL *easy, CURLcode code)
{
	struct webhook *webhook = NULL;
	struct webhook_result result = {0};

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&webhook);
	if (code == CURLE_OK)
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &result.status);
	else
		result.error = curl_easy_strerror(code);
	result.answer = webhook->answer.data != NULL ? webhook->answer.data : "";
	result.ms = time_monotonic_ms() - webhook->started_at;
	result.set_cookie = webhook->set_cookie;
	webhook->done(webhook->context, &result);
	webhook_cancel(webhook);
}

void
webhook_open(void)
{
	loop_on_transfer(transfer_done);
}
