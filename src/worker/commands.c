/*
 * Sending commands and recording what the platform says to them (platform.md
 * "REST calls used").  ACCEPTED is not done: the event that follows confirms.
 */
#include "worker/commands.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "formats/json.h"
#include "base/log.h"
#include "smartthings/api.h"
#include "store/command.h"
#include "worker/calls.h"
#include "worker/job.h"

#define BATCH_MAX 10
#define RETRY_FIRST_MS 500
#define RETRY_MOST_MS 8000
/* As long as a command can be open: 30 s to be sent, 10 s to be confirmed. */
#define OPEN_MS 45000

/* The least time that is worth a call, when a command's deadline is near. */
#define CALL_LEAST_MS 500

enum outcome {
	OUTCOME_ACCEPTED,
	OUTCOME_FAILED,
	OUTCOME_RETRY
};

/* The commands of one request: all of one device; then what became of each. */
struct batch {
	struct worker *worker;
	struct arena arena;
	size_t count;
	struct store_command commands[BATCH_MAX];
	enum outcome outcomes[BATCH_MAX];
	size_t recorded;  /* so many outcomes are in the database */
	const char *code; /* why those that failed did */
	int64_t again_ms; /* monotonic: when those to be retried are due */
	int64_t started_ms;
	struct batch *next;
};

static void
batch_free(struct batch *batch)
{
	batch->worker->commands -= (int)batch->count;
	batch->worker->has_work = true;
	notify_add_page(&batch->worker->notify, batch->commands[0].installation_id);
	arena_free(&batch->arena);
	free(batch);
}

static void
log_outcome(const struct batch *batch, const char *outcome)
{
	const struct store_command *first = &batch->commands[0];

	log_event(LOG_INFO, "command.sent", "installation", first->installation_id, "device",
	    first->device_id, "commands", log_int((long long)batch->count), "outcome", outcome,
	    "ms", log_int(clock_monotonic_ms() - batch->started_ms), (const char *)NULL);
}

static enum sw_err
record_one(const struct batch *batch, size_t i)
{
	struct worker *worker = batch->worker;
	const struct store_command *command = &batch->commands[i];
	int64_t delay_ms = batch->again_ms - clock_monotonic_ms();

	switch (batch->outcomes[i]) {
	case OUTCOME_ACCEPTED:
		return store_command_accepted(worker->db, command);
	case OUTCOME_FAILED:
		return store_command_failed(worker->db, command, batch->code);
	default:
		return store_command_retry(worker->db, &worker->scratch, worker->id, command,
		    delay_ms > 0 && !worker->stopping ? delay_ms : 0);
	}
}

/* False: the database is away, and the rest has to be recorded later. */
static bool
record(struct batch *batch)
{
	for (; batch->recorded < batch->count; batch->recorded++) {
		const struct store_command *command = &batch->commands[batch->recorded];
		enum sw_err err = record_one(batch, batch->recorded);

		if (err == SW_EUNAVAILABLE || err == SW_ETIMEOUT || err == SW_ECONFLICT)
			return false;
		if (err != SW_OK) /* its lease brings it back */
			log_event(LOG_ERROR, "command.unrecorded", "installation",
			    command->installation_id, "command", command->command_id, "err",
			    err_name(err), (const char *)NULL);
	}
	return true;
}

/* An outcome that were forgotten would let the command be sent once more when its lease ends. */
static void
record_or_hold(struct batch *batch)
{
	struct worker *worker = batch->worker;

	if (record(batch)) {
		FAILPOINT("command.recorded");
		batch_free(batch);
		return;
	}
	log_event(LOG_WARN, "command.held", "installation", batch->commands[0].installation_id,
	    "commands", log_int((long long)(batch->count - batch->recorded)), (const char *)NULL);
	batch->next = worker->unrecorded;
	worker->unrecorded = batch;
}

