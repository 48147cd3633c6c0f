/*
 * Sending commands and saving what the platform answers (platform.md "REST calls used").  ACCEPTED
 * does not mean done: the event that follows confirms it.
 */
#include "worker/commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "db/policy.h"
#include "smartthings/api.h"
#include "store/command.h"
#include "worker/calls.h"
#include "worker/command_body.h"
#include "worker/retry.h"

#define BATCH_MAX 10
/* After its deadline a command that was sent is unanswered for a little less than this at most. */
#define UNANSWERED_MS (POLICY_COMMAND_CONFIRM_MS + 5000)
/* However near the deadline: less time than this leaves no chance of an answer. */
#define CALL_LEAST_MS 500

/* Expiry of one pass of the loop; the rest is for the next. */
#define EXPIRE_MOST_MS 100
/* When the database was away, results are saved again after this. */
#define AWAY_MS 500

static const struct backoff backoff = {.first_ms = 500, .most_ms = 8000};
/* Of saving a result. */
static const struct backoff save_backoff = {.first_ms = 200, .most_ms = 5000};

/* Of WORKER_COMMANDS_MAX: one installation leaves room for others that come. */
static const struct command_share share = {.each = 10, .alone = 32};

enum outcome {
	OUTCOME_ACCEPTED,
	OUTCOME_FAILED,
	OUTCOME_RETRY
};

/* The commands of one request, all for one device, and the outcome of each. */
struct command_batch {
	struct worker *worker;
	struct arena arena;
	size_t count;
	struct store_command commands[BATCH_MAX];
	enum outcome outcomes[BATCH_MAX];
	size_t saved;       /* this many outcomes are in the database */
	bool waits;         /* it is in worker->unsaved_results, and counts there no more */
	int64_t save_at_ms; /* monotonic, when it waits */
	int64_t save_failures;
	const char *code;           /* why commands failed: "offline", "refused" or "reconnect" */
	int64_t again_ms;           /* monotonic; when those to be retried are due */
	int64_t started_ms;         /* monotonic */
	struct command_batch *next; /* in worker->unsaved_results */
};

static int64_t
time_left(int64_t at_ms)
{
	int64_t left_ms = at_ms - clock_monotonic_ms();

	return left_ms > 0 ? left_ms : 0;
}

static void
batch_free(struct command_batch *batch)
{
	if (!batch->waits)
		batch->worker->commands -= (int)batch->count;
	batch->worker->has_work = true; /* there is room for more */
	notify_add_page(&batch->worker->notify, batch->commands[0].installation_id);
	arena_free(&batch->arena);
	free(batch);
}

static void
log_outcome(const struct command_batch *batch, const char *outcome)
{
	const struct store_command *first = &batch->commands[0];

	log_event(LOG_INFO, "command.sent", "installation", first->installation_id, "device",
	    first->device_id, "commands", log_int((long long)batch->count), "outcome", outcome,
	    "ms", log_int(clock_monotonic_ms() - batch->started_ms), (const char *)NULL);
}

static enum sw_err
save_one(const struct command_batch *batch, size_t i)
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

/* An error that may pass: the rest has to be saved later.  Else SW_OK. */
static enum sw_err
save(struct command_batch *batch)
{
	for (; batch->saved < batch->count; batch->saved++) {
		const struct store_command *command = &batch->commands[batch->saved];
		enum sw_err err = save_one(batch, batch->saved);

		if (retry_may_help(err))
			return err;
		if (err != SW_OK) /* when its lease ends it is sent again */
			log_event(LOG_ERROR, "command.unsaved", "installation",
			    command->installation_id, "command", command->command_id, "err",
			    err_name(err), (const char *)NULL);
	}
	return SW_OK;
}

static bool
same_installation(const struct command_batch *a, const struct command_batch *b)
{
	return strcmp(a->commands[0].installation_id, b->commands[0].installation_id) == 0;
}

/* Another one of its installation that waits, probably for the lock that this one would meet. */
static const struct command_batch *
find_waiting(const struct command_batch *batch)
{
	const struct command_batch *other = batch->worker->unsaved_results;

	while (other != NULL && !same_installation(other, batch))
		other = other->next;
	return other;
}

