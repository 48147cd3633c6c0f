/*
 * Sealing stored tokens anew after a change of keys.  What it hides: the walk
 * through the rows by id, in batches that hold up nobody, and which rows it
 * has complained of already.
 */
#include "worker/seal.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/token.h"
#include "worker/spool.h"

/* Each row is a commit, and clicks wait behind a batch. */
#define BATCH 8
#define PAUSE_MS 20
#define RETRY_MS 2000
#define LOOK_MS 60000
/* The keys of this process stay what they are: what none opened waits for other things. */
#define LOOK_LEFT_MS 600000

struct sealer {
	bool walking;
	char after[129]; /* id of the last row that was done */
	int64_t next_ms; /* monotonic */
	/* of this walk */
	int64_t renewed;
	int64_t left;
	/* of all walks */
	bool told; /* something was logged, the rest of these is what */
	int64_t told_left;
	int64_t told_spooled;
	void *complained; /* tree of ids */
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
	tdestroy(sealer->complained, free);
	free(sealer);
}

/* When memory is short it is forgotten, and complained of again. */
static void
remember(struct sealer *sealer, const char *id)
{
	char *copy = strdup(id);

	if (copy != NULL && tsearch(copy, &sealer->complained, compare_ids) == NULL)
		free(copy);
}

static enum sw_err
complain(struct worker *worker, const struct store_seal_rows *rows, int row)
{
	struct sealer *sealer = worker->sealer;
	const char *id = store_seal_installation(rows, row);
	bool news, known;
	enum sw_err err;

	/* Marked each time: it may have been linked again since, with a key that this worker lacks.
	 */
	err = store_seal_unopened(worker->db, rows, row, &news);
	if (err != SW_OK)
		return err;
	if (news)
		notify_add_page(&worker->notify, id);
	known = tfind(id, &sealer->complained, compare_ids) != NULL;
	if (news || !known)
		log_event(LOG_ERROR, "token.sealed", "installation", id, "key",
		    store_seal_key_id(rows, row), "message",
		    "no key in SWITCHBOARD_SEAL_KEYS opens it: give the key back, or link again",
		    (const char *)NULL);
	if (!known)
		remember(sealer, id);
	sealer->left++;
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
		return complain(worker, rows, row);
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

/* What another try in a moment may mend. */
static bool
is_passing(enum sw_err err)
{
	return err == SW_EUNAVAILABLE || err == SW_ETIMEOUT || err == SW_ECONFLICT ||
	       err == SW_ENOMEM;
}

/* The next rows; *count is how many there were. */
static enum sw_err
do_batch(struct worker *worker, int *count)
{
	struct sealer *sealer = worker->sealer;
	struct store_seal_rows rows = {0};
	enum sw_err err = store_seal_next(
	    worker->db, &worker->scratch, &worker->config->seal_keys, sealer->after, BATCH, &rows);

	for (int row = 0; row < rows.count && err == SW_OK; row++) {
		const char *id = store_seal_installation(&rows, row);

		err = renew(worker, &rows, row);
		if (is_passing(err))
			break;
		if (err != SW_OK) {
			log_event(LOG_ERROR, "seal.failed", "installation", id, "err",
			    err_name(err), (const char *)NULL);
			sealer->left++;
			err = SW_OK;
		}
		snprintf(sealer->after, sizeof(sealer->after), "%s", id);
	}
	*count = rows.count;
	store_seal_rows_clear(&rows);
	return err;
}

/* Say how it ended, unless it is what was said the last time. */
static void
tell(struct worker *worker)
{
	struct sealer *sealer = worker->sealer;
	int64_t spooled = (int64_t)spool_count_old(worker->spool);
	bool done = sealer->left == 0 && spooled == 0;

	if (sealer->told && sealer->renewed == 0 && sealer->left == sealer->told_left &&
	    spooled == sealer->told_spooled)
		return;
	log_event(done ? LOG_INFO : LOG_WARN, done ? "seal.done" : "seal.left", "key",
	    worker->config->seal_keys.keys[0].id, "resealed", log_int(sealer->renewed), "unopened",
	    log_int(sealer->left), "spooled", log_int(spooled), (const char *)NULL);
	sealer->told = true;
	sealer->told_left = sealer->left;
	sealer->told_spooled = spooled;
	sealer->renewed = 0;
}

/*
 * Nothing is left to walk through.  Done is what the database says is done: a
 * program that still has the old keys may have stored another row meanwhile.
 */
static int
finish(struct worker *worker, bool due)
{
	struct sealer *sealer = worker->sealer;

	sealer->walking = false;
	if (due && sealer->left == 0)
		return LOOK_MS;
	tell(worker);
	return sealer->left > 0 ? LOOK_LEFT_MS : LOOK_MS;
}

static int
look(struct worker *worker)
{
	struct sealer *sealer = worker->sealer;
	bool due;

	if (store_seal_is_due(worker->db, &worker->config->seal_keys, &due) != SW_OK)
		return RETRY_MS;
	if (!due)
		sealer->left = 0;
	if (sealer->walking || !due)
		return finish(worker, due);
	sealer->walking = true;
	sealer->after[0] = '\0';
	sealer->left = 0;
	return 0;
}

static int
step(struct worker *worker)
{
	int count;

	if (!worker->sealer->walking)
		return look(worker);
	if (do_batch(worker, &count) != SW_OK)
		return RETRY_MS;
	return count == BATCH ? PAUSE_MS : look(worker);
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