void
commands_record_held(struct worker *worker)
{
	while (worker->unrecorded != NULL) {
		struct batch *batch = worker->unrecorded;

		if (!record(batch))
			return;
		worker->unrecorded = batch->next;
		batch_free(batch);
	}
}

static void
fail_all(struct batch *batch, const char *code)
{
	for (size_t i = 0; i < batch->count; i++)
		batch->outcomes[i] = OUTCOME_FAILED;
	batch->code = code;
	log_outcome(batch, code);
	record_or_hold(batch);
}

/* Of the one that was tried the least: a fresh click does not wait as long as one that failed
 * often. */
static int64_t
least_attempts(const struct batch *batch)
{
	int64_t least = batch->commands[0].attempts;

	for (size_t i = 1; i < batch->count; i++) {
		if (batch->commands[i].attempts < least)
			least = batch->commands[i].attempts;
	}
	return least;
}

static void
retry_all(struct batch *batch, enum sw_err err, int64_t delay_ms)
{
	if (delay_ms < 0)
		delay_ms = backoff_ms(least_attempts(batch) - 1, RETRY_FIRST_MS, RETRY_MOST_MS);
	for (size_t i = 0; i < batch->count; i++)
		batch->outcomes[i] = OUTCOME_RETRY;
	batch->again_ms = clock_monotonic_ms() + delay_ms;
	log_outcome(batch, err_name(err));
	record_or_hold(batch);
}

/* 200: each command has its own result, in the order they were sent. */
static void
take_results(struct batch *batch, const struct call_answer *answer)
{
	json_t *body = NULL;
	const json_t *results = NULL;

	if (jsonx_load(answer->body, answer->length, &body) == SW_OK)
		results = json_object_get(body, "results");
	for (size_t i = 0; i < batch->count; i++) {
		const char *status = jsonx_string(json_array_get(results, i), "status");

		/* Without a word about it, it was taken: if not, no event confirms it. */
		batch->outcomes[i] = status != NULL && strcmp(status, "FAILED") == 0
					 ? OUTCOME_FAILED
					 : OUTCOME_ACCEPTED;
	}
	batch->code = "refused";
	json_decref(body);
	log_outcome(batch, "accepted");
	record_or_hold(batch);
}

/* What an answer, or the lack of one, means for the commands. */
static void
settle(struct batch *batch, enum sw_err err, int64_t delay_ms)
{
	switch (err) {
	case SW_ECONFLICT:
		fail_all(batch, "offline");
		break;
	case SW_EFORBIDDEN:
	case SW_ENOTFOUND:
	case SW_EINPUT:
		fail_all(batch, "refused");
		break;
	default:
		retry_all(batch, err, delay_ms);
	}
}

static void
on_answer(void *context, const struct call_answer *answer)
{
	struct batch *batch = context;

	FAILPOINT("command.answered");
	if (answer->err == SW_OK)
		take_results(batch, answer);
	else
		settle(batch, answer->err, answer->delay_ms);
}

static json_t *
command_json(const struct store_command *command)
{
	if (strcmp(command->command, "setLevel") == 0)
		return json_pack("{s:s, s:s, s:s, s:[I]}", "component", command->component,
		    "capability", "switchLevel", "command", command->command, "arguments",
		    (json_int_t)command->level);
	return json_pack("{s:s, s:s, s:s, s:[]}", "component", command->component, "capability",
	    "switch", "command", command->command, "arguments");
}

static enum sw_err
put_body(const struct batch *batch, struct sbuf *out)
{
	json_t *commands = json_array();
	json_t *body = json_pack("{s:o}", "commands", commands);
	bool ok = body != NULL;

	for (size_t i = 0; i < batch->count && ok; i++)
		ok = json_array_append_new(commands, command_json(&batch->commands[i])) == 0;
	if (ok)
		jsonx_put(out, body);
	json_decref(body);
	return ok && !sbuf_failed(out) ? SW_OK : SW_ENOMEM;
}

