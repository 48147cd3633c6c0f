/*
 * Confirmations of the webhook address.  The webhook has checked the address
 * before it was queued; its origin is looked at once more, because it is
 * fetched from inside our network.
 */
#include "worker/confirm.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "smartthings/api.h"
#include "store/confirmation.h"
#include "worker/calls.h"
#include "worker/job.h"

#define RETRY_FIRST_MS 2000
#define RETRY_MOST_MS 600000

struct confirm {
	struct worker *worker;
	uint8_t hash[SECRET_SHA256_BYTES];
	int64_t attempts;
};

static void
finish(struct confirm *confirm, enum sw_err err, int64_t delay_ms)
{
	struct worker *worker = confirm->worker;
	const char *error = err == SW_OK ? NULL : err_name(err);

	if (delay_ms < 0)
		delay_ms = backoff_ms(confirm->attempts, RETRY_FIRST_MS, RETRY_MOST_MS);
	if (worker->stopping)
		delay_ms = 0;
	if (store_confirmation_finish(
		worker->db, &worker->scratch, confirm->hash, error, delay_ms) != SW_OK)
		log_event(LOG_WARN, "confirm.lost", (const char *)NULL);
	log_event(err == SW_OK ? LOG_INFO : LOG_WARN,
	    err == SW_OK ? "confirm.done" : "confirm.failed", "err", error, (const char *)NULL);
	worker->confirms--;
	worker->has_work = true;
	free(confirm);
}

static void
on_answer(void *context, enum sw_err err, struct client_reply *reply)
{
	struct confirm *confirm = context;
	struct platform_outcome outcome;

	platform_classify(err, reply, &outcome);
	calls_note(confirm->worker, NULL, NULL, PLATFORM_CONFIRM, reply, &outcome);
	finish(confirm, outcome.err, outcome.delay_ms);
}

static void
begin(struct worker *worker, const struct store_confirmation *row)
{
	struct confirm *confirm = calloc(1, sizeof(*confirm));
	struct client_request request;
	enum sw_err err = SW_EINPUT;

	if (confirm == NULL)
		return;
	confirm->worker = worker;
	confirm->attempts = row->attempts;
	memcpy(confirm->hash, row->hash, sizeof(confirm->hash));
	worker->confirms++;
	platform_prepare(PLATFORM_CONFIRM, &request);
	request.url = row->url;
	if (platform_is_own_link(&worker->config->api, row->url))
		err = client_pool_start(worker->pool, &request, on_answer, confirm);
	if (err != SW_OK)
		finish(confirm, err, -1);
}

int
confirms_claim(struct worker *worker)
{
	struct store_confirmation *rows;
	size_t count;

	if (worker->confirms >= WORKER_CONFIRMS_MAX)
		return 0;
	if (store_confirmation_claim(worker->db, &worker->scratch, worker->id,
		WORKER_CONFIRMS_MAX - worker->confirms, &rows, &count) != SW_OK)
		return 0;
	for (size_t i = 0; i < count; i++)
		begin(worker, &rows[i]);
	return (int)count;
}