/* Each try may take as long as a lock is waited for: one is enough for an installation. */
static void
postpone_others(const struct command_batch *batch)
{
	for (struct command_batch *other = batch->worker->unsaved_results; other != NULL;
	     other = other->next) {
		if (same_installation(other, batch))
			other->save_at_ms = batch->save_at_ms;
	}
}

/* What waits takes no room from the commands of other installations. */
static void
add_waiting(struct command_batch *batch, enum sw_err err)
{
	struct worker *worker = batch->worker;

	log_event(LOG_WARN, "command.save_later", "installation",
	    batch->commands[0].installation_id, "commands",
	    log_int((long long)(batch->count - batch->saved)), "err", err_name(err),
	    (const char *)NULL);
	batch->waits = true;
	worker->commands -= (int)batch->count;
	worker->has_work = true;
	batch->next = worker->unsaved_results;
	worker->unsaved_results = batch;
}

static void
save_later(struct command_batch *batch)
{
	batch->save_at_ms =
	    clock_monotonic_ms() + retry_delay_ms(&save_backoff, batch->save_failures++, -1);
	postpone_others(batch);
}

/* An outcome that is not saved would let the command be sent once more when its lease ends. */
static void
save_now_or_later(struct command_batch *batch)
{
	const struct command_batch *other = find_waiting(batch);
	enum sw_err err = SW_ELOCKED;

	if (other == NULL) {
		err = save(batch);
		if (err != SW_OK)
			save_later(batch);
	} else {
		batch->save_at_ms = other->save_at_ms;
		batch->save_failures = other->save_failures;
	}
	if (err != SW_OK) {
		add_waiting(batch, err);
		return;
	}
	FAILPOINT("command.recorded");
	batch_free(batch);
}

int
commands_retry_saving(struct worker *worker)
{
	struct command_batch **link = &worker->unsaved_results;
	int wait_ms = -1;

	while (*link != NULL) {
		struct command_batch *batch = *link;
		enum sw_err err = SW_ELOCKED;

		if (clock_monotonic_ms() >= batch->save_at_ms) {
			err = save(batch);
			if (err == SW_EUNAVAILABLE)
				return AWAY_MS;
			if (err != SW_OK)
				save_later(batch);
		}
		if (err == SW_OK) {
			*link = batch->next;
			batch_free(batch);
		} else {
			wait_ms = retry_earlier(wait_ms, time_left(batch->save_at_ms));
			link = &batch->next;
		}
	}
	return wait_ms;
}

static void
fail_all(struct command_batch *batch, const char *code)
{
	for (size_t i = 0; i < batch->count; i++)
		batch->outcomes[i] = OUTCOME_FAILED;
	batch->code = code;
	log_outcome(batch, code);
	save_now_or_later(batch);
}

/* A fresh click in the batch must not wait as long as one that failed often. */
static int64_t
least_attempts(const struct command_batch *batch)
{
	int64_t least = batch->commands[0].attempts;

	for (size_t i = 1; i < batch->count; i++) {
		if (batch->commands[i].attempts < least)
			least = batch->commands[i].attempts;
	}
	return least;
}

static void
retry_all(struct command_batch *batch, enum sw_err err, int64_t delay_ms)
{
	delay_ms = retry_delay_ms(&backoff, least_attempts(batch) - 1, delay_ms);
	for (size_t i = 0; i < batch->count; i++)
		batch->outcomes[i] = OUTCOME_RETRY;
	batch->again_ms = clock_monotonic_ms() + delay_ms;
	log_outcome(batch, err_name(err));
	save_now_or_later(batch);
}

/* They are to be sent again, but not before the token is refreshed. */
static void
wait_for_token(struct command_batch *batch)
{
	struct worker *worker = batch->worker;
	const char *id = arena_strdup(&worker->scratch, batch->commands[0].installation_id);

	retry_all(batch, SW_EAUTH, 0);
	/* When it cannot be recorded, the next try finds that the token has expired. */
	if (id == NULL || store_command_wait_for_token(worker->db, id) != SW_OK)
		log_event(LOG_WARN, "command.wait", "installation", id, (const char *)NULL);
}