/* No call goes on after the deadlines of what it carries; a late one must not cut a fresh one off.
 */
static long
time_left(const struct batch *batch)
{
	int64_t most_ms = CALL_LEAST_MS;

	for (size_t i = 0; i < batch->count; i++) {
		if (batch->commands[i].left_ms > most_ms)
			most_ms = batch->commands[i].left_ms;
	}
	return (long)most_ms;
}

static void
send_batch(struct batch *batch)
{
	struct sbuf body = {0};
	struct call call = {
	    .installation_id = batch->commands[0].installation_id,
	    .what = PLATFORM_POST_COMMANDS,
	    .id = batch->commands[0].device_id,
	    .timeout_ms = time_left(batch),
	};
	int64_t delay_ms = -1;
	enum sw_err err = put_body(batch, &body);

	call.body = sbuf_text(&body);
	call.body_length = body.length;
	if (err == SW_OK)
		err = call_start(batch->worker, &call, on_answer, batch, &delay_ms);
	sbuf_clear(&body);
	if (err == SW_ENOTFOUND || err == SW_EFORBIDDEN) /* no token: only linking again helps */
		fail_all(batch, "reconnect");
	else if (err != SW_OK)
		settle(batch, err, delay_ms);
}

static bool
copy_command(struct batch *batch, const struct store_command *row)
{
	struct store_command *copy = &batch->commands[batch->count];

	*copy = *row;
	copy->installation_id = arena_strdup(&batch->arena, row->installation_id);
	copy->command_id = arena_strdup(&batch->arena, row->command_id);
	copy->device_id = arena_strdup(&batch->arena, row->device_id);
	copy->component = arena_strdup(&batch->arena, row->component);
	copy->command = arena_strdup(&batch->arena, row->command);
	if (copy->installation_id == NULL || copy->command_id == NULL || copy->device_id == NULL ||
	    copy->component == NULL || copy->command == NULL)
		return false;
	batch->count++;
	return true;
}

static bool
same_device(const struct store_command *a, const struct store_command *b)
{
	return strcmp(a->installation_id, b->installation_id) == 0 &&
	       strcmp(a->device_id, b->device_id) == 0;
}

/* Send rows[first] and what else is for its device; those are marked by a command_id of NULL. */
static void
send_device(struct worker *worker, struct store_command *rows, size_t count, size_t first)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		return; /* the lease gives them back */
	batch->worker = worker;
	batch->started_ms = clock_monotonic_ms();
	for (size_t i = first; i < count && batch->count < BATCH_MAX; i++) {
		if (rows[i].command_id == NULL || !same_device(&rows[first], &rows[i]))
			continue;
		if (!copy_command(batch, &rows[i]))
			break;
		if (i != first)
			rows[i].command_id = NULL;
	}
	if (batch->count == 0) {
		arena_free(&batch->arena);
		free(batch);
		return;
	}
	worker->commands += (int)batch->count;
	FAILPOINT("command.claimed");
	send_batch(batch);
}

int
commands_claim(struct worker *worker)
{
	struct store_command *rows;
	size_t count;

	if (worker->commands >= WORKER_COMMANDS_MAX)
		return 0;
	if (store_command_claim(worker->db, &worker->scratch, worker->id,
		WORKER_COMMANDS_MAX - worker->commands, WORKER_COMMANDS_EACH, &rows,
		&count) != SW_OK)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].command_id != NULL)
			send_device(worker, rows, count, i);
	}
	if (count > 0)
		worker->commands_until_ms = clock_monotonic_ms() + OPEN_MS;
	return (int)count;
}

void
commands_expire(struct worker *worker)
{
	const char **installations;
	size_t count;

	if (store_command_expire(worker->db, &worker->scratch, &installations, &count) != SW_OK)
		return;
	for (size_t i = 0; i < count; i++)
		notify_add_page(&worker->notify, installations[i]);
}
