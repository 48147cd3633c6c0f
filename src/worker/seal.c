/*
 * Sealing stored tokens again after a change of keys: a walk through the rows in the order of their
 * ids, in small batches.
 */
#include "worker/seal.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/token.h"
#include "worker/id.h"
#include "worker/key_check.h"
#include "worker/replay.h"
#include "worker/retry.h"

/* Each row is a commit, and the loop does nothing else during a batch. */
#define BATCH 8
#define PAUSE_MS 20
#define RETRY_MS 2000
#define CHECK_MS 60000
/* Rows that no key opens: this process gets no other keys, but the rows may be linked again. */
#define CHECK_UNOPENED_MS 600000

struct sealer {
	bool walking;
	char after[ID_SIZE]; /* id of the last row that was done */
	int64_t next_ms;     /* monotonic */
	int64_t renewed;     /* since the last line that was logged */
	int64_t unopened;    /* rows of this walk that stayed as they were */
	bool logged;         /* a line was, with the two counts that follow */
	int64_t logged_unopened;
	int64_t logged_spooled;
	void *reported; /* ids whose row no key opened, as tsearch() keeps them */
};

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

enum sw_err
sealer_new(struct sealer **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? SW_OK : SW_ENOMEM;
}

void
sealer_free(struct sealer *sealer)
{
	if (sealer == NULL)
		return;
	tdestroy(sealer->reported, free);
	free(sealer);
}

/* Without memory for it the row is logged once more the next time. */
static void
remember_reported(struct sealer *sealer, const char *id)
{
	char *copy = strdup(id);

	if (copy != NULL && tsearch(copy, &sealer->reported, compare_ids) == NULL)
		free(copy);
}

static enum sw_err
report_unopened(struct worker *worker, const struct store_seal_rows *rows, int row)
{
	struct sealer *sealer = worker->sealer;
	const char *id = store_seal_installation(rows, row);
	bool is_new, known;
	enum sw_err err;

	sealer->unopened++;
	if (!key_check_is_lost(worker, store_seal_key_id(rows, row)))
		return SW_OK;
	/* In every walk: it may have been linked again with a key that this worker lacks. */
	err = store_seal_unopened(worker->db, rows, row, &is_new);
	if (err != SW_OK)
		return err;
	if (is_new)
		notify_add_page(&worker->notify, id);
	known = tfind(id, &sealer->reported, compare_ids) != NULL;
	if (is_new || !known)
		log_event(LOG_ERROR, "token.sealed", "installation", id, "key",
		    store_seal_key_id(rows, row), "message",
		    "no key in SWITCHBOARD_SEAL_KEYS opens it: give the key back, or link again",
		    (const char *)NULL);
	if (!known)
		remember_reported(sealer, id);
	return SW_OK;
}

static enum sw_err
renew(struct worker *worker, const struct store_seal_rows *rows, int row)
{
	const char *id = store_seal_installation(rows, row);
	bool stored;
	enum sw_err err = store_seal_renew(
	    worker->db, &worker->scratch, &worker->config->seal_keys, rows, row, &stored);

	if (err == SW_EFORBIDDEN)
		return report_unopened(worker, rows, row);
	if (err != SW_OK || !stored)
		return err;
	worker->sealer->renewed++;
	if (store_seal_is_marked(rows, row)) {
		log_event(LOG_INFO, "token.opened", "installation", id, (const char *)NULL);
		notify_add_page(&worker->notify, id);
		worker->has_work = true;
	}
	return SW_OK;
}

/*
 * Does nothing else succeed now either?  Else the walk goes on without the row; when that is only
 * locked, for example, the next check finds that something is due.
 */
static bool
ends_walk(enum sw_err err)
{
	return err == SW_EUNAVAILABLE || err == SW_ENOMEM;
}

/* Seal the next rows; *count is how many there were. */
static enum sw_err
renew_batch(struct worker *worker, int *count)
{
	struct sealer *sealer = worker->sealer;
	struct store_seal_rows rows = {0};
	enum sw_err err = store_seal_next(
	    worker->db, &worker->scratch, &worker->config->seal_keys, sealer->after, BATCH, &rows);

	for (int row = 0; row < rows.count && err == SW_OK; row++) {
		const char *id = store_seal_installation(&rows, row);

		err = renew(worker, &rows, row);
		if (ends_walk(err))
			break;
		if (retry_may_help(err)) {
			log_event(LOG_WARN, "seal.later", "installation", id, "err", err_name(err),
			    (const char *)NULL);
			err = SW_OK;
		} else if (err != SW_OK) {
			log_event(LOG_ERROR, "seal.failed", "installation", id, "err",
			    err_name(err), (const char *)NULL);
			sealer->unopened++;
			err = SW_OK;
		}
		snprintf(sealer->after, sizeof(sealer->after), "%s", id);
	}
	*count = rows.count;
	store_seal_rows_clear(&rows);
	return err;
}

/* Log how the walk ended, unless the last line says the same. */
static void
log_result(struct worker *worker, int64_t spooled)
{
	struct sealer *sealer = worker->sealer;
	bool done = sealer->unopened == 0 && spooled == 0;

	if (sealer->logged && sealer->renewed == 0 && sealer->unopened == sealer->logged_unopened &&
	    spooled == sealer->logged_spooled)
		return;
	log_event(done ? LOG_INFO : LOG_WARN, done ? "seal.done" : "seal.left", "key",
	    worker->config->seal_keys.keys[0].id, "resealed", log_int(sealer->renewed), "unopened",
	    log_int(sealer->unopened), "spooled", log_int(spooled), (const char *)NULL);
	sealer->logged = true;
	sealer->logged_unopened = sealer->unopened;
	sealer->logged_spooled = spooled;
	sealer->renewed = 0;
}

/*
 * The walk has ended, or none was needed.  "due" with nothing unopened means that a program which
 * still has the old keys stored another row meanwhile: the next check begins another walk.
 */
static int
finish(struct worker *worker, bool due)
{
	struct sealer *sealer = worker->sealer;
	size_t spooled;

	sealer->walking = false;
	if (due && sealer->unopened == 0)
		return CHECK_MS;
	if (!replay_count_old(worker->replay, &spooled))
		return RETRY_MS;
	log_result(worker, (int64_t)spooled);
	return sealer->unopened > 0 ? CHECK_UNOPENED_MS : CHECK_MS;
}

/* Begin a walk when the database has rows to seal, end the one that has come to its last row. */
static int
check_database(struct worker *worker)
{
	struct sealer *sealer = worker->sealer;
	bool due;

	if (store_seal_is_due(worker->db, &worker->config->seal_keys, &due) != SW_OK)
		return RETRY_MS;
	if (!due)
		sealer->unopened = 0;
	if (sealer->walking || !due)
		return finish(worker, due);
	sealer->walking = true;
	sealer->after[0] = '\0';
	sealer->unopened = 0;
	return 0;
}

/* Returns in how many ms the next step is due. */
static int
step(struct worker *worker)
{
	int count;

	if (!worker->sealer->walking)
		return check_database(worker);
	if (renew_batch(worker, &count) != SW_OK)
		return RETRY_MS;
	return count == BATCH ? PAUSE_MS : check_database(worker);
}

int
seal_run(struct worker *worker)
{
	struct sealer *sealer = worker->sealer;
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms >= sealer->next_ms)
		sealer->next_ms = now_ms + step(worker);
	return sealer->next_ms > now_ms ? (int)(sealer->next_ms - now_ms) : 0;
}