/* 200: each command has its own result. */
static void
take_results(struct command_batch *batch, const struct call_answer *answer)
{
	bool refused[BATCH_MAX];

	command_read_results(answer->body, answer->length, refused, batch->count);
	for (size_t i = 0; i < batch->count; i++)
		batch->outcomes[i] = refused[i] ? OUTCOME_FAILED : OUTCOME_ACCEPTED;
	batch->code = "refused";
	log_outcome(batch, "accepted");
	save_now_or_later(batch);
}

/* The outcome of all commands of a call that failed or did not start. */
static void
take_error(struct command_batch *batch, enum sw_err err, int64_t delay_ms)
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
	case SW_EAUTH:
		wait_for_token(batch);
		break;
	default:
		retry_all(batch, err, delay_ms);
	}
}

static void
on_answer(void *context, const struct call_answer *answer)
{
	struct command_batch *batch = context;

	FAILPOINT("command.answered");
	if (answer->err == SW_OK)
		take_results(batch, answer);
	else
		take_error(batch, answer->err, answer->delay_ms);
}

/* Until the latest deadline. */
static int64_t
most_left_ms(const struct store_command *commands, size_t count)
{
	int64_t most_ms = 0;

	for (size_t i = 0; i < count; i++) {
		if (commands[i].left_ms > most_ms)
			most_ms = commands[i].left_ms;
	}
	return most_ms;
}

/* A call lasts no longer than the latest deadline of the commands in it. */
static long
latest_deadline_ms(const struct command_batch *batch)
{
	int64_t most_ms = most_left_ms(batch->commands, batch->count);

	return most_ms > CALL_LEAST_MS ? (long)most_ms : CALL_LEAST_MS;
}

static void
send_batch(struct command_batch *batch)
{
	struct sbuf body = {0};
	struct call call = {
	    .installation_id = batch->commands[0].installation_id,
	    .what = PLATFORM_POST_COMMANDS,
	    .id = batch->commands[0].device_id,
	    .timeout_ms = latest_deadline_ms(batch),
	    .priority = WORK_WAITED_FOR,
	};
	int64_t delay_ms = -1;
	enum sw_err err = command_put_body(&body, batch->commands, batch->count);

	call.body = sbuf_text(&body);
	call.body_length = body.length;
	if (err == SW_OK)
		err = call_start(batch->worker, &call, on_answer, batch, &delay_ms);
	sbuf_clear(&body);
	if (err == SW_ENOTFOUND || err == SW_EFORBIDDEN) /* no token: only linking again helps */
		fail_all(batch, "reconnect");
	else if (err != SW_OK)
		take_error(batch, err, delay_ms);
}

static bool
copy_command(struct command_batch *batch, const struct store_command *row)
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

/*
 * Send rows[first] and the other commands for its device, up to BATCH_MAX; the command_id of those
 * becomes NULL, so that they are not sent twice.
 */
static void
send_device(struct worker *worker, struct store_command *rows, size_t count, size_t first)
{
	struct command_batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		return; /* out of memory: the end of the lease puts them back */
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
	int64_t until_ms;

	if (worker->commands >= WORKER_COMMANDS_MAX)
		return 0;
	if (store_command_claim(worker->db, &worker->scratch, worker->id,
		WORKER_COMMANDS_MAX - worker->commands, &share, &rows, &count) != SW_OK)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].command_id != NULL)
			send_device(worker, rows, count, i);
	}
	if (count > 0) {
		until_ms = clock_monotonic_ms() + most_left_ms(rows, count) + UNANSWERED_MS;
		if (until_ms > worker->commands_until_ms)
			worker->commands_until_ms = until_ms;
	}
	return (int)count;
}

bool
commands_expire(struct worker *worker)
{
	int64_t end_ms = clock_monotonic_ms() + EXPIRE_MOST_MS;
	struct store_overdue *rows;
	size_t count;

	if (store_command_overdue(worker->db, &worker->scratch, &rows, &count) != SW_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		bool done;
		enum sw_err err;

		if (clock_monotonic_ms() >= end_ms)
			return true;
		err = store_command_fail_overdue(worker->db, &rows[i], &done);
		if (err == SW_EUNAVAILABLE)
			return false;
		if (done)
			notify_add_page(&worker->notify, rows[i].installation_id);
	}
	return false;
}
