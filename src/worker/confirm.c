/*
 * Confirmations of the webhook address.  The webhook checked each address before it queued it; its
 * origin is checked again here, because it is fetched from inside our network.
 */
#include "worker/confirm.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "smartthings/api.h"
#include "store/confirmation.h"
#include "worker/calls.h"
#include "worker/retry.h"

static const struct backoff backoff = {.first_ms = 2000, .most_ms = 600000};

struct confirmation {
	struct worker *worker;
	uint8_t hash[SECRET_SHA256_BYTES];
	int64_t attempts;
};

static void
finish(struct confirmation *confirmation, enum sw_err err, int64_t delay_ms)
{
	struct worker *worker = confirmation->worker;
	const char *error = err == SW_OK ? NULL : err_name(err);

	delay_ms = retry_delay_ms(&backoff, confirmation->attempts, delay_ms);
	if (worker->stopping)
		delay_ms = 0;
	if (store_confirmation_finish(
		worker->db, &worker->scratch, confirmation->hash, error, delay_ms) != SW_OK)
		log_event(LOG_WARN, "confirm.unsaved", (const char *)NULL);
	log_event(err == SW_OK ? LOG_INFO : LOG_WARN,
	    err == SW_OK ? "confirm.done" : "confirm.failed", "err", error, (const char *)NULL);
	worker->confirmations--;
	worker->has_work = true; /* there is room for the next one */
	free(confirmation);
}

static void
on_answer(void *context, const struct call_answer *answer)
{
	finish(context, answer->err, answer->delay_ms);
}

static void
begin(struct worker *worker, const struct store_confirmation *row)
{
	struct confirmation *confirmation = calloc(1, sizeof(*confirmation));
	struct client_request request;
	enum sw_err err = SW_EINPUT;

	if (confirmation == NULL)
		return; /* out of memory: the end of the lease puts it back */
	confirmation->worker = worker;
	confirmation->attempts = row->attempts;
	memcpy(confirmation->hash, row->hash, sizeof(confirmation->hash));
	worker->confirmations++;
	platform_prepare(PLATFORM_CONFIRM, &request);
	request.url = row->url;
	if (platform_is_own_link(&worker->config->api, row->url))
		err = call_start_request(
		    worker, NULL, PLATFORM_CONFIRM, &request, on_answer, confirmation);
	if (err != SW_OK)
		finish(confirmation, err, -1);
}

int
confirmations_claim(struct worker *worker)
{
	struct store_confirmation *rows;
	size_t count;

	if (worker->confirmations >= WORKER_CONFIRMATIONS_MAX)
		return 0;
	if (store_confirmation_claim(worker->db, &worker->scratch, worker->id,
		WORKER_CONFIRMATIONS_MAX - worker->confirmations, &rows, &count) != SW_OK)
		return 0;
	for (size_t i = 0; i < count; i++)
		begin(worker, &rows[i]);
	return (int)count;
}
