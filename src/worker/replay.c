/*
 * Walks through the spool: batches of names are compared with the database, and what is to be done
 * with a file is done one by one, so that a walk can stop after any of them.
 */
#include "worker/replay.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/token.h"
#include "worker/retry.h"
#include "worker/spool.h"

#define BATCH 256
/* The loop does nothing else meanwhile. */
#define STEP_MS 50
#define SWEEP_STEP_MS 10
#define SWEEP_PAUSE_MS 20
/* After a sweep: 10 s, and 5 ms for each file, so that the load is the same for any number. */
#define SWEEP_AGAIN_MS 10000
#define SWEEP_SOON_MS 2000
#define SWEEP_FILE_MS 5

struct replay {
	DIR *list;   /* of the walk under way; NULL: there is none */
	bool tidy;   /* it is a sweep */
	size_t seen; /* files of this walk */
	size_t old;  /* of these left under another key than the first */
	struct spool_file files[BATCH];
	struct store_spooled answers[BATCH]; /* of the files */
	size_t count, next;                  /* how many there are, and are done */

	int64_t sweep_ms; /* monotonic: the next sweep or its next step */
	bool swept;       /* a sweep has ended, and left this many: */
	size_t left;
};

enum sw_err
replay_new(struct replay **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? SW_OK : SW_ENOMEM;
}

static void
end_walk(struct replay *replay)
{
	if (replay->list != NULL)
		closedir(replay->list);
	replay->list = NULL;
}

void
replay_free(struct replay *replay)
{
	if (replay != NULL)
		end_walk(replay);
	free(replay);
}

void
replay_request(struct worker *worker)
{
	end_walk(worker->replay);
	worker->replay_due = true;
}

static enum sw_err
begin_walk(struct worker *worker, bool tidy)
{
	struct replay *replay = worker->replay;

	end_walk(replay);
	replay->tidy = tidy;
	replay->seen = 0;
	replay->old = 0;
	replay->count = 0;
	replay->next = 0;
	replay->list = spool_list(worker->spool);
	return replay->list != NULL ? SW_OK : SW_EINTERNAL;
}

/* Read the next names, and compare them. */
static enum sw_err
next_batch(struct worker *worker)
{
	struct replay *replay = worker->replay;

	replay->count = 0;
	replay->next = 0;
	while (replay->count < BATCH &&
	       spool_next(worker->spool, replay->list, &replay->files[replay->count])) {
		const struct spool_file *file = &replay->files[replay->count];

		replay->answers[replay->count++] = (struct store_spooled){
		    .installation_id = file->installation_id, .generation = file->generation};
	}
	replay->seen += replay->count;
	if (replay->count == 0)
		return SW_OK;
	return store_token_spooled(worker->db, replay->answers, replay->count);
}

/* Does the database refuse an answer for good? */
static bool
is_refused(enum sw_err err)
{
	return err == SW_EINPUT || err == SW_EFORBIDDEN || err == SW_EINTERNAL;
}

static enum sw_err
store_answer(struct worker *worker, const struct spool_file *file,
    const struct oauth_tokens *tokens, int64_t obtained_at)
{
	int64_t age_s = clock_now() - obtained_at;
	bool stored;
	enum sw_err err =
	    store_token_store(worker->db, &worker->scratch, &worker->config->seal_keys,
		file->installation_id, file->generation, tokens, age_s > 0 ? age_s : 0, &stored);

	if (is_refused(err))
		log_event(LOG_ERROR, "spool.refused", "installation", file->installation_id, "file",
		    file->name, "err", err_name(err), (const char *)NULL);
	if (err != SW_OK)
		return err;
	log_event(LOG_INFO, "spool.replayed", "installation", file->installation_id, "stored",
	    stored ? "yes" : "no", "age_s", log_int(age_s), (const char *)NULL);
	/* Else the same pair was stored meanwhile, or a newer one: the next comparison says which.
	 */
	if (stored)
		notify_add_page(&worker->notify, file->installation_id);
	return SW_OK;
}

/* An answer that cannot be stored, at all or now (its row is locked for example), delays no other.
 */
static enum sw_err
pass_by(struct worker *worker, enum sw_err err)
{
	if (is_refused(err))
		return SW_OK;
	if (!retry_may_help(err) || err == SW_EUNAVAILABLE)
		return err;
	replay_sweep_soon(worker);
	return SW_OK;
}

/* Store an answer that is newer than the stored pair; *readable: it can be sealed anew as well. */
static enum sw_err
replay_file(struct worker *worker, const struct spool_file *file, bool *readable)
{
	struct oauth_tokens tokens = {0};
	int64_t obtained_at = 0;
	enum sw_err err = spool_read(worker->spool, file, &tokens, &obtained_at);

	*readable = err == SW_OK;
	if (err == SW_OK) {
		err = pass_by(worker, store_answer(worker, file, &tokens, obtained_at));
	} else if (err != SW_ENOMEM) {
		if (err == SW_EFORBIDDEN || err == SW_EINPUT)
			log_event(LOG_ERROR, "spool.unreadable", "installation",
			    file->installation_id, "file", file->name, "message",
			    err == SW_EFORBIDDEN
				? "sealed with a key that is not in SWITCHBOARD_SEAL_KEYS"
				: "damaged, or not of this name",
			    (const char *)NULL);
		if (err == SW_EFORBIDDEN)
			worker->replay->old++;
		err = SW_OK;
	}
	oauth_tokens_clear(&tokens);
	return err;
}

