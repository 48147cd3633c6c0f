/* Status of devices, one by one. */
#include "worker/sync_status.h"

#include "base/clock.h"
#include "formats/json.h"
#include "smartthings/device_status.h"

#define FAILURES_MAX 3
#define AGAIN_MS 3600000

void
sync_status_clear(struct sync_status *status)
{
	json_decref(status->devices);
	status->devices = NULL;
}

bool
sync_status_add(struct sync_status *status, json_t *devices, size_t from)
{
	if (status->devices == NULL)
		status->devices = json_array();
	for (size_t i = from; i < json_array_size(devices); i++) {
		if (json_array_append(status->devices, json_array_get(devices, i)) != 0)
			return false;
	}
	/* Another one each time: where a limit ends the reading, all have their turn. */
	if (json_array_size(status->devices) > 0)
		status->first = (size_t)clock_monotonic_ms() % json_array_size(status->devices);
	return status->devices != NULL;
}

static json_t *
next_device(const struct sync_status *status)
{
	size_t count = json_array_size(status->devices);

	if (status->stopped || status->asked >= count)
		return NULL;
	return json_array_get(status->devices, (status->first + status->asked) % count);
}

const char *
sync_status_next(const struct sync_status *status)
{
	return jsonx_string(next_device(status), "device");
}

static void
stop(struct sync_status *status, int64_t delay_ms)
{
	status->stopped = true;
	status->delay_ms = delay_ms;
}

static void
take_failure(struct sync_status *status, enum sw_err err, int64_t delay_ms)
{
	status->failed++;
	if (err == SW_ELIMIT)
		stop(status, delay_ms >= 0 ? delay_ms : AGAIN_MS);
	else if (err == SW_EFORBIDDEN)
		stop(status, -1);
	else if (err != SW_EUPSTREAM && err != SW_ETIMEOUT && err != SW_EUNAVAILABLE)
		status->in_a_row = 0;
	else if (++status->in_a_row >= FAILURES_MAX)
		stop(status, AGAIN_MS);
}

enum sw_err
sync_status_take(
    struct sync_status *status, const struct call_answer *answer, struct device_notes *notes)
{
	enum sw_err err = answer->err;

	if (err == SW_OK)
		err = device_parse_status(answer->body, answer->length, next_device(status), notes);
	if (err == SW_EAUTH || err == SW_ENOMEM)
		return err;
	if (err == SW_OK)
		status->in_a_row = 0;
	else
		take_failure(status, err, answer->delay_ms);
	status->asked++;
	return SW_OK;
}

void
sync_status_drop_empty(json_t *devices)
{
	for (size_t i = json_array_size(devices); i-- > 0;) {
		if (json_array_size(json_object_get(json_array_get(devices, i), "switches")) == 0)
			json_array_remove(devices, i);
	}
}
