/*
 * Typed statements on work and worker.
 */
#include "store/work.h"

#include <string.h>

#include "store/query.h"

#define LONG_PAST_MS INT64_C(-1000000000)

static const char *const names[] = {
    [WORK_DEVICE_SYNC] = "device_sync",
    [WORK_SUBSCRIPTION_SYNC] = "subscription_sync",
    [WORK_UNINSTALL] = "uninstall",
    [WORK_REFRESH] = "refresh",
    [WORK_CONFIRMATION] = "confirmation",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == WORK_KIND__MAX, "a name for every kind");

const char *
work_kind_name(enum work_kind kind)
{
	return names[kind];
}

static enum work_kind
kind_from_name(const char *name)
{
	int kind = 0;

	while (kind < WORK_KIND__MAX && strcmp(names[kind], name) != 0)
		kind++;
	return (enum work_kind)kind;
}

static void
read_work(struct store_row *row, void *out)
{
	struct store_work *work = out;

	work->installation_id = store_row_text(row, 0);
	work->kind = kind_from_name(db_result_text(row->result, row->index, 1));
	work->subject = store_row_text(row, 2);
	work->claim = store_row_int(row, 3);
	work->generation = store_row_int(row, 4);
	work->attempts = store_row_int(row, 5);
	work->age_s = store_row_int(row, 6);
	row->is_skipped = work->kind == WORK_KIND__MAX;
}

enum sw_err
store_work_claim(struct db *db, struct arena *arena, const char *worker_id,
    enum work_priority priority, int limit, struct store_work **out, size_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(db_int_text(arena, priority)),
	    DB_TEXT(db_int_text(arena, limit)),
	};
	struct store_list list = {0};
	enum sw_err err = SW_ENOMEM;

	if (params[2].text != NULL) /* NULL would mean without limit */
		err = store_query_list(
		    db, arena, STMT_WORK_CLAIM, params, read_work, sizeof(**out), &list);
	*out = list.elements;
	*count = list.count;
	for (size_t i = 0; i < *count; i++)
		(*out)[i].priority = priority;
	return err;
}

enum sw_err
store_work_renew(struct db *db, struct arena *arena, const struct store_work *work, bool *mine)
{
	const struct db_param params[] = {
	    DB_TEXT(work->installation_id),
	    DB_TEXT(work_kind_name(work->kind)),
	    DB_TEXT(db_int_text(arena, work->claim)),
	};

	return store_query_bool(db, STMT_WORK_KEEP, params, mine);
}

enum sw_err
store_work_done(struct db *db, struct arena *arena, const struct store_work *work)
{
	const struct db_param params[] = {
	    DB_TEXT(work->installation_id),
	    DB_TEXT(work_kind_name(work->kind)),
	    DB_TEXT(db_int_text(arena, work->claim)),
	    DB_TEXT(db_int_text(arena, work->generation)),
	};

	return db_exec(db, STMT_WORK_DONE, params, NULL);
}

enum sw_err
store_work_failed(struct db *db, struct arena *arena, const struct store_work *work,
    const char *error, int64_t delay_ms)
{
	const struct db_param params[] = {
	    DB_TEXT(work->installation_id),
	    DB_TEXT(work_kind_name(work->kind)),
	    DB_TEXT(db_int_text(arena, work->claim)),
	    DB_TEXT(error),
	    DB_TEXT(db_int_text(arena, delay_ms)),
	};

	return db_exec(db, STMT_WORK_FAILED, params, NULL);
}

enum sw_err
store_work_wait_for_token(struct db *db, struct arena *arena, const struct store_work *work)
{
	const struct db_param params[] = {
	    DB_TEXT(work->installation_id),
	    DB_TEXT(work_kind_name(work->kind)),
	    DB_TEXT(db_int_text(arena, work->claim)),
	};

	return db_exec(db, STMT_WORK_WAIT_FOR_TOKEN, params, NULL);
}

enum sw_err
store_work_put(struct db *db, struct arena *arena, const char *installation_id, enum work_kind kind,
    enum work_priority priority, int64_t delay_s)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(work_kind_name(kind)),
	    DB_TEXT(db_int_text(arena, priority)),
	    DB_TEXT(db_int_text(arena, delay_s)),
	};

	return db_exec(db, STMT_WORK_PUT, params, NULL);
}

static struct db_param
bool_param(bool value)
{
	return DB_TEXT(value ? "t" : "f");
}

enum sw_err
store_work_next_ms(
    struct db *db, const bool is_free[static WORK_PRIORITY__MAX], bool commands_free, int64_t *out)
{
	const struct db_param params[] = {
	    bool_param(is_free[WORK_WAITED_FOR]),
	    bool_param(is_free[WORK_BY_EVENT]),
	    bool_param(is_free[WORK_UPKEEP]),
	    bool_param(commands_free),
	};
	enum sw_err err = store_query_int(db, STMT_WORK_NEXT_MS, params, INT64_MAX, out);

	if (*out < LONG_PAST_MS)
		*out = LONG_PAST_MS;
	return err;
}

enum sw_err
store_worker_seen(struct db *db, struct arena *arena, const char *worker_id, const char *host,
    int64_t pid, bool *catch_up)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    DB_TEXT(host),
	    DB_TEXT(db_int_text(arena, pid)),
	};

	return store_query_bool(db, STMT_WORKER_SEEN, params, catch_up);
}

enum sw_err
store_catch_up_some(struct db *db, bool *more)
{
	return store_query_bool(db, STMT_CATCH_UP_SOME, NULL, more);
}

enum sw_err
store_worker_release(struct db *db, const char *worker_id, const struct store_claims *claims,
    bool dead, int64_t *count)
{
	const struct db_param params[] = {
	    DB_TEXT(worker_id),
	    bool_param(claims->jobs),
	    bool_param(claims->refreshes),
	    bool_param(claims->commands),
	    bool_param(claims->confirmations),
	    bool_param(dead),
	};

	return store_query_int(db, STMT_WORKER_RELEASE, params, 0, count);
}