/* The pair of this file is in the database: without a key for it the file is of no use. */
static void
tidy_file(struct worker *worker, const struct spool_file *file)
{
	enum sw_err err = spool_reseal(worker->spool, file);

	if (err == SW_EFORBIDDEN || err == SW_EINPUT) {
		log_event(LOG_WARN, "spool.removed", "installation", file->installation_id, "file",
		    file->name, "message", "no key opens it; the database has its tokens",
		    (const char *)NULL);
		spool_remove(worker->spool, file->installation_id, file->generation);
	} else if (err != SW_OK) {
		worker->replay->old++;
	}
}

static enum sw_err
handle(struct worker *worker, size_t index)
{
	struct replay *replay = worker->replay;
	const struct spool_file *file = &replay->files[index];
	bool readable = true;
	enum sw_err err = SW_OK;

	switch (replay->answers[index].state) {
	case STORE_SPOOLED_OLDER:
		spool_remove(worker->spool, file->installation_id, file->generation);
		return SW_OK;
	case STORE_SPOOLED_NEWER:
		err = replay_file(worker, file, &readable);
		break;
	case STORE_SPOOLED_STORED:
		break;
	}
	if (err == SW_OK && readable && replay->tidy)
		tidy_file(worker, file);
	return err;
}

/* Walk on for some time; the walk has ended when *ended, and after a failure. */
static enum sw_err
walk(struct worker *worker, int64_t for_ms, bool *ended)
{
	struct replay *replay = worker->replay;
	int64_t until_ms = clock_monotonic_ms() + for_ms;
	enum sw_err err = SW_OK;

	*ended = false;
	do {
		if (replay->next == replay->count) {
			err = next_batch(worker);
			*ended = err == SW_OK && replay->count == 0;
		} else {
			err = handle(worker, replay->next++);
		}
	} while (err == SW_OK && !*ended && clock_monotonic_ms() < until_ms);
	if (err != SW_OK || *ended)
		end_walk(replay);
	return err;
}

enum sw_err
replay_run(struct worker *worker)
{
	struct replay *replay = worker->replay;
	enum sw_err err = SW_OK;
	bool ended = false;

	if (replay->list == NULL || replay->tidy)
		err = begin_walk(worker, false);
	if (err == SW_OK)
		err = walk(worker, STEP_MS, &ended);
	if (ended) {
		worker->replay_due = false;
		worker->has_work = true; /* what waited for it */
	}
	return err;
}

enum sw_err
replay_all(struct worker *worker)
{
	enum sw_err err = SW_OK;

	replay_request(worker);
	while (err == SW_OK && worker->replay_due)
		err = replay_run(worker);
	return err;
}

static int64_t
sweep(struct worker *worker)
{
	struct replay *replay = worker->replay;
	bool ended = false;

	if (replay->list == NULL && begin_walk(worker, true) != SW_OK)
		return SWEEP_AGAIN_MS;
	if (walk(worker, SWEEP_STEP_MS, &ended) != SW_OK)
		return SWEEP_AGAIN_MS;
	if (!ended)
		return SWEEP_PAUSE_MS;
	replay->swept = true;
	replay->left = replay->old;
	return SWEEP_AGAIN_MS + (int64_t)replay->seen * SWEEP_FILE_MS;
}

int
replay_sweep(struct worker *worker)
{
	struct replay *replay = worker->replay;
	int64_t now_ms = clock_monotonic_ms();
	int64_t pause_ms;

	if (now_ms >= replay->sweep_ms) {
		replay->sweep_ms = INT64_MAX; /* unless the sweep itself asks for the next */
		pause_ms = sweep(worker);
		if (replay->sweep_ms > now_ms + pause_ms)
			replay->sweep_ms = now_ms + pause_ms;
	}
	return (int)(replay->sweep_ms - now_ms);
}

void
replay_sweep_soon(struct worker *worker)
{
	struct replay *replay = worker->replay;
	int64_t soon_ms = clock_monotonic_ms() + SWEEP_SOON_MS;

	if (replay->sweep_ms > soon_ms)
		replay->sweep_ms = soon_ms;
}

enum sw_err
replay_one(struct worker *worker, const char *installation_id, int64_t generation, bool *found)
{
	struct oauth_tokens tokens = {0};
	struct spool_file file;
	int64_t obtained_at;
	enum sw_err err = SW_OK;

	*found = spool_find(worker->spool, installation_id, generation, &file) &&
		 spool_read(worker->spool, &file, &tokens, &obtained_at) == SW_OK;
	if (*found)
		err = store_answer(worker, &file, &tokens, obtained_at);
	oauth_tokens_clear(&tokens);
	if (!is_refused(err))
		return err;
	*found = false;
	return SW_OK;
}

bool
replay_count_old(const struct replay *replay, size_t *count)
{
	*count = replay->left;
	return replay->swept;
}
