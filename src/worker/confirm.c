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
	char subject[2 * SECRET_SHA256_BYTES + 1]; /* of its row in the queue */
	enum work_priority priority;
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
		worker->db, &worker->scratch, confirmation->subject, error, delay_ms) != SW_OK)
		log_event(LOG_WARN, "confirm.unsaved", (const char *)NULL);
	log_event(err == SW_OK ? LOG_INFO : LOG_WARN,
	    err == SW_OK ? "confirm.done" : "confirm.failed", "err", error, (const char *)NULL);
	worker->confirmations--;
	worker->running[confirmation->priority]--;
	worker->has_work = true; /* there is room for the next one */
	free(confirmation);
}

static void
on_answer(void *context, const struct call_answer *answer)
{
	finish(context, answer->err, answer->delay_ms);
}

static enum sw_err
fetch(struct confirmation *confirmation)
{
	struct worker *worker = confirmation->worker;
	struct client_request request;
	const char *url;
	enum sw_err err =
	    store_confirmation_url(worker->db, &worker->scratch, confirmation->subject, &url);

	if (err != SW_OK)
		return err;
	if (!platform_is_own_link(&worker->config->api, url))
		return SW_EINPUT;
	platform_prepare(PLATFORM_CONFIRM, &request);
	request.url = url;
	return call_start_request(
	    worker, NULL, PLATFORM_CONFIRM, &request, on_answer, confirmation);
}

void
confirmation_begin(struct worker *worker, const struct store_work *row)
{
	struct confirmation *confirmation = calloc(1, sizeof(*confirmation));
	size_t length = strlen(row->subject);
	enum sw_err err;

	if (confirmation == NULL || length >= sizeof(confirmation->subject)) {
		free(confirmation);
		return; /* the end of the lease puts it back */
	}
	memcpy(confirmation->subject, row->subject, length + 1);
	confirmation->worker = worker;
	confirmation->priority = row->priority;
	confirmation->attempts = row->attempts;
	worker->confirmations++;
	worker->running[row->priority]++;
	err = fetch(confirmation);
	if (err != SW_OK)
		finish(confirmation, err == SW_ENOTFOUND ? SW_OK : err, -1);
}
